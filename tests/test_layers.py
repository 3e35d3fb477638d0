"""The dependency rule: imports go leftwards only, and files stay short enough to read.

::

    {errors, _version} ← kernels ← canonical ← {formats, metrics, models, reshape, attributes, engines}
    ← protocols ← records ← {drawn, scoring, conversions} ← {gallery, runs} ← {pictures, leaderboard}
    ← (the lazy names of segbench itself) ← {demo, demo_models} ← cli

The modules of one package import each other, but in no circle.
Imports inside functions and under ``if TYPE_CHECKING`` count too: a name that is needed only for a type
is still a name that a reader has to go and look up, and a cycle of types is a cycle of ideas.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "segbench"

# From left to right; modules on one line never import each other. "" is segbench/__init__.py.
LAYERS = (
    ("errors", "_version"),
    ("kernels",),
    ("canonical",),
    ("formats", "metrics", "models", "reshape", "attributes", "engines"),
    ("protocols",),
    ("records",),
    ("drawn", "scoring", "conversions"),
    ("gallery", "runs"),
    ("pictures", "leaderboard"),
    ("",),
    ("demo", "demo_models"),
    ("cli",),
)
# Modules whose rule is not their place above.
NARROWER = {
    "leaderboard": {
        "errors",
        "_version",
        "records",
        "drawn",
        "canonical.atomic",
        "kernels",
    },  # a table is rebuilt without data, model or GPU
    "engines": {"errors"},  # they know nothing of what they spread
    "demo_models": {
        "errors",
        "_version",
        "kernels",
        "canonical",
        "models",
    },  # a plugin, as a user would write it
}
WIDER = {
    "": {name for layer in LAYERS for name in layer} | {"compat"},  # only names, imported when they are used
    "compat": {name for layer in LAYERS for name in layer} - {"cli"},
    "__main__": {"cli"},
}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def allowed_imports() -> dict[str, set[str]]:
    """Return what each top-level module of the package may import, beside itself."""
    allowed: dict[str, set[str]] = {}
    left: set[str] = set()
    for layer in LAYERS:
        allowed |= {name: set(left) for name in layer}
        left |= set(layer)
    return allowed | NARROWER | WIDER


ALLOWED = allowed_imports()


def module_name(path: Path) -> str:
    """Return ``canonical.rle`` for segbench/canonical/rle.py, and "" for segbench/__init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return name in ALLOWED or path.is_dir() or path.with_suffix(".py").is_file()


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Return the full name that ``from … import`` in ``segbench.<module>`` starts from."""
    if not node.level:
        return node.module or ""
    here = ["segbench", *filter(None, module.split("."))]
    up = node.level - 1 if is_package else node.level
    return ".".join([*here[: len(here) - up], *filter(None, [node.module])])


def imported_names(node: ast.AST, module: str, is_package: bool) -> list[str]:
    """Return the full dotted names that one statement or call imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = absolute(node, module, is_package)
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in {"import_module", "__import__"}:
            return [str(node.args[0].value)]
    return []


def inside_package(name: str) -> str | None:
    """Return ``canonical.rle`` for ``segbench.canonical.rle.Rle``, "" for a public name, None if not ours."""
    first, _, rest = name.partition(".")
    if first != "segbench" or rest.startswith("__"):  # segbench.__version__ is a constant, not an import
        return None
    parts = rest.split(".") if rest else []
    while parts and not is_module(".".join(parts)):
        parts.pop()
    return ".".join(parts)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return one line for each import in ``source`` that the rule forbids to ``segbench.<module>``."""
    top = module.split(".", maxsplit=1)[0]
    if top not in ALLOWED:
        return [f"segbench.{top}: unknown: give it a place in LAYERS, and in ARCHITECTURE's dependency rule"]
    found = []
    for node in ast.walk(ast.parse(source)):
        targets = (inside_package(name) for name in imported_names(node, module, is_package))
        for target in {name for name in targets if name is not None}:
            parts = target.split(".")
            prefixes = {".".join(parts[: i + 1]) for i in range(len(parts))}
            if parts[0] != top and not prefixes & ALLOWED[top]:
                found.append(f"segbench.{module}:{node.lineno}: may not import segbench.{target}".rstrip("."))
    return found


def long_functions(source: str, limit: int) -> list[str]:
    """Return the functions with more lines than ``limit``; a docstring may be as long as it has to be."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            if lines > limit:
                found.append(f"{node.name} (line {node.lineno}) has {lines} lines")
    return found


PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))
SUFFIXES = {".py", ".pyi", ".h", ".cpp", ".cu", ".js", ".css", ".html"}
SOURCE_FILES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)


def file_id(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", PYTHON_FILES, ids=file_id)
def test_imports_go_leftwards_only(path):
    source = path.read_text(encoding="utf-8")
    assert violations(source, module_name(path), path.name == "__init__.py") == []


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Return names each of which imports the next, and the last the first; none if there are none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name not in done:
            for other in sorted(imports.get(name, ())):
                if found := walk(other, [*path, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in sorted(imports) if (found := walk(name, []))), [])


def test_no_module_imports_itself_by_way_of_others():
    imports = {}
    for path in PYTHON_FILES:
        module = module_name(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [
            n for node in ast.walk(tree) for n in imported_names(node, module, path.name == "__init__.py")
        ]
        targets = {target for name in names if (target := inside_package(name))}
        imports[module] = {t for t in targets if t != module and not module.startswith(f"{t}.")}
    assert circle(imports) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


@pytest.mark.parametrize("path", SOURCE_FILES, ids=file_id)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", PYTHON_FILES, ids=file_id)
def test_functions_are_short(path):
    assert long_functions(path.read_text(encoding="utf-8"), MAX_FUNCTION_LINES) == []


def test_every_layer_is_kept():
    assert ALLOWED["errors"] == set()
    assert ALLOWED["metrics"] == {"errors", "_version", "kernels", "canonical"}
    assert "records" not in ALLOWED["protocols"]
    assert "cli" not in ALLOWED["compat"]
    assert not any("cli" in names for name, names in ALLOWED.items() if name not in {"", "__main__"})


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "import segbench.canonical"),
        ("errors", "from segbench import kernels"),
        ("canonical.rle", "from segbench.metrics.semantic import MeanIoU"),
        ("canonical.rle", "from ..metrics import semantic"),
        ("canonical.rle", "def f():\n    from segbench import cli"),
        ("metrics.semantic", "from segbench.formats import coco"),
        ("metrics.semantic", "if TYPE_CHECKING:\n    from segbench.records.results import RunRecord"),
        ("protocols", "from segbench.records.results import RunRecord"),
        ("records.results", "importlib.import_module('segbench.scoring.evaluate')"),
        ("leaderboard.rank", "from segbench.canonical.dataset import open_dataset"),
        ("leaderboard.rank", "from segbench.metrics import METRICS"),
        ("demo_models", "from segbench.records.results import RunRecord"),
        ("scoring.evaluate", "import segbench"),
        ("scoring.evaluate", "from segbench import open_dataset"),
        ("compat.pycocotools", "from segbench import cli"),
        ("brand_new", ""),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("canonical.rle", "from . import sample\nfrom ..errors import DataError"),
        ("records.results", "from segbench import __version__\nimport numpy as np"),
        (
            "leaderboard.rank",
            "from segbench.canonical.atomic import replace_file\nimport segbench.records.results",
        ),
        ("compat.pycocotools", "from segbench.metrics.instance import MaskAP"),
        ("cli.main", "import segbench\nfrom segbench.leaderboard import page"),
    ],
)
def test_what_the_rule_allows_passes(module, source):
    assert violations(source, module) == []


def test_a_planted_long_function_is_found():
    body = "\n".join(f"    x = {i}" for i in range(10))
    assert long_functions(f"def f():\n{body}", 11) == []
    assert long_functions(f"def f():\n{body}", 10) == ["f (line 1) has 11 lines"]
    assert long_functions(f'def f():\n    """Say.\n\n    More.\n    """\n{body}', 11) == []
