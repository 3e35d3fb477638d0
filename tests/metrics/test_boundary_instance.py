"""Boundary AP against COCOeval with plain masks and their erosions in the place of its IoU."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
from dataclasses import replace

import naive
import numpy as np
import pytest
from metrics.boundary_oracles import BoundaryEval
from metrics.test_instance import CATEGORIES, SOURCE_IDS, random_case, segment_of, sizes_of
from pycocotools.coco import COCO

import segbench
from segbench.canonical.sample import Sample
from segbench.errors import UsageError
from segbench.metrics import MaskAP
from segbench.protocols import get_protocol

SEEDS = range(90)


def with_ignore(case, seed):
    """Some of the truth, crowds among it, gets an ``ignore`` of its own."""
    truth, results = case
    rng = np.random.default_rng(seed)
    for row in truth["annotations"]:
        row.pop("ignore", None)
        if rng.random() < 0.2:
            row["ignore"] = int(rng.random() < 0.7)
    return truth, results


def reference(truth, results, ratio, max_dets):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = pickle.loads(pickle.dumps(truth))
        coco.createIndex()
        loaded = coco.loadRes(pickle.loads(pickle.dumps(results)))
        evaluator = BoundaryEval(coco, loaded, "boundary", ratio)
        evaluator.params.maxDets = list(max_dets)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def ours(truth, results, **options):
    metric = MaskAP(CATEGORIES, "boundary", **options)
    for image_id, size in sizes_of(truth["images"]).items():
        sides = (
            Sample(
                image_id=str(image_id),
                height=size[0],
                width=size[1],
                overlap=True,
                segments=[
                    replace(segment_of(row, size), ignore=bool(row.get("ignore")))
                    for row in rows
                    if row["image_id"] == image_id
                ],
            )
            for rows in (results, truth["annotations"])
        )
        metric.add(metric.measure_sample(*sides))
    return metric


@pytest.mark.parametrize("seed", SEEDS)
def test_bit_for_bit(seed):
    truth, results = with_ignore(random_case(seed), seed)
    ratio, most = (0.02, 0.02, 0.005, 0.3)[seed % 4], ((1, 10, 100), (1, 2, 100))[seed % 2]
    expected = reference(truth, results, ratio, most)
    metric = ours(truth, results, dilation_ratio=ratio, max_detections=most)
    for name, array in metric.curves()._asdict().items():
        assert array.tobytes() == expected.eval[name].tobytes(), name
    scores = metric.compute()
    assert all(key.startswith("boundary_a") for key in scores)
    assert np.nan_to_num(list(scores.values()), nan=-1.0).tobytes() == expected.stats.tobytes()
    assert set(scores.class_rows[0]) == {"category_id", "name", *scores}


@pytest.mark.parametrize("seed", range(30))
def test_files_are_scored_alike(seed, tmp_path):
    truth, results = random_case(seed)
    known = [row for row in results if row["category_id"] in SOURCE_IDS]
    results = known or [{**results[0], "category_id": SOURCE_IDS[0]}]
    if seed % 3 == 0:  # what the columns of a file do not hold
        truth, results = with_ignore((truth, results), seed)
    for name, content in (("truth", truth), ("results", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    record = segbench.score(tmp_path / "truth.json", tmp_path / "results.json", protocol="boundary-ap")
    found = [np.nan_to_num(metric.value, nan=-1.0) for metric in record.metrics.values()]
    assert found == reference(truth, results, 0.02, (1, 10, 100)).stats.tolist()


def test_the_fuzz_reaches_what_matters():
    lower = crowds = ignored = 0
    for seed in SEEDS:
        truth, results = with_ignore(random_case(seed), seed)
        plain, edges = MaskAP(CATEGORIES), ours(truth, results)
        plain.merge(_as_masks(truth, results))
        lower += plain.compute()["ap"] > edges.compute()["boundary_ap"]
        crowds += sum(row["iscrowd"] for row in truth["annotations"])
        ignored += sum(row.get("ignore", 0) and not row["iscrowd"] for row in truth["annotations"])
    assert min(lower, crowds, ignored) > 20


def _as_masks(truth, results):
    metric = MaskAP(CATEGORIES)
    for image_id, size in sizes_of(truth["images"]).items():
        sides = (
            Sample(
                image_id=str(image_id),
                height=size[0],
                width=size[1],
                overlap=True,
                segments=[segment_of(row, size) for row in rows if row["image_id"] == image_id],
            )
            for rows in (results, truth["annotations"])
        )
        metric.add(metric.measure_sample(*sides))
    return metric


def shifted(size=(150, 260), by=5):
    masks = np.zeros((2, 1, *size), bool)
    masks[0, 0, 20:130, 30:230] = True
    masks[1, 0, 20:130, 30 + by : 230 + by] = True
    return masks


def test_an_image_of_150_by_260():
    truth, pred = shifted()
    found = {}
    for name, iou_type in (("boundary_ap", "boundary"), ("ap", "segm")):
        metric = MaskAP(num_classes=1, iou_type=iou_type, iou_thresholds=(0.6, 0.8))
        metric.update(
            {"masks": pred, "scores": [1], "category_ids": [0]}, {"masks": truth, "category_ids": [0]}, 1
        )
        found[name] = metric.compute()[name]
    edges = [naive.mask_boundary(mask[0], 6).astype(bool) for mask in (pred, truth)]
    assert 0.5 < naive.mask_iou(*edges, False) < 0.6
    assert found == {"boundary_ap": 0.0, "ap": pytest.approx(1, 1e-12)}


def test_crowds_and_ignored_truth():
    truth, pred = shifted(by=40)
    rows = {"masks": pred, "scores": [1], "category_ids": [0]}
    for flags, taken in (({}, False), ({"iscrowd": [1]}, True), ({"ignore": [1]}, False)):
        metric = MaskAP(num_classes=1, iou_type="boundary")
        metric.update(rows, {"masks": truth, "category_ids": [0], **flags}, 1)
        (image,) = metric._images.by_id()
        assert (image.matched[0] & np.uint64(1)).astype(bool).tolist() == [taken]
        assert image.truths[0].tolist() == [int(not flags)]


def test_protocol_and_settings():
    metric = get_protocol("boundary-ap").build(CATEGORIES)
    assert metric.settings["iou_type"] == "boundary"
    assert metric.settings["dilation_ratio"] == 0.02
    assert MaskAP(num_classes=1, iou_type="boundary").protocol == "boundary-ap"
    assert MaskAP(num_classes=1, protocol="boundary-ap").rules.iou_type == "boundary"
    assert "dilation_ratio" not in MaskAP(num_classes=1).settings
    assert MaskAP(CATEGORIES, "boundary", dilation_ratio=0.1).settings["dilation_ratio"] == 0.1
    with pytest.raises(UsageError, match="settings"):
        metric.merge(MaskAP(CATEGORIES, "boundary", dilation_ratio=0.1))
    with pytest.raises(UsageError, match="dilation_ratio must be a number above 0 and up to 1, not 3"):
        MaskAP(num_classes=1, iou_type="boundary", dilation_ratio=3)
    with pytest.raises(UsageError, match="'coco-instance' measures 'segm', not 'boundary'"):
        MaskAP(num_classes=1, iou_type="boundary", protocol="coco-instance")
