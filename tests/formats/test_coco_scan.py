"""Files that are scanned: the samples of files that are held, with no mask in memory."""

import random

import pytest
from formats import tiny
from rich import put_rich

import segbench
from segbench.formats import coco, coco_index
from segbench.formats.coco_piecewise import PiecewiseSegments


def put(kind, root):
    content = tiny.load(put_rich(root))
    if kind == "shuffled":
        random.Random(0).shuffle(content["annotations"])
    if kind == "odd":
        content["annotations"][0]["note"] = {"a": [1, "]"]}
        content["annotations"][1]["segmentation"] = [[0, 0, 1, 1.5, 2, 0.25]]
    if kind == "out of the ordinary":
        content["images"][0]["id"] = "1"
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 1]
    return tiny.put_instances(root, content)


@pytest.mark.parametrize("name", ["coco", "lvis"])
@pytest.mark.parametrize("kind", ["plain", "shuffled", "odd", "out of the ordinary"])
def test_the_samples_are_those_of_a_file_that_is_held(kind, name, tmp_path, monkeypatch):
    monkeypatch.setattr(coco_index, "_SMALL", 0)
    source = put(kind, tmp_path)
    held = segbench.open_dataset(source, format=name)
    scanned = segbench.open_dataset(source, format=name, scan=True)
    assert [sample.segments for sample in scanned] == [sample.segments for sample in held]
    assert [sample.record_sha256 for sample in scanned] == [sample.record_sha256 for sample in held]
    assert (scanned.image_ids, scanned.extra, scanned.notes) == (held.image_ids, held.extra, held.notes)
    assert scanned.instances is None


def test_masks_of_large_files_are_not_kept(tmp_path, monkeypatch):
    source = put_rich(tmp_path)
    index = coco_index.read_index(source, masks=False)
    assert len(index.annotations.masks) == len(index.annotations)
    monkeypatch.setattr(coco_index, "_SMALL", 0)
    index = coco_index.read_index(source, masks=False)
    assert (len(index.annotations.masks), len(index.annotations)) == (0, 4)
    categories = coco.read(source).categories
    assert PiecewiseSegments(index, categories).read([], (4, 6)) == ()
    with pytest.raises(IndexError):
        index.annotations.masks.mask(0)
