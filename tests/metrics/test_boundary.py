"""BoundaryIoU against plain masks and distances, its rules, and that no order changes a bit of it."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import naive
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segbench.canonical.categories import Categories, Category
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError
from segbench.metrics import BoundaryIoU
from segbench.metrics.boundary import measure
from segbench.metrics.boundary_rules import BOUNDARY_RULES
from segbench.protocols import get_protocol

SIZES = [(150, 260), (260, 150), (64, 64), (1, 1), (1, 90), (7, 300), (200, 3), (33, 40)]


def blocks(rng, size, num_classes):
    side = int(rng.integers(1, 40))
    coarse = rng.integers(0, num_classes, (size[0] // side + 1, size[1] // side + 1))
    return np.kron(coarse, np.ones((side, side), int))[: size[0], : size[1]].astype(np.uint8)


def random_pair(rng, num_classes=4, ignore=255, size=None):
    """A truth with void, and a prediction that is like it, moved or void in places."""
    size = SIZES[rng.integers(len(SIZES))] if size is None else size
    truth = blocks(rng, size, num_classes)
    pred = np.roll(truth, rng.integers(0, 5, 2), axis=(0, 1))
    pred = np.where(blocks(rng, size, 4) == 0, blocks(rng, size, num_classes), pred)
    truth[blocks(rng, size, 6) == 0] = ignore
    pred[blocks(rng, size, 12) == 0] = ignore
    return pred, truth


def random_pairs(seed):
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 6))
    ignore = int(rng.choice([255, 0, num_classes - 1, 77]))
    return [random_pair(rng, num_classes, ignore) for _ in range(rng.integers(1, 5))], num_classes, ignore


def scored_masks(pairs, num_classes, ignore):
    """The masks of each image and category, cut to what is scored."""
    for pred, truth in pairs:
        scored = truth != ignore
        yield {c: (scored & (truth == c), scored & (pred == c)) for c in range(num_classes) if c != ignore}


def naive_miou(pairs, num_classes, ignore, ratio=0.02):
    """Boundary IoU of each category and their mean: erosions by 3 × 3, one by one."""
    both, either = np.zeros((2, num_classes), np.int64)
    for masks in scored_masks(pairs, num_classes, ignore):
        for c, (t, p) in masks.items():
            distance = max(1, round(ratio * math.hypot(*t.shape)))
            edges = [naive.mask_boundary(mask, distance) for mask in (t, p)]
            both[c] += np.count_nonzero(edges[0] & edges[1])
            either[c] += np.count_nonzero(edges[0] | edges[1])
    iou = np.divide(both, either, out=np.full(num_classes, np.nan), where=either > 0)
    return {"boundary_miou": np.nanmean(iou) if either.any() else math.nan}, iou


def f1_of(t, p, ratio):
    """F1 by Euclidean distance transforms; the contour is what an erosion by a cross takes."""
    t, p = (mask & ~ndimage.binary_erosion(mask) for mask in (t, p))
    if not t.any() or not p.any():
        return 0.0
    tolerance = ratio * math.hypot(*t.shape)
    precision = np.mean(ndimage.distance_transform_edt(~t)[p] < tolerance)
    recall = np.mean(ndimage.distance_transform_edt(~p)[t] < tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def naive_f1(pairs, num_classes, ignore, ratio=0.0075):
    """F1 of every image and category that occurs, averaged both ways in exact fractions."""
    images, categories = [], [[] for _ in range(num_classes)]
    for masks in scored_masks(pairs, num_classes, ignore):
        found = {c: Fraction(f1_of(t, p, ratio)) for c, (t, p) in masks.items() if t.any() or p.any()}
        if found:
            images.append(mean(list(found.values())))
        for c, value in found.items():
            categories[c].append(value)
    column = [mean(values) for values in categories]
    seen = [value for value in column if value is not None]
    values = {"boundary_f1": mean(images), "boundary_f1_c": mean(seen)}
    return {k: math.nan if v is None else float(v) for k, v in values.items()}, column


def mean(values):
    return sum(values, Fraction(0)) / len(values) if values else None


def metric_of(pairs, num_classes, ignore, protocol, **settings):
    metric = BoundaryIoU(num_classes, ignore, protocol, settings=settings)
    for pred, truth in pairs:
        metric.update(pred, truth)
    return metric


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("changed", [{}, {"dilation_ratio": 0.3}, {"dilation_ratio": 1}])
def test_iou_is_that_of_plain_erosions(seed, changed):
    case = random_pairs(seed)
    scores = metric_of(*case, "boundary-iou", **changed).compute()
    values, iou = naive_miou(*case, *changed.values())
    assert scores == pytest.approx(values, 1e-15, nan_ok=True)
    np.testing.assert_array_equal([row["boundary_iou"] for row in scores.class_rows], iou)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("changed", [{}, {"tolerance_ratio": 0.05}, {"tolerance_ratio": 1}])
def test_f1_is_that_of_distance_transforms(seed, changed):
    case = random_pairs(seed)
    scores = metric_of(*case, "boundary-f1", **changed).compute()
    values, column = naive_f1(*case, *changed.values())
    assert scores == pytest.approx(values, 1e-14, nan_ok=True)
    for row, value in zip(scores.class_rows, column, strict=True):
        assert row["boundary_f1"] == pytest.approx(math.nan if value is None else float(value), nan_ok=True)


def test_a_perfect_prediction_is_perfect_whatever_it_says_of_void():
    rng = np.random.default_rng(3)
    _, truth = random_pair(rng, size=(150, 260))
    pred = np.where(truth == 255, blocks(rng, truth.shape, 4), truth)
    for protocol in BOUNDARY_RULES:
        assert set(metric_of([(pred, truth)], 4, 255, protocol).compute().values()) == {1.0}


def test_an_example_by_hand():
    truth = np.zeros((9, 12), np.uint8)
    truth[2:7, 2:10] = 1  # 5 × 8: 22 pixels around it
    pred = np.zeros((9, 12), np.uint8)
    pred[2:7, 3:10] = 1  # 5 × 7: 20 pixels, 17 of them the same
    rows = metric_of([(pred, truth)], 2, 255, "boundary-iou").compute().class_rows
    assert rows[1]["boundary_iou"] == 17 / (22 + 20 - 17)
    border, around, around_pred, shared = 38, 30, 28, 9 + 9 + 5
    both = border + shared
    assert rows[0]["boundary_iou"] == both / (2 * border + around + around_pred - both)
    exact, near = (
        metric_of([(pred, truth)], 2, 255, "boundary-f1", tolerance_ratio=r).compute().class_rows[1]
        for r in (0.001, 0.1)
    )
    assert exact["boundary_f1"] == pytest.approx(2 * 17 / (20 + 22), 1e-15)
    assert near["boundary_f1"] == 1.0


@pytest.mark.parametrize(("shift", "pixels", "perfect"), [(3, 3, False), (3, 3.01, True), (0, 0.1, True)])
def test_a_match_is_less_than_the_tolerance_away(shift, pixels, perfect):
    truth, pred = np.zeros((2, 30, 40), np.uint8)  # their diagonal is 50
    truth[:, 20:] = 1
    pred[:, 20 + shift :] = 1
    metric = metric_of([(pred, truth)], 2, 255, "boundary-f1", tolerance_ratio=pixels / 50)
    assert (metric.compute()["boundary_f1"] == 1) == perfect


def test_a_category_in_one_map_alone_has_0():
    truth = np.zeros((10, 10), np.uint8)
    truth[:5] = 1
    pred = np.zeros((10, 10), np.uint8)
    pred[:5] = 2
    for protocol, key in (("boundary-iou", "boundary_iou"), ("boundary-f1", "boundary_f1")):
        rows = metric_of([(pred, truth)], 4, 255, protocol).compute().class_rows
        assert [row[key] for row in rows[:3]] == [1, 0, 0]
        assert math.isnan(rows[3][key])


def test_what_never_occurs_is_told_and_nothing_is_nan():
    for protocol in BOUNDARY_RULES:
        metric = BoundaryIoU(3, protocol=protocol, labels=["a", "b", "c"])
        assert all(math.isnan(value) for value in metric.compute().values())
        metric.update(np.ones((2, 3), int), np.full((2, 3), 255))
        assert all(math.isnan(value) for value in metric.compute().values())
        metric.reset()
        assert metric.warnings == []
        metric.update([[0, 0, 1]], [[0, 0, 0]])
        assert metric.warnings == [
            "2 of 3 categories are not in the truth (b, c): 1 that are predicted count as 0 in means (b), "
            "the others are left out"
        ]
        assert metric.compute().signature.split("|", 1)[1] == (
            "protocol=boundary-iou|ignore_index=255|dilation_ratio=0.02"
            if protocol == "boundary-iou"
            else "protocol=boundary-f1|ignore_index=255|tolerance_ratio=0.0075"
        )


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(BOUNDARY_RULES)))
def test_no_order_batch_or_merge_changes_a_bit(seed, protocol):
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng, 5, size=(33, 40)) for _ in range(6)]
    whole = metric_of(pairs, 5, 255, protocol)
    batch = BoundaryIoU(5, protocol=protocol)
    batch.update(np.stack([pred for pred, _ in pairs])[:, None], np.stack([truth for _, truth in pairs]))
    parts = [
        metric_of([pairs[i] for i in part], 5, 255, protocol)
        for part in np.array_split(rng.permutation(len(pairs)), 3)
    ]
    total = BoundaryIoU(5, protocol=protocol)
    for part in parts:
        total.merge(pickle.loads(pickle.dumps(part)))
    for other in (batch, total):
        assert list(other.compute().items()) == list(whole.compute().items())
        assert repr(other.compute().class_rows) == repr(whole.compute().class_rows)
    total.reset()
    assert repr(total.compute()) == repr(BoundaryIoU(5, protocol=protocol).compute())


@pytest.mark.parametrize("protocol", BOUNDARY_RULES)
def test_the_image_table_is_all_a_score_needs(protocol):
    pairs, num_classes, ignore = random_pairs(5)
    metric = metric_of(pairs, num_classes, ignore, protocol)
    again = BoundaryIoU.build(metric.categories, protocol, metric.settings)
    rows = [metric.image_row(None) | {"image_id": "failed", "index": 0}]
    for i, (pred, truth) in enumerate(pairs, 1):
        stats = measure(pred, truth, num_classes, ignore, metric.rules)
        assert stats.doubts == ()
        assert metric.detection_rows(stats) == {}
        rows.append(metric.image_row(stats) | {"image_id": str(i), "index": i})
    names = {"category_ids": "int32", "tp": "int64", "fp": "int64", "fn": "int64"}
    names |= {"found": "int64"} if protocol == "boundary-f1" else {}
    assert {k: v.dtype.name for k, v in metric.image_row(None).items()} == names
    assert {k: v.dtype.name for k, v in metric.image_row(stats).items()} == names
    again.add_tables(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    assert dict(again.compute()) == dict(metric.compute())
    assert repr(again.compute().class_rows) == repr(metric.compute().class_rows)


def sample(mask, image_id="7", **options):
    height, width = mask.shape
    return Sample(image_id=image_id, height=height, width=width, load_mask=lambda: mask, **options)


def test_samples():
    pred, truth = random_pair(np.random.default_rng(1), size=(33, 40))
    for name in BOUNDARY_RULES:
        metric = get_protocol(name).build(Categories.from_id2label(dict(enumerate("abcd"))))
        metric.add(metric.measure_sample(sample(pred), sample(truth), index=3))
        assert dict(metric.compute()) == dict(metric_of([(pred, truth)], 4, 255, name).compute())
        with pytest.raises(DataError, match="image 7: ignore_index: the mask's ignore index is 65535"):
            metric.measure_sample(sample(pred, ignore_index=65_535), sample(truth))
    with pytest.raises(DataError, match="image 7: this image is scored twice"):
        metric.add(metric.measure_sample(sample(pred), sample(truth), index=3))


@pytest.mark.parametrize("protocol", BOUNDARY_RULES)
def test_errors_name_image_and_field(protocol):
    zeros, rules = np.zeros((4, 6), int), BOUNDARY_RULES[protocol]
    bad = zeros.copy()
    bad[1:3, 2:5] = 9
    with pytest.raises(DataError, match="/t.png: image 7: mask: the truth holds category id 9 on 6 pixels"):
        measure(zeros, bad, 2, 255, rules, image_id="7", truth_file="/t.png")
    with pytest.raises(DataError, match="/p.png: image 7: mask: the prediction holds category id 9 on 6"):
        measure(bad, zeros, 2, 255, rules, image_id="7", pred_file="/p.png")
    with pytest.raises(DataError, match=r"image 7: mask: it is \(4, 6\) pixels, the truth \(6, 4\)"):
        measure(zeros, zeros.T, 2, 255, rules, image_id="7")
    measure(bad, np.where(bad == 9, 255, 0), 2, 255, rules)  # what lies on ignored truth is dropped
    measure(bad, zeros, 2, 9, rules)
    assert measure(zeros, zeros, 2, None, rules).tp[0] > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BoundaryIoU(0), "at least 1"),
        (lambda: BoundaryIoU(2, protocol="exact"), "unknown protocol 'exact'"),
        (lambda: BoundaryIoU(2, protocol="boundary-f2"), "Did you mean 'boundary-f1'"),
        (lambda: BoundaryIoU(2, labels=["a"]), "0..1"),
        (lambda: BoundaryIoU(2, settings={"dilation": 0.02}), "Did you mean 'dilation_ratio'"),
        (lambda: BoundaryIoU(2, settings={"tolerance_ratio": 0.02}), "unknown setting 'tolerance_ratio'"),
        (lambda: BoundaryIoU(2, settings={"dilation_ratio": 0}), "above 0 and up to 1, not 0"),
        (lambda: BoundaryIoU(2, settings={"dilation_ratio": 2}), "above 0 and up to 1, not 2"),
        (lambda: BoundaryIoU(2, settings={"dilation_ratio": True}), "above 0 and up to 1, not True"),
        (lambda: BoundaryIoU(2, settings={"dilation_ratio": "wide"}), "above 0 and up to 1, not 'wide'"),
        (lambda: BoundaryIoU.build(Categories([]), "boundary-iou", {}), "one category or more"),
        (lambda: BoundaryIoU(2).update([[0.5]], [[0]]), "integer ids, not float64"),
        (lambda: BoundaryIoU(2).merge(BoundaryIoU(3)), "categories"),
        (lambda: BoundaryIoU(2).merge(BoundaryIoU(2, settings={"dilation_ratio": 0.1})), "settings"),
        (lambda: BoundaryIoU(2).merge(BoundaryIoU(2, protocol="boundary-f1")), "protocol"),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_names_and_settings():
    metric = BoundaryIoU(2, labels={0: "road", 1: "sky"}, settings={"dilation_ratio": 0.1})
    assert list(metric.categories) == [Category(0, "road"), Category(1, "sky")]
    assert metric.settings == {"ignore_index": 255, "dilation_ratio": 0.1}
    with pytest.raises(DataError, match=r"need \[H, W\]"):
        metric.update(np.zeros((0, 3), int), np.zeros((0, 3), int))
