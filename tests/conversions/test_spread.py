"""Conversions by many workers: byte for byte those of one, in every format; what goes wrong is told alike."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import nullcontext
from itertools import cycle

import numpy as np
import pytest
from formats import tiny
from rich import put_rich

import segbench
from segbench.canonical import pen
from segbench.conversions import spread
from segbench.errors import DataError, SegbenchError
from segbench.formats import FORMATS, load_format
from segbench.reshape.splits import parse_split_rule

WRITABLE = [name for name in FORMATS if hasattr(load_format(name), "write")]


class Elsewhere:
    """An engine whose workers share nothing with this process but what can be sent, in the same process."""

    workers = 2

    def __init__(self):
        self.done = 0

    def open(self):
        return nullcontext(self)

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


LOADING = """
import os
import sys
import segbench
from segbench.engines import pool

def serve(*given, serve=pool._serve):
    known = set(sys.modules)
    serve(*given)
    os.write(1, b"%d\\n" % ("pyarrow" in sys.modules.keys() - known))

pool._serve = serve
source, target, target_format = sys.argv[1:]
segbench.convert(source, target, target_format=target_format, allow_loss=True, workers=2)
"""


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


def spoilt_instances(root):
    """Nine images, the third with damaged run lengths, the sixth without its picture."""
    content = tiny.instances()
    content["images"] = [content["images"][0] | {"id": i, "file_name": f"{i}.png"} for i in range(1, 10)]
    usual = content["annotations"][1]
    content["annotations"] = [
        usual | {"id": 10 * i + k, "image_id": i, "category_id": 3 if (i + k) % 3 else 90}
        for i in range(1, 10)
        for k in range(1 + i % 2)
    ]
    content["annotations"][3] |= {"segmentation": {"size": [4, 6], "counts": "0"}}
    source = tiny.put_instances(root, content)
    tiny.put_pictures(root / "val", dict.fromkeys(range(1, 10), (4, 6)))
    (root / "val/6.png").unlink()
    return source


def spoilt_maps(root):
    """Five panoptic images, of which the fourth is cut off."""
    content = tiny.panoptic()
    first = content["annotations"][0]
    content["images"] = [content["images"][0] | {"id": i, "file_name": f"{i}.png"} for i in range(1, 6)]
    content["annotations"] = [first | {"image_id": i, "file_name": f"{i}.png"} for i in range(1, 6)]
    source = tiny.put_panoptic(root, content)
    for i in range(2, 6):
        (root / f"panoptic_val/{i}.png").write_bytes((root / "panoptic_val/1.png").read_bytes())
    tiny.put_pictures(root / "val", dict.fromkeys(range(1, 6), (4, 6)))
    (root / "panoptic_val/4.png").write_bytes((root / "panoptic_val/1.png").read_bytes()[:40])
    return source


def spoilt_masks(root):
    """Six label maps, two with ids that mean nothing."""
    masks = {i: np.full((4, 6), 9 if i in (2, 5) else i % 2, np.uint8) for i in range(1, 7)}
    tiny.put_labels(root, masks)
    tiny.put_pictures(root / "images", dict.fromkeys(masks, (4, 6)))
    return root


CHOICES = {
    "skip_invalid": {},
    "where": {"where": "category in (cat, road, grass) or area<8", "max_images": 3},
    "ratio": {"split_by": parse_split_rule("ratio", ["a=2", "b=1"], seed=3)},
    "group": {"split_by": parse_split_rule("group", ["a=1", "b=1"], group_by="([0-9]).png")},
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(
    ("put", "n_left_out"), [(spoilt_instances, 2), (spoilt_maps, 1), (spoilt_masks, 2)]
)  # fmt: skip
def test_workers_choose_the_same_images(put, n_left_out, choice, tmp_path, monkeypatch):
    """What is left out for its faults, what an expression keeps, what a split has: whoever looks."""
    monkeypatch.setattr(spread, "CHUNK", 2)
    source = put(tmp_path / "in")
    settings = {"skip_invalid": True, "allow_loss": True, **CHOICES[choice]}
    trees, reports = [], []
    engines = {"one": {}, "three": {"workers": 3}, "elsewhere": {"engine": Elsewhere()}}
    for name, engine in engines.items():
        report = segbench.convert(source, tmp_path / name / "out", **settings, **engine)
        trees.append(tree(tmp_path / name))
        reports.append({**report.to_dict(), "target": ""})
    assert trees[1] == trees[0] == trees[2]
    assert reports[1] == reports[0] == reports[2]
    assert len(reports[0]["left_out"]) == n_left_out


def test_what_cannot_be_looked_at_is_told_alike(tmp_path):
    source = spoilt_instances(tmp_path / "in")
    said = set()
    for engine in ({}, {"workers": 3}, {"engine": Elsewhere()}):
        with pytest.raises(DataError) as raised:
            segbench.convert(source, tmp_path / "out", where="area>1", images="none", **engine)
        said.add(str(raised.value))
    assert len(said) == 1
    assert "image 3: annotations[3].segmentation: RLE" in said.pop()


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


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
@pytest.mark.parametrize("target_format", WRITABLE)
def test_what_takes_long_to_load_is_not_loaded_by_each_worker(target_format, tmp_path):
    source, script = put_rich(tmp_path / "rich"), tmp_path / "convert.py"
    script.write_text(LOADING)
    words = [sys.executable, script, source, tmp_path / "out/set", target_format]
    run = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == {"0"}
