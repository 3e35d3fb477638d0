"""Scores of matched predictions: COCO's twelve numbers, LVIS' thirteen, and those of each category."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.metrics.ap_rules import Rules
from segbench.metrics.federated import FREQUENCIES
from segbench.metrics.instance_curves import Curves, Tallied, curves
from segbench.metrics.scores import Scores, class_rows, prefixed

ONE = Categories([Category(id=0, name="all")])
"""What is scored where categories are not told apart."""


def score(
    images: Sequence[Tallied], categories: Categories, rules: Rules, signed: str = "", threads: int = 1
) -> Scores:
    """Score images in the order given, in so many threads.

    ``ap`` averages precision over IoU and recall thresholds and the categories that have truth, ``ap50``
    and ``ap75`` at one IoU threshold, ``ap_<range>`` in one area range. ``ar_<n>`` averages the highest
    recall with n predictions an image and category, ``ar_<range>`` with the most. Undefined is NaN, where
    COCOeval says −1.

    ``ap`` is at 100 predictions where that is one of ``max_detections``, as COCOeval fixes it, and at the
    most otherwise, where COCOeval says −1. The other precisions are at the most.

    Where boundaries count, all keys begin with ``boundary_``.

    With federated truth, ``ap_rare``, ``ap_common`` and ``ap_frequent`` average over the categories of one
    frequency. Where categories are not told apart, none has a score of its own.

    Notes
    -----
    ``COCOeval.summarize`` of pycocotools 2.0.11 and ``LVISEval.summarize`` of lvis 0.5.3, bit for bit.
    """
    drawn = curves(images, categories if rules.use_categories else ONE, rules, threads)
    order = np.argsort([category.key for category in categories])
    cells = _cells(drawn, rules)
    columns = {key: np.full(len(categories), math.nan) for key in cells}
    if rules.use_categories:
        for key, cell in cells.items():
            columns[key][order] = _category_means(cell)
    if rules.federated:
        cells = _with_frequencies(cells, [categories[i].frequency for i in order.tolist()])
    values = {key: _mean(cell) for key, cell in cells.items()}
    scores = Scores(values, class_rows(categories, columns), signed)
    return scores if rules.dilation_ratio is None else prefixed(scores, "boundary_")


def _with_frequencies(
    cells: dict[str, NDArray[np.float64]], frequencies: Sequence[str | None]
) -> dict[str, NDArray[np.float64]]:
    """Add the cells of categories of one frequency, before recall."""
    groups = {}
    for label, letter in FREQUENCIES.items():
        chosen = [k for k, frequency in enumerate(frequencies) if frequency == letter]
        groups[f"ap_{label}"] = cells["ap"][..., chosen]
    precisions = {key: cell for key, cell in cells.items() if key.startswith("ap")}
    return precisions | groups | cells


def _cells(drawn: Curves, rules: Rules) -> dict[str, NDArray[np.float64]]:
    """The part of the curves that each key averages, categories last."""
    most, usual = len(rules.max_detections) - 1, _position(rules.max_detections, 100)
    precision, recall = drawn.precision, drawn.recall
    cells = {"ap": precision[:, :, :, 0, most if usual is None else usual]}
    for key, threshold in (("ap50", 0.5), ("ap75", 0.75)):
        t = _position(rules.iou_thresholds, threshold)
        cells[key] = precision[[] if t is None else [t], :, :, 0, most]
    ranges = {label: a for a, label in enumerate(rules.area_ranges) if a}
    cells |= {f"ap_{label}": precision[:, :, :, a, most] for label, a in ranges.items()}
    cells |= {f"ar_{n}": recall[:, :, 0, m] for m, n in enumerate(rules.max_detections)}
    return cells | {f"ar_{label}": recall[:, :, a, most] for label, a in ranges.items()}


def _position(values: Sequence[float], value: float) -> int | None:
    return values.index(value) if value in values else None


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else math.nan


def _category_means(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `_mean` says of each category, all at once where whole categories are defined or not."""
    rows = np.ascontiguousarray(np.moveaxis(cell, -1, 0)).reshape(cell.shape[-1], -1)
    whole = (rows > -1).all(axis=1) & (rows.shape[1] > 0)
    means = np.full(len(rows), math.nan)
    if whole.any():
        means[whole] = rows[whole].mean(axis=1)
    for k in np.flatnonzero(~whole & (rows > -1).any(axis=1)).tolist():
        means[k] = _mean(rows[k])
    return means
