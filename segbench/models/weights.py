"""Weights: which files are read, what they hash to, and what has to be asked before one is unpickled."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.models.setup import Setup, need

_CHUNK = 1 << 20


def existing(path: str, scheme: str) -> Path:
    """Return the path of a file that a spec names.

    Raises
    ------
    UsageError
        When there is none.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"{scheme}:{path}: there is no file {path or '(no name)'}")
    return file


def files_sha256(files: Iterable[Path]) -> str:
    """Return the hash of some files: that of one alone, or of the names and hashes of several, by name."""
    found = {file.name: _sha256(file) for file in files}
    if len(found) == 1:
        return next(iter(found.values()))
    digest = hashlib.sha256()
    for name, hexadecimal in sorted(found.items()):
        digest.update(f"{name}\0{hexadecimal}\n".encode())
    return digest.hexdigest()


def read_state(file: Path, setup: Setup) -> Mapping[str, Any]:
    """Read tensors by name from ``.safetensors``, or from a checkpoint of torch without running code of it.

    Raises
    ------
    UsageError
        When the file holds more than tensors, and ``setup.unsafe_pickle`` is not set.
    """
    if file.suffix == ".safetensors":
        state: Mapping[str, Any] = need("safetensors.torch", "hf").load_file(file)
        return state
    torch: Any = need("torch", "torch")
    import pickle

    try:
        loaded = torch.load(file, map_location="cpu", weights_only=not setup.unsafe_pickle)
    except pickle.UnpicklingError:
        raise UsageError(pickle_refused(file)) from None
    return _state_of(loaded, file)


@contextmanager
def torch_loads(file: Path, setup: Setup) -> Iterator[None]:
    """While this lasts, ``torch.load`` reads tensors alone, whatever its caller asks, unless code is allowed.

    ``torch.export.load`` and other loaders of torch fall back to unpickling anything.

    Raises
    ------
    UsageError
        When the file holds more than tensors.
    """
    torch: Any = need("torch", "torch")
    import pickle

    original = torch.load

    def tensors_alone(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "weights_only": True})

    if setup.unsafe_pickle:
        yield
        return
    torch.load = tensors_alone
    try:
        yield
    except pickle.UnpicklingError:
        raise UsageError(pickle_refused(file)) from None
    finally:
        torch.load = original


@contextmanager
def torch_log_kept() -> Iterator[list[str]]:
    """While this lasts, what torch would log is not printed but kept: what it says went wrong, in the list.

    Its loaders log tracebacks, of files that they then read in an older way, too. What torch logs afterwards
    is as it was.
    """
    said: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        said.append(str(error or record.getMessage()))
        return False

    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "torch"]
    handlers = {handler for name in names for handler in logging.getLogger(name).handlers}
    for handler in handlers:
        handler.addFilter(keep)
    try:
        yield said
    finally:
        for handler in handlers:
            handler.removeFilter(keep)


def pickle_refused(file: Path) -> str:
    """What is said of a file that runs code when it is read."""
    return (
        f"{file} holds pickled objects that are not tensors: reading them runs the code in them. Save the "
        "weights as safetensors; or, if you trust who made the file, allow it with --unsafe-pickle, which "
        "the record keeps"
    )


def _state_of(loaded: Any, file: Path) -> Mapping[str, Any]:
    """Tensors by name, from the usual places of a checkpoint."""
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise UsageError(f"{file} holds {type(loaded).__name__}, not tensors by name")
    return loaded


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
