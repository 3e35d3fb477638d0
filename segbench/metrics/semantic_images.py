"""Scores that pooled counts cannot give: of single images, and of sums in float32."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.scores import ratio
from segbench.metrics.semantic_stats import ImageCounts

DECILES = tuple(range(10, 101, 10))
LARGEST = 2**24
"""Where counting by ones in float32 stops."""


def float32_sums(images: Sequence[ImageCounts], num_classes: int) -> list[NDArray[np.float32]]:
    """Add counts image by image in float32: in both, in truth, in the prediction, in either; [K] each."""
    sums = [np.zeros(num_classes, np.float32) for _ in range(4)]
    for image in images:
        tp, fp, fn = (image.dense(name, num_classes) for name in ("tp", "fp", "fn"))
        both, truth, pred = (np.minimum(n, LARGEST).astype(np.float32) for n in (tp, tp + fn, tp + fp))
        one = (both, truth, pred, pred + truth - both)
        sums = [total + values for total, values in zip(sums, one, strict=True)]
    return sums


def image_level(images: Sequence[ImageCounts], num_classes: int) -> dict[str, float]:
    """Score images one by one, over the categories that are in their truth.

    ``miou_i`` is the mean over images of the mean over categories of IoU; ``miou_c`` the mean over categories
    of the mean over images. ``miou_i5`` and ``miou_i1`` average the worst 5 % and 1 % of images alone (one or
    more), ``miou_iq`` is the mean of the worst 10 %, 20 % … 100 %; the same of ``miou_c``, of the images of
    each category. Sums are exact before they are rounded, so that no order of images changes them.

    Notes
    -----
    mIoU^I, mIoU^C and worst-case metrics of Wang et al., Revisiting evaluation metrics for semantic
    segmentation, NeurIPS 2023. Its reference (zifuwanggg/JDTLosses) adds float32 tensors, and is undefined
    when a category is in no truth; here that category is left out.
    """
    by_image: list[float] = []
    by_category: dict[int, list[float]] = {c: [] for c in range(num_classes)}
    for image in images:
        ids, tp, fp, fn = (image.columns[name] for name in ("category_ids", "tp", "fp", "fn"))
        true = tp + fn > 0
        iou = ratio(tp, tp + fp + fn)[true].tolist()
        if iou:
            by_image.append(_mean(iou))
        for category, value in zip(ids[true].tolist(), iou, strict=True):
            by_category[category].append(value)
    cells = {"miou_i": [sorted(by_image)], "miou_c": [sorted(v) for v in by_category.values() if v]}
    return {key: value for name, lists in cells.items() for key, value in _worst(name, lists).items()}


def _worst(name: str, lists: Sequence[list[float]]) -> Mapping[str, float]:
    def mean_of(percent: int) -> float:
        return _mean([_mean(values[: max(1, int(percent / 100 * len(values)))]) for values in lists])

    return {
        name: mean_of(100),
        f"{name}q": _mean([mean_of(percent) for percent in DECILES]),
        f"{name}5": mean_of(5),
        f"{name}1": mean_of(1),
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
