"""Operating points and curves against direct counting of what pycocotools matched."""

from __future__ import annotations

import math

import numpy as np
import pytest
from metrics.test_instance import CATEGORIES, SOURCE_IDS, ours, random_case, reference

from segbench.canonical.categories import Categories, Category
from segbench.errors import UsageError
from segbench.metrics import MaskAP
from segbench.metrics.operating import Which, operating_points, recall_curves, score_curves

AREAS = ("all", "small", "medium", "large")


def counted(evaluation, source_id, t, area, limit):
    """Scores and hits of the predictions that count, and how many truths do, image by image."""
    found, truths = [], 0
    bounds = evaluation.params.areaRng[AREAS.index(area)]
    for image in evaluation.evalImgs:
        if image is None or image["category_id"] != source_id or image["aRng"] != bounds:
            continue
        truths += sum(1 for ignored in image["gtIgnore"] if not ignored)
        rows = zip(image["dtScores"], image["dtMatches"][t], image["dtIgnore"][t], strict=True)
        found += [(score, match != 0) for score, match, ignored in list(rows)[:limit] if not ignored]
    return found, truths


def rates(found, truths, score):
    tp = sum(hit for s, hit in found if s >= score)
    fp = sum(not hit for s, hit in found if s >= score)
    fn = truths - tp
    return {
        "score": score, "tp": tp, "fp": fp, "fn": fn,
        "precision": tp / (tp + fp) if tp + fp else math.nan,
        "recall": tp / truths if truths else math.nan,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
    }  # fmt: skip


def best(found, truths):
    points = [rates(found, truths, score) for score in sorted({s for s, _ in found}, reverse=True)]
    if not any(hit for _, hit in found):
        return rates([], truths, math.nan)
    return max(points, key=lambda point: point["f1"])  # the first of equals


def plain(row):
    return {name: repr(float(value)) for name, value in row.items() if name not in ("category_id", "name")}


@pytest.mark.parametrize("seed", range(40))
def test_counts_are_those_of_pycocotools(seed):
    truth, results = random_case(seed)
    iou_type = ("segm", "bbox")[seed % 2]
    limits = (1, 2, 100)
    expected = reference(truth, results, iou_type, {"max_detections": limits})
    matches = ours(truth, results, iou_type, {"max_detections": limits}).matches()
    t, area, limit = seed % 10, AREAS[seed // 2 % 4], limits[seed // 3 % 3]
    which = Which(expected.params.iouThrs[t], area, limit)
    cells = [counted(expected, key, t, area, limit) for key in SOURCE_IDS]
    pooled = [one for found, _ in cells for one in found], sum(truths for _, truths in cells)
    for score in (0.5, 0.1, 0.3, 2.0):
        rows = operating_points(matches, score, which)
        assert [row["name"] for row in rows] == ["all", *(c.name for c in CATEGORIES)]
        for row, cell in zip(rows, [pooled, *cells], strict=True):
            assert plain(row) == plain(rates(*cell, score))
    for row, cell in zip(operating_points(matches, None, which), [pooled, *cells], strict=True):
        assert plain(row) == plain(best(*cell))
    curves = score_curves(matches, which)
    literal = [
        (name, rates(*cell, score))
        for name, cell in zip(["all", *(c.name for c in CATEGORIES)], [pooled, *cells], strict=True)
        for score in sorted({s for s, _ in cell[0]}, reverse=True)
    ]
    assert curves["name"] == [name for name, _ in literal]
    for key in ("score", "tp", "fp", "fn", "precision", "recall", "f1"):
        assert [repr(float(v)) for v in curves[key]] == [repr(float(row[key])) for _, row in literal]


@pytest.mark.parametrize("seed", range(40, 60))
def test_points_by_recall_are_those_of_pycocotools(seed):
    truth, results = random_case(seed)
    limits = (1, 2, 100)
    expected = reference(truth, results, "segm", {"max_detections": limits}).eval
    metric = ours(truth, results, "segm", {"max_detections": limits})
    t, a, m = seed % 10, seed % 4, seed % 3
    which = Which(metric.rules.iou_thresholds[t], AREAS[a], limits[m])
    columns = recall_curves(metric.curves(), metric.matches(), metric.rules.recall_grid, which)
    for category in CATEGORIES:
        k = sorted(SOURCE_IDS).index(category.source_id)
        mine = slice(101 * category.id, 101 * category.id + 101)
        assert set(columns["category_id"][mine]) == {category.id}
        assert set(columns["name"][mine]) == {category.name}
        assert columns["recall"][mine].tobytes() == np.linspace(0, 1, 101).tobytes()
        precision, score = expected["precision"][t, :, k, a, m], expected["scores"][t, :, k, a, m]
        assert np.nan_to_num(columns["precision"][mine], nan=-1).tobytes() == precision.tobytes()
        told = ~np.isnan(columns["score"][mine])
        assert (told == (precision > 0)).all()
        assert columns["score"][mine][told].tobytes() == score[told].tobytes()


def test_the_fuzz_reaches_what_matters():
    undefined, points = 0, 0
    for seed in range(40):
        rows = operating_points(ours(*random_case(seed), "segm", {}).matches())
        undefined += sum(math.isnan(row["recall"]) or math.isnan(row["precision"]) for row in rows)
        points += sum(row["tp"] > 0 for row in rows)
    assert min(undefined, points) > 20


def test_of_equal_f1_the_highest_score_is_best():
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :4], masks[1, 4:] = True, True
    metric = MaskAP(num_classes=1)
    pred = {"masks": masks[[0, 0, 0, 1]], "category_ids": [0] * 4, "scores": [0.9, 0.8, 0.7, 0.1]}
    metric.update(pred, {"masks": masks, "category_ids": [0, 0]}, 1)
    # F1 is 2/3 at 0.9 (1 of 1, 1 missed) and at 0.1 (2 of 4, none missed)
    (_, row) = operating_points(metric.matches())
    assert (row["score"], row["tp"], row["fp"], row["fn"]) == (0.9, 1, 0, 1)


def test_nothing_added_is_undefined_everywhere():
    matches = MaskAP(CATEGORIES).matches()
    for rows in (operating_points(matches, 0.5, Which(area_range="large")), operating_points(matches)):
        assert len(rows) == 1 + len(CATEGORIES)
        assert all(math.isnan(row[name]) for row in rows for name in ("precision", "recall", "f1"))
    assert len(score_curves(matches)["score"]) == 0


def test_limits_over_all_images_and_categories_as_one():
    truth, results = random_case(7)
    metric = ours(truth, results, "segm", {"settings": {"limited_by": "category"}, "max_detections": (2,)})
    rows = operating_points(metric.matches(), 0.0)
    assert max(row["tp"] + row["fp"] for row in rows[1:]) == 2
    metric = ours(truth, results, "segm", {"use_categories": False})
    assert [row["name"] for row in operating_points(metric.matches())] == ["all", "all"]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (Which(0.51), "IoU threshold 0.51 was not measured; known: 0.5, 0.55"),
        (Which(area_range="smal"), "unknown area range 'smal'. Did you mean 'small'"),
        (Which(max_detections=5), "max_detections 5 was not measured; known: 1, 10, 100"),
    ],
)
def test_what_was_not_measured_is_refused(which, message):
    with pytest.raises(UsageError, match=message):
        operating_points(MaskAP(2).matches(), 0.5, which)


def test_categories_keep_their_dense_order():
    reverse = Categories([Category(0, "late", 9), Category(1, "early", 2)])
    matches = MaskAP(reverse).matches()
    assert [row["category_id"] for row in operating_points(matches)] == [None, 0, 1]
