"""The public names, and what importing them costs."""

from __future__ import annotations

import os
import pkgutil
import statistics
import subprocess
import sys

import numpy as np
import pytest

import segbench
from segbench.canonical.images import encode_labels

# What takes long to import, or may not be installed; each is imported where it is used.
HEAVY = {
    "cupy",
    "dask",
    "datasets",
    "distributed",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "onnxruntime",
    "torch",
    "transformers",
}


def run_python(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, encoding="utf-8", check=True, timeout=60
    )


def imported_by(*args: str) -> set[str]:
    """Return modules that ``python *args`` imports, as ``-X importtime`` tells, and their packages."""
    lines = run_python("-X", "importtime", *args).stderr.splitlines()
    names = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]
    assert len(names) > 10
    return {*names, *(name.partition(".")[0] for name in names)}


def test_all_is_sorted_and_public():
    assert segbench.__all__ == sorted(set(segbench.__all__))
    assert [name for name in segbench.__all__ if name.startswith("_") and name != "__version__"] == []


def test_dir_shows_all():
    assert set(segbench.__all__) <= set(dir(segbench))


@pytest.mark.parametrize("name", segbench.__all__)
def test_a_public_name_is_there_and_documented(name):
    value = getattr(segbench, name)
    if name != "__version__":
        assert value.__doc__


def test_star_import_gives_all():
    names: dict[str, object] = {}
    exec("from segbench import *", names)
    assert set(segbench.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = segbench.no_such_name


def test_no_module_has_the_name_of_a_function():
    """Importing segbench/run.py would put the module in the place of ``segbench.run``."""
    modules = {module.name for module in pkgutil.iter_modules(segbench.__path__)}
    assert modules & set(segbench.__all__) == set()


def test_import_is_light():
    assert imported_by("-c", "import segbench") & (HEAVY | {"numpy"}) == set()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["models"]])
def test_help_and_lists_are_light(words):
    assert imported_by("-m", "segbench", *words) & HEAVY == set()


SCORE = """
import sys, segbench
record = segbench.score(sys.argv[1], sys.argv[1])
assert record.metrics["miou"].value == 1
print(record.images.num_rows)
"""


def test_scoring_label_maps_imports_no_table_and_no_picture_library(tmp_path):
    """These two and importlib.metadata take as long to import as 300 label maps to score."""
    (tmp_path / "a.png").write_bytes(encode_labels(np.uint8([[0, 1], [1, 255]])))
    heavy = HEAVY | {"PIL", "importlib.metadata"}
    without_table = SCORE.rpartition("print")[0]
    assert imported_by("-c", without_table, str(tmp_path)) & heavy == set()
    assert imported_by("-c", SCORE, str(tmp_path)) & heavy == {"pyarrow"}


def test_reading_a_record_imports_arrow_alone(tmp_path):
    """A leaderboard may read a thousand of them; pandas alone takes as long to import as 300."""
    (tmp_path / "a.png").write_bytes(encode_labels(np.uint8([[0, 1], [1, 255]])))
    record = segbench.score(tmp_path, tmp_path, out=tmp_path / "out")
    read = "import sys, segbench; assert segbench.read_record(sys.argv[1]).images.num_rows"
    assert imported_by("-c", read, str(record.path)) & HEAVY == {"pyarrow"}


def cpu_seconds(*args: str) -> float:
    """Return the processor time, user and system, of ``python *args``."""
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_python(*args)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_is_quick():
    limit = 0.5 if os.environ.get("CI") else 0.3  # shared machines are slow now and then
    assert statistics.median(cpu_seconds("-m", "segbench", "--help") for _ in range(3)) < limit
