"""Protocols on real files, against the numbers that stand beside the data or the reference restated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from metrics import semantic_oracles as oracles
from PIL import Image

import segbench
from segbench.canonical.rle import Rle
from segbench.metrics import MeanIoU

CAMVID = ("camvid/CamVid/valannot", "camvid/pred_val", {"num_classes": 11, "ignore_index": 11})
SCALABEL = "scalabel_tests/tests/eval/testcases/sem_seg"
ADE = "ade20k_sceneparsing/sampleData"


@pytest.mark.parametrize(
    ("protocol", "tolerance"),
    [
        ("hf", 1e-15), ("mmseg", 5e-5), ("detectron2", 1e-15), ("voc", 1e-15), ("ade20k", 1e-12),
        ("torchmetrics-jaccard", 1e-6), ("image-level", 1e-15), ("mapillary", 1e-15),
    ],
)  # fmt: skip
def test_camvid_has_all_categories_and_one_miou(data_dir, protocol, tolerance):
    truth, pred, options = CAMVID
    record = segbench.score(data_dir / truth, data_dir / pred, truth_options=options, protocol=protocol)
    expected = json.loads((data_dir / "camvid/expected_val.json").read_text())["val"]
    assert record.metrics["miou"].value == pytest.approx(expected["mIoU"], abs=tolerance)
    assert record.metrics["pixel_accuracy"].value == pytest.approx(expected["pixel_acc"], abs=tolerance)


def scalabel_map(frame, names):
    canvas = np.full((720, 1280), 255, np.uint8)
    for label in frame["labels"]:
        if label["category"] in names and label.get("rle"):
            height, width = label["rle"]["size"]
            rle = Rle(height, width, label["rle"]["counts"].encode())
            canvas[rle.to_mask().astype(bool)] = names.index(label["category"])
    return canvas


def test_scalabel(data_dir):
    folder = data_dir / SCALABEL
    names = [
        line.split('"')[1]
        for line in (folder / "sem_seg_configs.toml").read_text().splitlines()
        if line.startswith("name")
    ]
    truth, pred = (
        scalabel_map(json.loads((folder / f"sem_seg_{side}.json").read_text())[0], names)
        for side in ("sample", "preds")
    )
    expected = json.loads((data_dir / "scalabel_tests/expected.json").read_text())["sem_seg"]
    metric = MeanIoU(len(names), protocol="exact", labels=names)
    metric.update(pred, truth)
    scores = metric.compute()
    assert scores["miou"] == pytest.approx(expected["mIoU"] / 100, rel=1e-15)
    assert scores["mean_precision"] == pytest.approx(expected["mAcc"] / 100, rel=1e-15)  # so it is there
    assert scores["fw_iou"] == pytest.approx(expected["fIoU"] / 100, rel=1e-15)
    assert scores["pixel_accuracy"] == pytest.approx(expected["pAcc"] / 100, rel=1e-15)
    ious = np.nan_to_num([row["iou"] for row in scores.class_rows])
    theirs = next(values for key, values in expected.items() if key.startswith("IoU_per_class"))
    assert 100 * ious == pytest.approx(theirs[:-1], abs=1e-7)


def test_scene_parsing_samples(data_dir):
    pairs = []
    for file in sorted((data_dir / ADE / "annotations").glob("*.png")):
        sides = (data_dir / ADE / "predictions" / file.name, file)
        pred, truth = (np.array(Image.open(side)).astype(np.int16) - 1 for side in sides)
        pairs.append(tuple(np.where(ids < 0, 255, ids) for ids in (pred, truth)))
    metric = MeanIoU(150, protocol="ade20k")
    for pred, truth in pairs:
        metric.update(pred, truth)
    expected = oracles.ade20k(pairs, 150, 255)
    assert metric.compute()["miou"] == pytest.approx(expected["miou"], abs=1e-15)
    assert metric.compute()["pixel_accuracy"] == pytest.approx(expected["pixel_accuracy"], abs=1e-15)
