"""What is inside a model plugin and makes it what it is: the modules that its code imports, its weights."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_INSTALLED = {"site-packages", "dist-packages"}
_DEPTH = 4


def imports_sha256(plugin: object, source: Path | None) -> str:
    """Return a hash of the source files that the code of a plugin imports, and of those that these import.

    Of what is installed only the plugin's own package is looked at.
    """
    own = {type(plugin).__module__, *(() if source is None else _modules_at(source))}
    packages = {name.partition(".")[0] for name in own}
    seen: dict[Path, str] = {}
    todo = sorted(own)
    while todo:
        name = todo.pop()
        file = _file(name)
        if file is not None and file not in seen and _is_local(name, file, packages):
            content = file.read_bytes()
            seen[file] = hashlib.sha256(content).hexdigest()
            todo += _imported(content, _package(name))
    return hashlib.sha256("\n".join(sorted(seen.values())).encode()).hexdigest()


def _modules_at(source: Path) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if (
            isinstance(file, str)
            and Path(file).name == source.name
            and Path(file).resolve() == source.resolve()
        ):
            yield name


def _file(name: str) -> Path | None:
    """The source of a module that is imported, or could be; a module of a package only if it is."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if name not in sys.modules and "." not in name:
        try:
            found = find_spec(name)
        except ValueError:  # a name that means nothing
            found = None
        file = found.origin if found else None
    return Path(file) if isinstance(file, str) and file.endswith(".py") and Path(file).is_file() else None


def _is_local(name: str, file: Path, packages: set[str]) -> bool:
    top = name.partition(".")[0]
    if top == "segbench":
        return False
    installed = _INSTALLED.intersection(file.parts) or file.is_relative_to(sysconfig.get_path("stdlib"))
    return top in packages or not installed


def _package(name: str) -> str:
    module = sys.modules.get(name)
    return getattr(module, "__package__", None) or ""


def _imported(content: bytes, package: str) -> Iterator[str]:
    """The names of modules that a source file may import, anywhere in it."""
    try:
        tree = ast.parse(content)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*filter(None, parents), *filter(None, [node.module])])
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: i + 1]) for i in range(len(parts)) if name)


def weights_inside_sha256(plugin: object) -> str | None:
    """Return a hash of the arrays, tensors and torch modules that a plugin holds; None where it holds none.

    They are looked for in its attributes, in containers of these, and in objects of its own module.
    """
    digest, found = hashlib.sha256(), False
    for name, array in _arrays(plugin, "", _DEPTH, type(plugin).__module__):
        found = True
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest() if found else None


def _arrays(value: Any, name: str, depth: int, home: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays in a value, by their places."""
    torch: Any = sys.modules.get("torch")
    if isinstance(value, np.ndarray):
        if not value.dtype.hasobject:
            yield name, value
    elif torch is not None and isinstance(value, torch.nn.Module):
        for key, tensor in sorted(value.state_dict().items()):
            yield from _arrays(tensor, f"{name}.{key}", 1, home)
    elif torch is not None and isinstance(value, torch.Tensor):
        if value.layout == torch.strided and not (value.is_meta or value.is_quantized):
            plain = value.detach().cpu().contiguous()
            yield f"{name} {value.dtype} {tuple(value.shape)}", plain.reshape(-1).view(torch.uint8).numpy()
    elif depth:
        for key, item in _items(value, home):
            yield from _arrays(item, f"{name}.{key}", depth - 1, home)


def _items(value: Any, home: str) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return enumerate(value)
    return vars(value).items() if type(value).__module__ == home and hasattr(value, "__dict__") else ()
