"""What is near a prediction: the truth that it takes or comes closest to, and that of other categories.

Error types of TIDE follow from it, and who is taken for whom. Bolya et al., TIDE: A general toolbox for
identifying object detection errors, ECCV 2020, https://arxiv.org/abs/2008.08115.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.instance_regions import shape_iou

if TYPE_CHECKING:
    from segbench.metrics.ap_rules import Rules
    from segbench.metrics.instance_regions import Regions

LEVEL = 0.5
"""IoU at which a prediction is right; of the thresholds, that next to it."""

Near = dict[str, NDArray[Any]]


def nearest(
    pred: Regions,
    truth: Regions,
    ignored: NDArray[np.bool_],
    partner: NDArray[np.int32],
    *,
    rules: Rules,
    size: tuple[int, int],
) -> Near:
    """The truths of highest IoU with each prediction of one image.

    Parameters
    ----------
    pred, truth
        Both by category.
    ignored
        bool [G]: truths that do not count.
    partner
        int32 [T, N]: the truth that each prediction takes at each threshold, -1 for none.
    rules, size
        How IoU is measured; height and width of the image.

    Returns
    -------
    dict
        Of its own category ``own_truth`` int32 [N], the place of the truth that a prediction takes at IoU 0.5
        or else comes closest to, -1 where there is none, and ``own_iou`` float64 [N]; of all other categories
        ``other_truth``, ``other_iou`` and ``other_category_id``.
    """
    kept = np.flatnonzero(~ignored)
    iou = np.zeros((len(pred), len(truth)))
    if len(kept) and len(pred):
        shown, plain = truth.take(kept), np.zeros(len(kept), np.bool_)
        iou[:, kept] = shape_iou(pred.shapes, shown.shapes, plain, size, rules.dilation_ratio)
    same = pred.category_ids[:, None] == truth.category_ids
    own, own_iou = _highest(np.where(same, iou, 0.0))
    other, other_iou = _highest(np.where(same, 0.0, iou))
    taken = partner[np.abs(np.array(rules.iou_thresholds) - LEVEL).argmin()]
    taken = np.where(np.append(ignored, True)[taken], -1, taken)
    padded = np.pad(iou, [(0, 0), (0, 1)])  # position -1, none, reads the entry appended
    return {
        "own_truth": np.where(taken >= 0, taken, own).astype(np.int32),
        "own_iou": np.where(taken >= 0, padded[np.arange(len(pred)), taken], own_iou),
        "other_truth": other.astype(np.int32),
        "other_iou": other_iou,
        "other_category_id": np.append(truth.category_ids, -1)[other].astype(np.int32),
    }


def _highest(iou: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Column of the highest IoU of each row, the first of equals, and that IoU; -1 where it is 0."""
    if not iou.size:
        return np.full(len(iou), -1), np.zeros(len(iou))
    column = iou.argmax(axis=1)
    highest = iou[np.arange(len(iou)), column]
    return np.where(highest > 0, column, -1), highest
