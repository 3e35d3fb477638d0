"""What every test can ask for."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# CI runs the same examples every time, so that a red run is about the change; a developer's machine explores.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data sets; skip the test where there is none."""
    path = Path(os.environ.get("SEGBENCH_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no real data in {path}: set SEGBENCH_DATA to its folder")
    return path


@pytest.fixture(autouse=True, scope="session")
def records_follow_the_schema():
    """Hold every record that a score or a run leaves in any test against the schema, one of each shape."""
    import tiny_runs

    with tiny_runs.checked():
        yield
