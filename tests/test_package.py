"""What is installed: metadata that agrees with itself, the compiled module, and the files beside it."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import segbench
from segbench.kernels import _cpu

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_one_version():
    assert segbench.__version__ == PROJECT["version"] == importlib.metadata.version("segbench")


def test_changelog_has_the_version():
    assert f"\n## [{PROJECT['version']}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_compiled_module_is_the_installed_one():
    """Under pytest from the root, ``./segbench`` must not hide the compiled module beside it."""
    assert Path(_cpu.__file__).suffix in {".so", ".pyd"}
    assert "site-packages" in Path(_cpu.__file__).parts


def test_the_command_is_installed():
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="segbench")
    assert command.value == "segbench.cli:main"
    assert callable(command.load())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_python_m_segbench_answers(option):
    done = subprocess.run(
        [sys.executable, "-m", "segbench", option],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "segbench" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "kernels/_cpu.pyi",
        "kernels/rle.h",
        "kernels/overlap.h",
        "leaderboard/web/index.html",
        "schemas/run-1.json",
    ],
)
def test_files_beside_the_python_are_shipped(name):
    assert importlib.resources.files("segbench").joinpath(name).is_file()


def test_licence_is_the_whole_text():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"
    assert importlib.metadata.metadata("segbench")["License-Expression"] == "Apache-2.0"


def test_every_python_named_is_in_the_ci():
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    if not workflow.is_file():
        pytest.skip("not a clone of the repository")
    assert f"python: {named}".replace("'", '"') in workflow.read_text(encoding="utf-8")
