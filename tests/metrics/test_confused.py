"""Who is taken for whom: the columns of the record against plain counts of pixels and segments."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import segbench
from segbench.canonical.images import encode_labels
from segbench.metrics import MeanIoU, PanopticQuality


def pairs(row):
    ids = zip(row["confused_truth_ids"].tolist(), row["confused_pred_ids"].tolist(), strict=True)
    return dict(zip(ids, row["confused"].tolist(), strict=True))


@pytest.mark.parametrize("protocol", ["exact", "mmseg"])
def test_pixels_of_one_category_taken_for_another(protocol):
    rng = np.random.default_rng(0)
    truth, pred = rng.integers(0, 5, (2, 30, 40))
    truth[:3] = 255
    pred[5:7] = 255
    metric = MeanIoU(num_classes=5, ignore_index=255, protocol=protocol)
    stats = metric._measure(pred, truth)
    expected = Counter(
        (int(t), -1 if p == 255 else int(p))
        for t, p in zip(truth.flat, pred.flat, strict=True)
        if t not in (p, 255)
    )
    assert pairs(metric.image_row(stats)) == expected


def test_missed_pixels_are_those_taken_for_something_else(tmp_path):
    rng = np.random.default_rng(1)
    for name in ("truth", "pred"):
        (tmp_path / name).mkdir()
        for i in range(7):
            mask = rng.integers(0, 4, (9, 8 + i)).astype(np.uint8)
            (tmp_path / name / f"{i}.png").write_bytes(encode_labels(mask))
    together = segbench.score(tmp_path / "truth", tmp_path / "pred", num_classes=4)
    row = [dict(one) for one in together.images.to_pylist()]
    for one in row:
        arrays = {
            name: np.array(one[name]) for name in ("confused_truth_ids", "confused_pred_ids", "confused")
        }
        lost = np.bincount(arrays["confused_truth_ids"], arrays["confused"], 4)
        made = np.bincount(arrays["confused_pred_ids"], arrays["confused"], 4)
        np.testing.assert_array_equal(lost[one["category_ids"]], one["fn"])
        np.testing.assert_array_equal(made[one["category_ids"]], one["fp"])


def test_segments_that_would_match_as_another_category():
    truth = np.repeat([[1, 1, 2, 2, 3, 3]], 4, axis=0)
    pred = np.repeat([[11, 11, 12, 12, 12, 13]], 4, axis=0)
    metric = PanopticQuality([{"id": i, "name": f"c{i}", "isthing": 1} for i in range(3)])
    sides = [
        (pred, [{"id": 11, "category_id": 1}, {"id": 12, "category_id": 1}, {"id": 13, "category_id": 0}]),
        (truth, [{"id": 1, "category_id": 0}, {"id": 2, "category_id": 1}, {"id": 3, "category_id": 2}]),
    ]
    metric.update(*sides)
    [stats] = metric._images.by_index()
    # 1 is outlined as 11; 2 is matched by 12; 3 meets 12 and 13, of neither by more than half
    assert pairs(stats.confused) == {(0, 1): 1}
    crowd = (truth, [{**sides[1][1][0], "iscrowd": 1}, *sides[1][1][1:]])
    metric.reset()
    metric.update(sides[0], crowd)
    assert pairs(metric._images.by_index()[0].confused) == {}
