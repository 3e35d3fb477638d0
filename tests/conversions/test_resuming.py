"""A conversion that was killed goes on where it stopped, and its target is that of one that was not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical import pen
from segbench.canonical.pen import Chunk
from segbench.conversions.journal import Journal
from segbench.errors import DataError, UsageError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")


def put_source(root, n=60):
    """A file of COCO and its pictures: two overlapping objects each."""
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(n):
        images.append({"id": i, "height": 48, "width": 64, "file_name": f"{i:03d}.png"})
        Image.fromarray(np.full((48, 64, 3), i, np.uint8)).save(root / f"images/{i:03d}.png")
        for k in range(2):
            x, y = 2 + i % 20 + 9 * k, 3 + 8 * k
            polygon = [x, y, x + 20, y, x + 20, y + 15, x, y + 15]
            annotations.append(
                {"id": 2 * i + k, "image_id": i, "category_id": 1 + k, "iscrowd": 0, "area": 300,
                 "bbox": [x, y, 20, 15], "segmentation": [polygon]}
            )  # fmt: skip
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    return tiny.dump(root / "instances_val.json", content)


def tree(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".report"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@posix_only
@pytest.mark.parametrize(
    ("name", "target", "workers"),
    [
        ("segbench", "out", 1),
        ("voc", "out", 2),
        ("coco", "out", 1),
        ("coco-panoptic", "out.json", 1),
        ("webdataset", "out", 1),
    ],
)
def test_it_goes_on_where_it_was_killed(name, target, workers, tmp_path):
    source = put_source(tmp_path / "in")
    (tmp_path / "killed").mkdir()
    script = Path(__file__).parent.parent / "killing_conversions.py"
    command = [sys.executable, script, source, tmp_path / "killed" / target, name, str(workers), "5"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(run.stdout)
    assert (said["killed"], said["left"]) == (5, [])
    segbench.convert(source, tmp_path / "whole" / target, target_format=name, allow_loss=True)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


class Killed(BaseException):
    """Stands for a kill: what is beside the target is put back as it was then."""


def killed_after(n, source, target, tmp_path, monkeypatch, **settings):
    """Convert, and leave what a writer that is killed after ``n`` chunks leaves."""
    written = 0
    write = Journal.write

    def count(journal, *given):
        nonlocal written
        write(journal, *given)
        written += 1
        if written == n:
            work = next(target.parent.glob(".*.part"))
            work.rename(tmp_path / "aside" / work.name)
            raise Killed

    (tmp_path / "aside").mkdir(exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", count)
        with pytest.raises(Killed):
            segbench.convert(source, target, **settings)
    for work in (tmp_path / "aside").iterdir():
        work.rename(target.parent / work.name)


def chunks_written(monkeypatch, source, target, **settings):
    written = []
    write = Journal.write
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", lambda *given: (written.append(given[2]), write(*given)))
        segbench.convert(source, target, **settings)
    return len(written)


@posix_only
def test_what_is_written_is_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pen, "CHUNK", 10)
    source, target = put_source(tmp_path / "in"), tmp_path / "out"
    killed_after(4, source, target, tmp_path, monkeypatch)
    assert not target.exists()
    assert chunks_written(monkeypatch, source, target) == 3 + 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside", "in", "out", "out.report"]


@posix_only
@pytest.mark.parametrize("change", ["source", "option", "chosen"])
def test_another_source_or_option_begins_anew(change, tmp_path, monkeypatch):
    monkeypatch.setattr(pen, "CHUNK", 10)
    source, target = put_source(tmp_path / "in"), tmp_path / "out"
    killed_after(4, source, target, tmp_path, monkeypatch)
    settings = {}
    if change == "source":
        os.utime(source, (1, 1))
    elif change == "option":
        settings = {"images": "none"}
    else:
        settings = {"max_images": 59}
    assert chunks_written(monkeypatch, source, target, **settings) == 4 + 3 + 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside", "in", "out", "out.report"]


def killed_as_it_takes_its_place(source, target, tmp_path, monkeypatch, **settings):
    """Convert, and leave what a writer leaves that is killed when the first part is in its place."""
    (tmp_path / "aside").mkdir()
    replace = Path.replace

    def killed(path, to):
        found = replace(path, to)
        if path.name == "new":
            for work in tmp_path.glob(".*.part"):
                work.rename(tmp_path / "aside" / work.name)
            raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            segbench.convert(source, target, **settings)
    for work in (tmp_path / "aside").iterdir():
        work.rename(tmp_path / work.name)


@posix_only
@pytest.mark.parametrize("name", ["out", "out.json"])
def test_what_has_taken_its_place_is_written_again(name, tmp_path, monkeypatch):
    """A writer that is killed when all is done leaves no journal, which would tell of files that are gone."""
    source, target = put_source(tmp_path / "in", 4), tmp_path / name
    settings = {"target_format": "coco-panoptic", "allow_loss": True}
    killed_as_it_takes_its_place(source, target, tmp_path, monkeypatch, **settings)
    for path in (tmp_path / "out", tmp_path / "out.json"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    segbench.convert(source, target, **settings)
    segbench.convert(source, tmp_path / "whole" / name, **settings)
    whole = tree(tmp_path / "whole")
    assert {key: value for key, value in tree(tmp_path).items() if key in whole} == whole
    assert not list(tmp_path.glob(".*.part"))


@posix_only
def test_a_part_that_is_in_its_place_alone_is_no_target(tmp_path, monkeypatch):
    source, target = put_source(tmp_path / "in", 4), tmp_path / "out.json"
    settings = {"target_format": "coco-panoptic", "allow_loss": True}
    killed_as_it_takes_its_place(source, target, tmp_path, monkeypatch, **settings)
    assert (tmp_path / "out").is_dir()
    assert not target.exists()
    segbench.convert(source, target, **settings)
    segbench.convert(source, tmp_path / "whole" / "out.json", **settings)
    whole = tree(tmp_path / "whole")
    assert {key: value for key, value in tree(tmp_path).items() if key in whole} == whole
    assert not list(tmp_path.glob(".*.part"))
    target.unlink()
    with pytest.raises(UsageError, match="out is there already"):  # nobody was killed
        segbench.convert(source, target, **settings)


@posix_only
def test_what_was_moved_aside_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(pen, "CHUNK", 10)
    source, target = put_source(tmp_path / "in"), tmp_path / "out"
    segbench.convert(source, target, images="none")
    before = tree(target)
    killed_after(4, source, target, tmp_path, monkeypatch, overwrite=True)
    work = next(tmp_path.glob(".out.*.part"))
    target.rename(work / "old")
    (tmp_path / "in/images/059.png").unlink()
    with pytest.raises(DataError):
        segbench.convert(source, target, overwrite=True)
    assert tree(target) == before


def test_a_journal_is_read_up_to_what_is_not_whole(tmp_path):
    chunks = [Chunk(bytes([i]) * i, 2, i) for i in range(1, 4)]
    parts = [range(2 * i, 2 * i + 2) for i in range(3)]
    with Journal(tmp_path / "j") as journal:
        assert journal.read(1, parts[0]) is None
        for chunk, indices in zip(chunks, parts, strict=True):
            journal.write(1, indices, chunk)
    whole = (tmp_path / "j").read_bytes()
    for length in range(len(whole) + 1):
        (tmp_path / "j").write_bytes(whole[:length])
        with Journal(tmp_path / "j") as journal:
            found = [journal.read(1, indices) for indices in parts]
            known = [chunk for chunk in found if chunk is not None]
            assert known == chunks[: len(known)]
            assert len(known) == 3 or length < len(whole)
            if None in found:
                for chunk, indices in list(zip(chunks, parts, strict=True))[len(known) :]:
                    journal.write(1, indices, chunk)
        assert (tmp_path / "j").read_bytes() == whole


def test_what_another_wrote_in_a_journal_is_not_taken(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.read(1, range(2))
        journal.write(1, range(2), Chunk(b"abc", 2, 1))
    for part, indices in ((2, range(2)), (1, range(3)), (1, range(1, 2))):
        data = (tmp_path / "j").read_bytes()
        with Journal(tmp_path / "j") as journal:
            assert journal.read(part, indices) is None
        (tmp_path / "j").write_bytes(data)
    (tmp_path / "j").write_bytes(data[:-1] + b"x")
    with Journal(tmp_path / "j") as journal:
        assert journal.read(1, range(2)) is None
