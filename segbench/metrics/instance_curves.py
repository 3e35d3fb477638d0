"""Average precision: the curves of all categories, from matched predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.metrics.ap_rules import Rules
from segbench.metrics.instance_match import InstanceStats
from segbench.metrics.over_all import ranked_over_all

if TYPE_CHECKING:
    from typing import TypeAlias

    from segbench.canonical.categories import Categories

Tallied: TypeAlias = "InstanceStats | kernels.InstanceTallies"
"""The columns of one image, or of several."""


class Curves(NamedTuple):
    """The arrays of COCOeval's ``eval``, with its −1 where a category has no truth.

    T IoU and R recall thresholds, K categories in order of their **source** ids, A area ranges, M limits.

    Attributes
    ----------
    precision
        float64 [T, R, K, A, M]: highest precision at a recall or beyond; 0 where the recall is not reached.
    recall
        float64 [T, K, A, M]: highest recall.
    scores
        float64 [T, R, K, A, M]: score at which that recall is reached.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    scores: NDArray[np.float64]


def curves(images: Sequence[Tallied], categories: Categories, rules: Rules, threads: int = 1) -> Curves:
    """Join the images in the order given and draw the curves of every category, so many at a time.

    Notes
    -----
    ``COCOeval.accumulate`` of pycocotools 2.0.11, bit for bit: predictions by falling score, stably sorted.
    """
    order = [c.id for c in sorted(categories, key=lambda c: c.key)]
    if rules.limited_by == "category":
        images = ranked_over_all([image for image in images if isinstance(image, InstanceStats)])
    drawn = kernels.draw_curves(
        images,
        count_truths(images, len(categories), len(rules.area_ranges)),
        order,
        grid=rules.recall_grid,
        limits=rules.max_detections,
        levels=len(rules.iou_thresholds),
        threads=threads,
    )
    return Curves(*drawn)


def count_truths(images: Sequence[Tallied], num_classes: int, areas: int) -> NDArray[np.int64]:
    """Add up the truths that count, int64 [A, K] by area range and category."""
    category_ids = np.concatenate([image.category_ids for image in images] or [np.empty(0, np.int32)])
    cells = np.concatenate([image.truths for image in images] or [np.empty((areas, 0), np.int64)], axis=1)
    total = np.zeros((areas, num_classes), np.int64)
    for a in range(areas):
        np.add.at(total[a], category_ids, cells[a])
    return total
