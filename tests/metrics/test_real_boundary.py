"""Boundary scores of real files, against the numbers of the originals in ``boundary_reference.json``.

AP and PQ are those of boundary-iou-api 37d2558 itself, on one core, with OpenCV 5.0.0 and NumPy 2.4.6; IoU of
label maps is its ``mask_to_boundary`` on each category's mask, pooled; F1 is by SciPy's Euclidean distance
transform.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import segbench

REFERENCE = json.loads((Path(__file__).parent / "boundary_reference.json").read_text(encoding="utf-8"))
YOLACT = "yolact_dets/derived"
FILES = {
    "coco2014_fake100": (
        "coco2014_fake100/tests/dataset/cocoapi/instances_val2014_100.json",
        "cocoapi_results/results/instances_val2014_fakesegm100_results.json",
    ),
    "coco_tiny": ("coco_tiny/annotations/instances_val2017.json", "coco_tiny/pred_val.json"),
    "coco128_coco": ("coco128_coco/annotations/instances_train2017.json", "coco128_coco/pred_coco128.json"),
    "lvis_val100": ("lvis_val100/data/lvis_val_100.json", "lvis_val100/pred_perturbed.json"),
    **{
        name: (f"{YOLACT}/pseudo_gt.json", f"{YOLACT}/{name}_segm.json")
        for name in ("yolact_base", "yolact_resnet50", "yolact_darknet53")
    },
    "lightly_coco128": (
        "lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json",
        "lightly_coco128/pred_panoptic_train2017.json",
    ),
    "panopticapi_sample": ("panopticapi_sample/sample_data/panoptic_examples.json",) * 2,
    "camvid": ("camvid/CamVid/valannot", "camvid/pred_val"),
}
OPTIONS = {"camvid": {"num_classes": 11, "ignore_index": 11}}


@pytest.mark.parametrize(
    ("protocol", "name"), [(protocol, name) for protocol, cases in REFERENCE.items() for name in cases]
)
def test_scores_are_those_of_the_originals(data_dir, protocol, name):
    truth, predictions = (data_dir / file for file in FILES[name])
    record = segbench.score(truth, predictions, protocol=protocol, truth_options=OPTIONS.get(name))
    expected = dict(REFERENCE[protocol][name])
    by_class = expected.pop("boundary_iou", None)
    found = {key: record.metrics[key].value for key in expected}
    assert {key: None if math.isnan(value) else value for key, value in found.items()} == expected
    assert by_class is None or [row["boundary_iou"] for row in record.per_class] == by_class


def test_boundary_iou_is_not_mask_iou(data_dir):
    truth, predictions = (data_dir / file for file in FILES["coco_tiny"])
    plain = segbench.score(truth, predictions)
    assert plain.metrics["ap"].value - REFERENCE["boundary-ap"]["coco_tiny"]["boundary_ap"] > 0.05
