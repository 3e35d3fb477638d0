"""Files that segbench writes, read by other tools, or by their readers restated where they need more."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from formats import shapes, tiny
from metrics.test_cityscapes_instance import reference
from PIL import Image, ImageDraw

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats import load_format

__all__ = ["reference"]
FOLDER = ROOT / "build" / "readers"
"""Where ``make test`` installs them, without what they would bring."""
PACKAGES = ("labelme2coco", "sahi", "label_studio_sdk", "datumaro")


def test_readers_of_other_packages_find_what_was_written():
    missing = [name for name in PACKAGES if not (FOLDER / name).is_dir() and find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: `make test` puts them into {FOLDER.name}")
    cases = Path(__file__).with_name("readers_cases.py")
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(FOLDER)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore", cases],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def labelmes_masks(file):
    """Masks by object, as labelme 6.3 makes them of a file (``LabelFile``, ``shapes_to_label``)."""
    content = tiny.load(file)
    size = content["imageHeight"], content["imageWidth"]
    found = {}
    for i, shape in enumerate(content["shapes"]):
        mask = np.zeros(size, bool)
        if shape["shape_type"] == "mask":
            png = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"])))).astype(bool)
            (x1, y1), (x2, y2) = np.asarray(shape["points"]).astype(int)
            mask[y1 : y2 + 1, x1 : x2 + 1] = png
        else:
            canvas = Image.fromarray(mask.astype(np.uint8))
            corners = [tuple(point) for point in shape["points"]]
            assert len(corners) > 2
            ImageDraw.Draw(canvas).polygon(xy=corners, outline=1, fill=1)
            mask = np.asarray(canvas) > 0
        key = (shape["label"], i if shape["group_id"] is None else f"group {shape['group_id']}")
        found[key] = found.get(key, np.zeros(size, bool)) | mask
    return list(found.items())


def test_labelme_finds_the_objects(tmp_path):
    """Masks to the pixel; of polygons it draws the outline too, a pixel wide."""
    dataset = shapes.data_set()
    load_format("labelme").write(dataset, tmp_path / "out")
    found = labelmes_masks(tmp_path / "out/é0.json")
    assert len(found) == len(dataset[0].segments)
    for ((label, _), mask), segment in zip(found, dataset[0].segments, strict=True):
        ours = segment.to_rle(*shapes.SIZE).to_mask() > 0
        assert label == dataset.id2label[segment.category_id]
        if segment.polygons is None:
            np.testing.assert_array_equal(mask, ours)
        else:
            assert not (ours & ~mask).any()
            inner = mask.copy()
            inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
            assert not (inner & ~ours).any()


def ultralytics_labels(file, n_classes):
    """``(class, polygon of shares [N, 2])`` of each line, as ``verify_image_label`` of ultralytics 8.3."""
    rows = [line.split() for line in file.read_text().strip().splitlines() if line]
    assert any(len(row) > 6 for row in rows), "else they are boxes"
    classes = np.array([row[0] for row in rows], np.float32)
    segments = [np.array(row[1:], np.float32).reshape(-1, 2) for row in rows]
    assert all(segment.max() <= 1 and segment.min() >= 0 for segment in segments)
    assert classes.max() < n_classes
    return list(zip(classes.astype(int).tolist(), segments, strict=True))


def test_ultralytics_finds_the_objects(tmp_path):
    import cv2

    dataset = shapes.data_set()
    segbench.convert(dataset, tmp_path / "out", target_format="yolo-seg", images="copy", allow_loss=True)
    found = ultralytics_labels(tmp_path / "out/labels/train/é0.txt", len(dataset.categories))
    assert [c for c, _ in found] == [s.category_id for s in dataset[0].segments]
    height, width = shapes.SIZE
    for (_, polygon), segment in zip(found, dataset[0].segments, strict=True):
        drawn = np.zeros((height * 8, width * 8), np.uint8)
        scaled = np.round(polygon * [width * 8, height * 8]).astype(np.int32)
        cv2.fillPoly(drawn, [scaled], 1)  # as polygon2mask; at eight times the size an outline is thin
        ours = segment.to_rle(*shapes.SIZE).to_mask()
        centres = drawn[4::8, 4::8]
        assert (centres != ours).mean() < 0.03


def test_cityscapes_scores_our_truth_and_our_predictions(reference, tmp_path):
    """Instances written as truth, against the same as masks with scores, by cityscapesScripts itself."""
    names = ["road", "person", "car"]
    categories = Categories(Category(i, name, isthing=i > 0) for i, name in enumerate(names))
    size = (60, 90)
    masks = [
        tiny.square(size, 5, 5, 25, 30),
        tiny.square(size, 5, 40, 25, 60),
        tiny.square(size, 30, 5, 50, 50),
    ]
    segments = tuple(
        Segment(id=n, category_id=c, rle=Rle.from_mask(m), source_kind="rle", score=0.5 + n / 10)
        for n, (m, c) in enumerate(zip(masks, [1, 1, 2], strict=True), 1)
    )
    sample = Sample(image_id="a", height=60, width=90, segments=segments, overlap=True)
    dataset = Dataset(
        name="x", categories=categories, image_ids=["a"], load=[sample].__getitem__, tasks=("instance",)
    )
    cityscapes = load_format("cityscapes")
    cityscapes.write(dataset, tmp_path / "truth", images="none")
    (truth,) = (tmp_path / "truth").rglob("*_instanceIds.png")
    (tmp_path / "results").mkdir()
    lines = []
    for segment in segments:
        label = {1: 24, 2: 26}[segment.category_id]
        Image.fromarray(segment.rle.to_mask() * 255).save(tmp_path / f"results/{segment.id}.png")
        lines.append(f"{segment.id}.png {label} {segment.score}\n")
    (tmp_path / "results/a.txt").write_text("".join(lines))
    args = reference.args
    args.predictionPath, args.exportFile = str(tmp_path / "results"), str(tmp_path / "export/result.json")
    args.gtInstancesFile, args.quiet = str(tmp_path / "gtInstances.json"), True
    args.JSONOutput, args.colorized, args.distanceAvailable = False, False, False
    found = reference.evaluateImgLists([str(tmp_path / "results/a.txt")], [str(truth)], args)
    scored = {k: v["ap"] for k, v in found["averages"]["classes"].items() if v["ap"] == v["ap"]}
    assert scored == {"person": 1.0, "car": 1.0}
