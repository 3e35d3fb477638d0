"""Scores of pixel counts: IoU, accuracy, precision, Dice and F, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.metrics import cityscapes, semantic_images
from segbench.metrics.scores import Scores, class_rows, ratio
from segbench.metrics.semantic_rules import EXACT, SemanticRules
from segbench.metrics.semantic_stats import ImageCounts, SemanticStats


@dataclass(frozen=True, slots=True)
class Areas:
    """Pixels of each category in both, in truth, in the prediction and in either: int64 or float32 [K]."""

    both: NDArray[Any]
    truth: NDArray[Any]
    pred: NDArray[Any]
    either: NDArray[Any]

    @classmethod
    def of(cls, stats: SemanticStats, images: Sequence[ImageCounts], rules: SemanticRules) -> Areas:
        """Pool counts as the rules say."""
        if rules.float32_order:
            return cls(*semantic_images.float32_sums(images, len(stats.tp)))
        counts = [stats.tp, stats.tp + stats.fn, stats.tp + stats.fp]
        both, truth, pred = (n.astype(np.float32) for n in counts) if rules.float32 else counts
        return cls(both, truth, pred, pred + truth - both)


def score(
    stats: SemanticStats,
    categories: Categories,
    signed: str = "",
    *,
    rules: SemanticRules = EXACT,
    images: Sequence[ImageCounts] = (),
    ignore_index: int | None = None,
) -> Scores:
    """Score pooled pixel counts.

    With t and p the pixels of a category in truth and prediction: IoU = tp / (t + p - tp), accuracy = recall
    = tp / t, precision = tp / p, Dice = 2 tp / (t + p), F = (1 + β²) tp / (β² t + p). ``miou`` and the
    ``mean_`` scores average the categories where the fraction is defined: a category absent in both is left
    out, one that is only predicted has IoU 0. ``pixel_accuracy`` is the sum of tp over that of t, ``fw_iou``
    weighs IoU by t. The ``rules`` of other protocols change which categories ``miou`` averages, how floats
    are added and rounded, and add scores of single images.

    Parameters
    ----------
    stats, categories, signed
        Pooled counts, what they are of, and the signature of the score.
    rules
        Those of the protocol.
    images
        The images one by one, in order, where the rules need them.
    ignore_index
        Left out of a mean over all categories when it is one.

    Notes
    -----
    Everingham et al., The PASCAL VOC challenge, IJCV 2010; Long et al., FCN, CVPR 2015 (``fw_iou``).
    """
    areas = Areas.of(stats, images, rules)
    columns = _columns(areas, rules, ignore_index)
    present = areas.truth > 0
    weighted = areas.truth[present] / areas.truth.sum() * columns["iou"][present]
    values = {
        "miou": _mean(columns["iou"], rules),
        "pixel_accuracy": ratio(areas.both.sum(), areas.truth.sum())[()],
        "mean_accuracy": _mean(columns["accuracy"], rules),
        "fw_iou": weighted.sum() if present.any() else np.nan,
        "mean_dice": _mean(columns["dice"], rules),
        "mean_precision": _mean(columns["precision"], rules),
        "mean_recall": _mean(columns["recall"], rules),
        "mean_fscore": _mean(columns["fscore"], rules),
    }
    if rules.image_level:
        values |= semantic_images.image_level(images, len(categories))
    if rules.labels == "cityscapes":
        more, columns["iiou"] = cityscapes.score(stats, images, categories)
        values |= more
    values = {key: float(_rounded(np.asarray(value), rules)) for key, value in values.items()}
    columns = {key: _rounded(column, rules) for key, column in columns.items()}
    return Scores(values, class_rows(categories, columns), signed)


def _columns(areas: Areas, rules: SemanticRules, ignore_index: int | None) -> dict[str, NDArray[Any]]:
    iou, recall = ratio(areas.both, areas.either), ratio(areas.both, areas.truth)
    precision = ratio(areas.both, areas.pred)
    if rules.averaged == "truth":
        iou = np.where(areas.truth > 0, iou, np.nan)
    elif rules.averaged == "all":
        known = np.ones(len(iou), bool)
        known[[i for i in (ignore_index, *rules.unscored) if i is not None and 0 <= i < len(iou)]] = False
        iou = np.where(known & np.isnan(iou), 0.0, iou)
    return {
        "iou": iou,
        "accuracy": recall,
        "dice": ratio(2 * areas.both, areas.truth + areas.pred),
        "precision": precision,
        "recall": recall,
        "fscore": _fscore(areas, {"precision": precision, "recall": recall}, rules),
    }


def _fscore(areas: Areas, rates: Mapping[str, NDArray[Any]], rules: SemanticRules) -> NDArray[Any]:
    squared = rules.beta**2
    if rules.fscore == "counts":
        return ratio((1 + squared) * areas.both, squared * areas.truth + areas.pred)
    precision, recall = rates["precision"], rates["recall"]
    return ratio((1 + squared) * (precision * recall), squared * precision + recall)


def _mean(values: NDArray[Any], rules: SemanticRules) -> Any:
    undefined = np.isnan(values)
    kept = values[~undefined]
    if not kept.size:
        return np.nan
    if rules.mean == "nanmean":
        return np.where(undefined, values.dtype.type(0), values).sum() / values.dtype.type(kept.size)
    return np.add.accumulate(kept)[-1] / kept.size if rules.mean == "running" else kept.mean()


def _rounded(values: NDArray[Any], rules: SemanticRules) -> NDArray[Any]:
    """Round percentages in their own precision; what comes back are fractions."""
    if rules.decimals is None:
        return values
    return np.round(values * values.dtype.type(100), rules.decimals).astype(np.float64) / 100
