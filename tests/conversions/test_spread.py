"""Conversions by many workers: byte for byte those of one, in every format; what goes wrong is told alike."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import cycle

import pytest
from formats import tiny
from rich import put_rich

import segbench
from segbench.canonical import pen
from segbench.errors import DataError, SegbenchError
from segbench.formats import FORMATS, load_format

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]


class Elsewhere:
    """An engine whose workers share nothing with this process but what can be sent, in the same process."""

    workers = 2

    def __init__(self):
        self.done = 0

    def run(self, job, tasks):
        jobs = [pickle.loads(pickle.dumps(job)) for _ in range(self.workers)]
        states = [one.open() for one in jobs]
        for task, one, state in zip(tasks, cycle(jobs), cycle(states), strict=False):
            self.done += 1
            yield pickle.loads(pickle.dumps(one.work(state, pickle.loads(pickle.dumps(task)))))


def sources(folder):
    yield put_rich(folder / "rich"), {}
    yield tiny.put_panoptic(folder / "panoptic"), {}
    yield tiny.put_masks(folder / "masks/masks").parent, {"options": {"num_classes": 3}, "images": "none"}


def tree(folder):
    """Every file of a conversion but its report, which names the target."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".report"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(pen, "CHUNK", 1)
    monkeypatch.setattr(pen, "FEW", 1)


@pytest.mark.parametrize("target_format", WRITABLE)
def test_workers_write_the_same_bytes(target_format, tmp_path):
    compared = 0
    for source, options in sources(tmp_path / "in"):
        settings = {"target_format": target_format, "allow_loss": True, **options}
        one, many = tmp_path / f"{source.stem}-1", tmp_path / f"{source.stem}-2"
        try:
            alone = segbench.convert(source, one / "out", **settings)
        except DataError:  # not of a kind that this format holds
            continue
        engine = Elsewhere()
        report = segbench.convert(source, many / "out", engine=engine, **settings)
        assert engine.done >= len(segbench.open_dataset(source, options=options.get("options")))
        assert tree(many) == tree(one)
        assert {**report.to_dict(), "target": ""} == {**alone.to_dict(), "target": ""}
        compared += 1
    assert compared


@pytest.mark.parametrize("packed", [False, True])
def test_packed_and_steps_too(packed, tmp_path):
    source = put_rich(tmp_path / "rich")
    settings = {"packed": packed, "crowd": "drop", "holes": "drop", "overlap": "order", "images": "copy"}
    segbench.convert(source, tmp_path / "1/out", **settings)
    segbench.convert(source, tmp_path / "2/out", engine=Elsewhere(), **settings)
    assert tree(tmp_path / "2") == tree(tmp_path / "1")


def test_processes_do(tmp_path):
    source = put_rich(tmp_path / "rich")
    report = segbench.convert(source, tmp_path / "1/out", target_format="voc", allow_loss=True)
    found = segbench.convert(source, tmp_path / "2/out", target_format="voc", allow_loss=True, workers=2)
    assert tree(tmp_path / "2") == tree(tmp_path / "1")
    assert (found.losses, found.n_segments) == (report.losses, report.n_segments)


@pytest.mark.parametrize("engine", ["local", Elsewhere()])
def test_what_goes_wrong_is_told_alike(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(pen, "CHUNK", 2)
    content = tiny.instances()
    content["images"][1]["file_name"] = "missing.png"
    source = tiny.put_instances(tmp_path / "in", content)
    with pytest.raises(SegbenchError, match="image 2: image: cannot take over the picture"):
        segbench.convert(source, tmp_path / "out", target_format="coco", engine=engine)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_what_was_written_before_a_fault_is_looked_at_first(tmp_path):
    """One that cannot be written ends a chunk; the names of those before it are still compared."""
    content = tiny.instances()
    content["images"][1]["file_name"] = "1.jpg"
    source = tiny.put_instances(tmp_path / "in", content)
    (tmp_path / "in/val/2.png").rename(tmp_path / "in/val/1.jpg")
    for engine in ("local", Elsewhere()):
        with pytest.raises(DataError, match="image 2: file_name: its file would be called"):
            segbench.convert(source, tmp_path / "out", target_format="voc", engine=engine, allow_loss=True)


@pytest.mark.filterwarnings("ignore")
def test_workers_of_dask_do_too(tmp_path):
    pytest.importorskip("distributed")
    source = put_rich(tmp_path / "rich")
    target = tmp_path / "2/out"
    command = ["convert", str(source), str(target), "--to", "yolo-seg", "--allow-loss", "--engine", "dask"]
    run = subprocess.run(
        [sys.executable, "-m", "segbench", *command], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    segbench.convert(source, tmp_path / "1/out", target_format="yolo-seg", allow_loss=True)
    assert tree(tmp_path / "2") == tree(tmp_path / "1")
