"""Semantic stats of many images at a time: their cells are added up together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.cells import Cells, Counts
from segbench.metrics.semantic_rules import SemanticRules
from segbench.metrics.semantic_stats import SemanticStats, confused

if TYPE_CHECKING:
    from segbench.canonical.label_table import LabelSpan
    from segbench.metrics import ListColumns


@dataclass(frozen=True, slots=True)
class SemanticSpan:
    """What a span of images gave.

    Attributes
    ----------
    total
        Of all of them.
    columns
        What ``images.parquet`` keeps of each.
    """

    total: SemanticStats
    columns: ListColumns


def measure_span(
    pred: LabelSpan, truth: LabelSpan, num_classes: int, ignore: int, rules: SemanticRules
) -> SemanticSpan:
    """Measure a span of images, as :func:`segbench.metrics.semantic_stats.measure` does one.

    Raises
    ------
    ValueError
        When two maps differ in size, or hold an id that is no category or a predicted ignore index: what
        becomes of these is not for here.
    """
    images = [Cells.of_maps(t, p, num_classes, ignore) for t, p in zip(truth.runs, pred.runs, strict=True)]
    image = np.repeat(np.arange(len(images)), [len(cells.pixels) for cells in images])
    columns = zip(*(cells[1:] for cells in images), strict=True)
    cells = Cells(num_classes, *map(np.concatenate, columns))
    true = cells.truth < num_classes
    outside = max(cells.truth.max(initial=0), cells.pred.max(initial=0)) > num_classes
    if outside or (cells.pred[true] >= num_classes).any():
        raise ValueError("an id is no category, or an ignored one is predicted")
    cells, image = cells.where(true), image[true]
    table = _by_image(cells, image, len(images), rules)
    tp, fp, fn = table.sum(axis=1)
    lists = {**_columns(table), **_confused(cells, image, len(images), rules)}
    return SemanticSpan(SemanticStats(tp, fp, fn, cells, images=len(images)), lists)


def _by_image(cells: Cells, image: NDArray[Any], n_images: int, rules: SemanticRules) -> Counts:
    """tp, fp and fn of each image and category, int64 [3, I, K]."""
    found = np.zeros((3, n_images, cells.num_classes), np.int64)
    for what, (chosen, ids) in enumerate(confused(cells, rules)):
        np.add.at(found[what], (image[chosen], ids[chosen]), cells.pixels[chosen])
    found[1][:, list(rules.unscored)] = 0
    return found


def _columns(table: Counts) -> ListColumns:
    images, ids = np.nonzero(table.any(axis=0))
    starts = np.searchsorted(images, np.arange(table.shape[1] + 1))
    tp, fp, fn = table[:, images, ids]
    columns: Sequence[tuple[str, NDArray[Any]]] = (
        ("category_ids", ids.astype(np.int32)), ("tp", tp), ("fp", fp), ("fn", fn)
    )  # fmt: skip
    return {name: (starts, values) for name, values in columns}


def _confused(cells: Cells, image: NDArray[Any], n_images: int, rules: SemanticRules) -> ListColumns:
    """Who is taken for whom in each image: an image's categories are told apart by numbers of their own."""
    k = cells.num_classes
    wrong = confused(cells, rules)[2][0]
    truth, pred = cells.truth[wrong], cells.pred[wrong]
    known, place = np.unique((image[wrong] * k + truth) * k + pred, return_inverse=True)
    total = np.zeros(len(known), np.int64)
    np.add.at(total, place, cells.pixels[wrong])
    starts = np.searchsorted(known, np.arange(n_images + 1) * k * k)
    pairs = {"confused_truth_ids": known // k % k, "confused_pred_ids": known % k}
    columns = {name: (starts, ids.astype(np.int32)) for name, ids in pairs.items()}
    return {**columns, "confused": (starts, total)}
