"""Versions, commit and command line of a record."""

import subprocess
from importlib import metadata

import pytest

from segbench._version import installed
from segbench.records.environment import environment, provenance


def test_versions_are_those_that_importlib_tells():
    for name in ("segbench", "numpy", "pillow", "pycocotools", "pytest"):
        assert installed()[name] == metadata.version(name)
    assert "no-such-package" not in installed()
    found = environment("cpu", 2)["packages"]
    assert found == {name: metadata.version(name) for name in found}
    assert found.keys() >= {"numpy", "pyarrow", "pillow", "simplejpeg"}


def git(*arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commit_is_that_of_the_working_folder(folder):
    def commit():
        found = provenance([])
        return found["git_commit"], found["git_dirty"]

    assert commit() == (None, None)
    git("init", "--quiet")
    assert commit() == (None, None)  # there is none yet
    (folder / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    assert commit() == (git("rev-parse", "HEAD"), False)
    (folder / "b").write_text("2")
    assert commit() == (git("rev-parse", "HEAD"), True)


def test_the_command_line_is_kept_without_its_folder_and_secrets():
    words = ["/home/me/bin/segbench", "run", "--token", "abc", "--api-key=x", "https://me:pw@host/x"]
    assert provenance(words)["command"] == [
        "segbench", "run", "--token", "***", "--api-key=***", "https://***@host/x",
    ]  # fmt: skip
    assert provenance([])["command"] == []
