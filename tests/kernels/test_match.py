"""Box IoU and greedy matching against their naive twins and COCO's own evaluator."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco
from pycocotools.cocoeval import COCOeval

from segbench import kernels

THRESHOLDS = np.linspace(0.5, 0.95, 10)


@given(st.data(), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=100)
def test_box_iou(data, preds, truths):
    number = st.integers(-3, 12).map(float) | st.floats(-3, 12, width=32)
    pred, truth = (data.draw(hnp.arrays(float, (n, 4), elements=number)) for n in (preds, truths))
    crowd = data.draw(hnp.arrays(bool, truths))
    found = kernels.box_iou(pred, truth, crowd)
    np.testing.assert_array_equal(found, coco.iou(pred, truth, crowd.astype(np.uint8)))
    np.testing.assert_array_equal(found, naive.box_iou(pred.tolist(), truth.tolist(), crowd))


def test_box_iou_of_none():
    assert kernels.box_iou([], [[0, 0, 1, 1]], [False]).shape == (0, 1)
    assert kernels.box_iou(np.zeros((2, 4)), np.zeros((0, 4)), []).shape == (2, 0)


def evaluate_image(iou, area_ignore, crowd, thresholds):
    """What COCOeval.evaluateImg matches for one area range, as indices."""
    preds, truths = iou.shape
    evaluator = COCOeval(iouType="bbox")
    evaluator.params.iouThrs = thresholds
    truth = [
        {"id": g + 1, "area": 0 if area_ignore[g] else 50, "iscrowd": int(crowd[g]), "ignore": int(crowd[g])}
        for g in range(truths)
    ]
    pred = [{"id": d + 1, "area": 50, "score": 1 - d / 1000} for d in range(preds)]
    evaluator._gts[1, 1], evaluator._dts[1, 1], evaluator.ious = truth, pred, {(1, 1): iou}
    result = evaluator.evaluateImg(1, 1, [10, 100], 100)
    truth_match = np.full((len(thresholds), truths), -1)
    truth_match[:, np.array(result["gtIds"]) - 1] = result["gtMatches"] - 1
    return result["dtMatches"] - 1, truth_match


def check(iou, area_ignore, crowd, thresholds):
    pred_match, truth_match = kernels.match(iou, area_ignore | crowd, crowd, thresholds)
    assert (pred_match.dtype, truth_match.dtype) == (np.int32, np.int32)
    naive_pred, naive_truth = naive.match(iou, area_ignore | crowd, crowd, thresholds)
    np.testing.assert_array_equal(pred_match, naive_pred)
    np.testing.assert_array_equal(truth_match, naive_truth)
    for a, ignore in enumerate(area_ignore):
        coco_pred, coco_truth = evaluate_image(iou, ignore, crowd, thresholds)
        np.testing.assert_array_equal(pred_match[a], coco_pred)
        np.testing.assert_array_equal(truth_match[a], coco_truth)


@given(st.data(), st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=150)
def test_match_fuzz(data, preds, truths):
    levels = st.sampled_from([0, 0.25, 0.5, 0.55, 0.75, 0.95, 1 - 1e-10, 1 - 1e-12, 1]) | st.floats(0, 1)
    iou = data.draw(hnp.arrays(float, (preds, truths), elements=levels))
    area_ignore = data.draw(hnp.arrays(bool, (2, truths)))
    crowd = data.draw(hnp.arrays(bool, truths))
    check(iou, area_ignore, crowd, np.array([0.5, 0.55, 0.75, 1.0]))


@pytest.mark.parametrize("seed", range(5))
def test_crowded_image_with_many_ties(seed):
    rng = np.random.default_rng(seed)
    iou = rng.integers(0, 6, (40, 30)) / 5
    check(iou, rng.random((4, 30)) < 0.3, rng.random(30) < 0.2, THRESHOLDS)


def test_equal_iou_goes_to_the_later_truth():
    pred_match, truth_match = kernels.match([[0.7, 0.7]], [[False, False]], [False, False], [0.5])
    assert pred_match.tolist() == [[[1]]]
    assert truth_match.tolist() == [[[-1, 0]]]


def test_ignored_truth_is_only_taken_where_no_other_will_do():
    iou, ignore = [[0.9, 0.6], [0.9, 0.6]], [[True, False]]
    assert kernels.match(iou, ignore, [False, False], [0.5])[0].tolist() == [[[1, 0]]]


def test_a_crowd_is_taken_many_times():
    pred_match, truth_match = kernels.match([[0.9], [0.8], [0.4]], [[True]], [True], [0.5])
    assert pred_match.tolist() == [[[0, 0, -1]]]
    assert truth_match.tolist() == [[[1]]]


def test_match_of_none():
    pred_match, truth_match = kernels.match(np.zeros((0, 3)), np.zeros((4, 3), bool), np.zeros(3), THRESHOLDS)
    assert (pred_match.shape, truth_match.shape) == ((4, 10, 0), (4, 10, 3))
    assert (truth_match == -1).all()
    pred_match, truth_match = kernels.match(np.zeros((2, 0)), np.zeros((4, 0)), [], THRESHOLDS)
    assert (pred_match == -1).all()
    assert (pred_match.shape, truth_match.shape) == ((4, 10, 2), (4, 10, 0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.match([0.5], [[False]], [False], [0.5]),
        lambda: kernels.match([[0.5]], [False], [False], [0.5]),
        lambda: kernels.match([[0.5]], [[False, True]], [False], [0.5]),
        lambda: kernels.match([[0.5]], [[False]], [False, True], [0.5]),
        lambda: kernels.match([[0.5]], [[False]], [False], [[0.5]]),
        lambda: kernels.box_iou(np.zeros((2, 3)), np.zeros((1, 4)), [False]),
        lambda: kernels.box_iou(np.zeros((2, 4)), np.zeros(4), [False]),
        lambda: kernels.box_iou(np.zeros((2, 4)), np.zeros((1, 4)), []),
    ],
)
def test_bad_shapes_are_refused(call):
    with pytest.raises(ValueError, match="must have shape"):
        call()
