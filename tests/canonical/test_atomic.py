"""Files and folders appear whole or not at all, even when their writer is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from canonical.make import dataset, semantic

from segbench.canonical import atomic
from segbench.canonical.atomic import replace_file, replace_folder
from segbench.canonical.reader import read_dataset
from segbench.canonical.writer import write_dataset
from segbench.errors import UsageError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_folder(target, text="new"):
    with replace_folder(target) as folder:
        (folder / "a").mkdir()
        (folder / "a/text").write_text(text)


def leftover(target, text="old"):
    """Leave what a killed writer leaves: a folder that nobody locks."""
    folder = target.with_name(f".{target.name}.0123456789abcdef.part")
    (folder / "new").mkdir(parents=True)
    (folder / "new/text").write_text(text)
    return folder


def test_a_file_takes_its_place_at_the_end(tmp_path):
    target = tmp_path / "deep/er/a.txt"
    for text in ("one", "two"):
        with replace_file(target) as part:
            part.write_text(text)
            assert not target.exists() or target.read_text() == "one"
        assert target.read_text() == text
    assert names(target.parent) == ["a.txt"]


def test_a_folder_takes_its_place_at_the_end(tmp_path):
    target = tmp_path / "deep/er/out"
    for text in ("one", "two"):
        with replace_folder(target) as folder:
            assert list(folder.iterdir()) == []
            (folder / text).write_text(text)
        assert names(target) == [text]
    assert names(target.parent) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("there", [False, True])
def test_an_error_leaves_what_was_there(tmp_path, error, there):
    if there:
        (tmp_path / "file").write_text("old")
        write_folder(tmp_path / "folder", "old")
    before = names(tmp_path)
    for replace, name in ((replace_file, "file"), (replace_folder, "folder")):
        with pytest.raises((error, RuntimeError)), replace(tmp_path / name) as part:  # noqa: PT012
            (part / "x" if part.is_dir() else part).write_text("half")
            raise error
    assert names(tmp_path) == before
    assert not there or (tmp_path / "folder/a/text").read_text() == "old"
    assert not there or (tmp_path / "file").read_text() == "old"


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "out"
    write_folder(target, "old")
    rename = Path.replace

    def fail(path, to):
        if path.name == "new":
            raise OSError("no")
        return rename(path, to)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no"):
        write_folder(target)
    assert names(tmp_path) == ["out"]
    assert (target / "a/text").read_text() == "old"


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    write_folder(tmp_path / "disk/out", "old")
    (tmp_path / "out").symlink_to("disk/out")
    write_folder(tmp_path / "out", "new")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk/out/a/text").read_text() == "new"
    assert names(tmp_path / "disk") == ["out"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="out is a file, and a folder is to be written there"):
        write_folder(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_relative_and_long_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for target in (Path("out"), Path("ü" * 120)):
        write_folder(target)
        with replace_file(target / "b") as part:
            part.write_text("b")
        assert names(target) == ["a", "b"]


@posix_only
def test_rights_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_folder(tmp_path / "out")
        with replace_file(tmp_path / "file") as part:
            part.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@posix_only
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    leftover(tmp_path / "out")
    other = leftover(tmp_path / "out.b")
    mine = tmp_path / ".out.mine.part"
    mine.mkdir()
    write_folder(tmp_path / "out")
    assert names(tmp_path) == sorted([other.name, mine.name, "out"])


@posix_only
def test_a_writer_that_fails_removes_nothing_of_others(tmp_path):
    left = leftover(tmp_path / "out")
    with pytest.raises(ValueError, match="no"), replace_folder(tmp_path / "out"):
        raise ValueError("no")
    assert names(tmp_path) == [left.name]


@posix_only
def test_two_writers_of_one_folder_do_not_disturb_each_other(tmp_path):
    target = tmp_path / "out"
    with replace_folder(target) as first:
        (first / "first").write_text("")
        write_folder(target)
        assert names(target) == ["a"]
        assert names(first) == ["first"]
    assert names(target) == ["first"]
    assert names(tmp_path) == ["out"]


def test_many_files_are_flushed_at_once(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "sync", lambda: flushed.append("all"), raising=False)
    monkeypatch.setattr(atomic, "_sync", lambda file: flushed.append(file.name))
    monkeypatch.setattr(atomic, "_FEW", 2)
    for count, expected in ((2, ["0", "1"]), (3, ["all"])):
        with replace_folder(tmp_path / "out") as folder:
            for i in range(count):
                (folder / str(i)).write_text("")
        assert sorted(flushed) == expected
        flushed.clear()


WRITER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from canonical.make import dataset, semantic
from segbench.canonical.writer import write_dataset

def slow(i):
    print(f"new-{i}", flush=True)
    time.sleep(0.02)
    return semantic(f"new-{i}").load_mask()

samples = [semantic(f"new-{i}", load_mask=lambda i=i: slow(i)) for i in range(20)]
write_dataset(dataset(samples), sys.argv[2])
print("done", flush=True)
time.sleep(60)
"""


@posix_only
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(("until", "delay"), [("new-0", 0), ("new-7", 0.01), ("new-19", 0.02), ("done", 0)])
def test_a_killed_writer_leaves_the_old_data_set_or_none_or_the_new_one(tmp_path, there, until, delay):
    target = tmp_path / "out"
    if there:
        write_dataset(dataset([semantic("old")]), target)
    script = [sys.executable, "-c", WRITER, str(Path(__file__).parent.parent), str(target)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == until:
                break
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    whole = [target] if target.exists() else list(tmp_path.glob(".out.*.part/old"))
    for found in map(read_dataset, whole):
        assert found[0].image_id == ("new-0" if len(found) == 20 else "old")
        assert len([s.mask for s in found]) in (1, 20)
    assert whole or not there
    write_dataset(dataset([semantic("next")]), target)
    assert read_dataset(target).image_ids == ["next"]
    assert names(tmp_path) == ["out"]
