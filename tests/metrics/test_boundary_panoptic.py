"""Boundary PQ against a scorer of plain masks, segment by segment, and its promises."""

from __future__ import annotations

import math
import warnings

import naive
import numpy as np
import pytest
from metrics.boundary_oracles import boundary_pq
from metrics.test_panoptic import ROWS, random_image

from segbench.canonical.segment import Segment
from segbench.errors import SegbenchWarning, UsageError
from segbench.metrics import PanopticQuality
from segbench.metrics.panoptic_match import measure
from segbench.metrics.panoptic_rules import PANOPTIC_RULES, PanopticRules

SEEDS = range(120)
INSIDE = 1 + max(row["id"] for row in ROWS)


def enlarged(image, rng):
    """Both maps with every pixel as a block, so that segments have an inside; sometimes one takes its id."""
    high, wide = rng.integers(1, 5, 2)
    sides = []
    for small, segments in image:
        ids, rows = np.kron(small, np.ones((high, wide), int)), [dict(row) for row in segments]
        known = set(np.unique(ids).tolist()) | {row["id"] for row in rows}
        if rows and INSIDE not in known and rng.random() < 0.2:
            row = rows[rng.integers(len(rows))]
            ids[ids == row["id"]] = INSIDE
            row["id"] = INSIDE
        for row in rows:
            if row.get("area") is not None:
                row["area"] *= int(high * wide)
        sides.append((ids.astype(np.int32), rows))
    return tuple(sides)


def random_images(seed):
    rng = np.random.default_rng(seed)
    return [enlarged(random_image(rng), rng) for _ in range(rng.integers(1, 4))]


def metric_of(images, **settings):
    metric = PanopticQuality(ROWS, "boundary-pq", settings=settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(pred, truth, image_id=i)
        return metric, metric.compute()


@pytest.mark.parametrize("seed", SEEDS)
def test_pq_is_that_of_plain_masks(seed):
    images, ratio = random_images(seed), (0.02, 0.05, 0.1)[seed % 3]
    sums, counts = boundary_pq(images, ratio, INSIDE)
    _, scores = metric_of(images, dilation_ratio=ratio)
    assert set(scores) == {f"boundary_{q}q{g}" for q in "psr" for g in ("", "_things", "_stuff")}
    for row, category in zip(scores.class_rows, (r["id"] for r in ROWS), strict=True):
        tp, fp, fn = (counts[what][category] for what in ("tp", "fp", "fn"))
        whole = tp + 0.5 * fp + 0.5 * fn
        expected = sums[category] / whole if whole else math.nan
        assert row["boundary_pq"] == pytest.approx(expected, 0, 0, nan_ok=True)
        assert row["boundary_rq"] == pytest.approx(tp / whole if whole else math.nan, 0, 0, nan_ok=True)


def test_the_fuzz_reaches_what_matters():
    lower = equal = taken = 0
    for seed in SEEDS:
        images = random_images(seed)
        plain = PanopticQuality(ROWS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SegbenchWarning)
            for i, (pred, truth) in enumerate(images):
                plain.update(pred, truth, image_id=i)
        metric, scores = metric_of(images)
        lower += scores["boundary_sq"] < plain.compute()["sq"]
        equal += scores["boundary_pq"] == plain.compute()["pq"] > 0
        taken += any("that boundary-iou-api gives" in text for text in metric.warnings)
    assert min(lower, taken) > 20
    assert equal > 0


def image(ids, **more):
    rows = [{"id": i, "category_id": 17, **more} for i in np.unique(ids[ids > 0]).tolist()]
    return ids, rows


def test_an_image_of_150_by_260():
    truth, pred = np.zeros((2, 150, 260), np.int32)
    truth[20:130, 30:230] = 1
    pred[20:130, 35:235] = 1
    truth[truth == 0] = 3
    pred[pred == 0] = 3
    metric, scores = metric_of([(image(pred), image(truth))])
    edges = [naive.mask_boundary(ids == 1, 6).astype(bool) for ids in (truth, pred)]
    iou = naive.mask_iou(*edges, False)
    assert 0.5 < iou < 0.6
    assert iou in metric._images.by_id()[0].match_ious
    assert scores["boundary_pq"] < 0.8


def test_void_leaves_the_union_of_boundaries_too():
    truth = np.zeros((40, 60), np.int32)
    truth[10:30, 10:50] = 1
    pred = np.full((40, 60), 1, np.int32)
    _, scores = metric_of([(image(pred), image(truth))], dilation_ratio=0.03)
    edge = naive.mask_boundary(truth == 1, 2).astype(bool)
    assert not edge[12:28, 12:48].any()
    assert scores["boundary_pq"] == 0  # the prediction's boundary lies on void: none of it is shared
    assert metric_of([(image(pred), image(truth))], dilation_ratio=1)[1]["boundary_pq"] == 1.0


def test_ignored_truth_is_void():
    truth = np.full((40, 60), 1, np.int32)
    truth[:, 40:] = 2
    pred = np.full((40, 60), 1, np.int32)
    names = [Segment(id=1, category_id=0), Segment(id=2, category_id=0, ignore=True)]
    rules = PANOPTIC_RULES["boundary-pq"]
    (iou,) = measure((pred, names[:1]), (truth, names), 1, rules=rules).match_ious
    void = np.where(truth == 2, 0, truth)
    (same,) = measure((pred, names[:1]), (void, names[:1]), 1, rules=rules).match_ious
    assert iou == same < 1


def test_a_segment_of_the_inside_id_is_told():
    ids = np.full((20, 30), INSIDE, np.int32)
    metric = PanopticQuality(ROWS, "boundary-pq")
    with pytest.warns(
        SegbenchWarning, match=f"image 5: segments: 1 maps have a segment of the id .* \\({INSIDE}\\)"
    ):
        metric.update(image(ids), image(ids + 1), image_id=5)
    assert metric.compute()["boundary_pq"] == 1.0
    plain = PanopticQuality(ROWS)
    plain.update(image(ids), image(ids + 1), image_id=5)
    assert not any("inside" in text for text in plain.warnings)


@pytest.mark.parametrize("seed", range(20))
def test_insides_are_void_where_no_category_is_above_minus_1(seed):
    lower = {row["id"]: row["id"] - INSIDE for row in ROWS}
    images = random_images(seed)
    for rows in (rows for image in images for _, rows in image):
        for row in rows:
            row["category_id"] = lower[row["category_id"]]
    metric = PanopticQuality([row | {"id": lower[row["id"]]} for row in ROWS], "boundary-pq")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(pred, truth, image_id=i)
        rows = metric.compute().class_rows
    sums, counts = boundary_pq(images, 0.02, 0)
    for row, category in zip(rows, lower.values(), strict=True):
        tp, fp, fn = (counts[what][category] for what in ("tp", "fp", "fn"))
        whole = tp + 0.5 * fp + 0.5 * fn
        expected = sums[category] / whole if whole else math.nan
        assert row["boundary_pq"] == pytest.approx(expected, 0, 0, nan_ok=True)


def test_settings():
    metric = PanopticQuality(ROWS, "boundary-pq", settings={"dilation_ratio": 0.1})
    assert metric.settings == {"chunks": 1, "dilation_ratio": 0.1}
    assert "dilation_ratio" not in PanopticQuality(ROWS).settings
    for ratio in (0, 2, "wide"):
        with pytest.raises(UsageError, match="dilation_ratio must be a .*number"):
            PanopticQuality(ROWS, "boundary-pq", settings={"dilation_ratio": ratio})
    for name in ("mapillary-panoptic", "torchmetrics-pq", "pq-dagger"):
        with pytest.raises(UsageError, match="of panopticapi alone"):
            PanopticQuality(ROWS, name, settings={"dilation_ratio": 0.02})
    assert PanopticRules(dilation_ratio=0.02) == PANOPTIC_RULES["boundary-pq"]
