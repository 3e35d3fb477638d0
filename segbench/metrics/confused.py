"""Confused: who is taken for whom in one image, as columns of ``images.parquet``.

Each entry is a pair of different categories and how much of the first was taken for the second: pixels, or
segments that would match if their categories were the same. The predicted id -1 is no category.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOTHING = -1
"""Predicted as no category."""

EMPTY: dict[str, NDArray[Any]] = {
    "confused_truth_ids": np.empty(0, np.int32),
    "confused_pred_ids": np.empty(0, np.int32),
    "confused": np.empty(0, np.int64),
}
"""The columns of an image in which nothing is."""


def confused_columns(
    truth: NDArray[Any], pred: NDArray[Any], amounts: NDArray[Any], num_classes: int
) -> dict[str, NDArray[Any]]:
    """Add up pairs of categories, int64 [n] each; predicted ids of ``num_classes`` or more are none."""
    apart = truth != pred
    if not apart.any():
        return dict(EMPTY)
    pair = truth[apart] * (num_classes + 1) + np.minimum(pred[apart], num_classes)
    known, place = np.unique(pair, return_inverse=True)
    total = np.zeros(len(known), np.int64)
    np.add.at(total, place, amounts[apart])
    truth_ids, pred_ids = known // (num_classes + 1), known % (num_classes + 1)
    return {
        "confused_truth_ids": truth_ids.astype(np.int32),
        "confused_pred_ids": np.where(pred_ids == num_classes, NOTHING, pred_ids).astype(np.int32),
        "confused": total,
    }


def confused_pairs(truth: NDArray[Any], pred: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Count pairs of different categories, integers [n] each."""
    if (truth == pred).all():
        return dict(EMPTY)
    num_classes = int(max(truth.max(), pred.max())) + 1
    return confused_columns(truth.astype(np.int64), pred, np.ones(len(truth), np.int64), num_classes)
