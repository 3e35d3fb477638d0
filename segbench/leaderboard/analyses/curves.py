"""Precision against recall, as AP averages it: the mean over categories of the envelopes of their curves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Floats
from segbench.leaderboard.precision import RECALLS, Detections

TITLE = "Precision and recall"
ABOUT = (
    "The highest precision at a recall or beyond, the mean over classes, at an IoU threshold: the area "
    "below a curve is the AP at that threshold."
)
TASKS = frozenset(["instance"])
COLUMNS = (Column("iou", "number"), Column("recall", "share"), Column("precision", "share"))
LEVELS = (0.5, 0.75, 0.9)
"""IoU thresholds whose curves are kept, where the run has them."""


def brief(row: tuple[Any, ...]) -> bool:
    """Every tenth recall at IoU 0.5."""
    return row[0] == 0.5 and round(100 * row[1]) % 10 == 0


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:  # noqa: ARG001 - as every analysis
    """Yield a row for each threshold and recall."""
    found = run.evidence.pooled
    if not isinstance(found, Detections) or not len(found.class_ids):
        return
    known = run.settings["iou_thresholds"]
    levels = dict.fromkeys(run.level_at(iou) for iou in LEVELS if min(abs(k - iou) for k in known) < 1e-9)
    for level in levels or [0]:
        for recall, precision in zip(RECALLS, envelopes(found, level).mean(axis=0), strict=True):
            yield known[level], share(recall), share(precision)


def envelopes(found: Detections, level: int, recalls: Floats = RECALLS) -> Floats:
    """The highest precision at each recall or beyond, float64 [C, R] by ``class_ids``; 0 where none is."""
    bit = np.uint64(1 << level)
    order = np.lexsort((found.places, found.images, -found.confidences, found.categories))
    order = order[(found.ignored[order] & bit) == 0]
    categories, hits = found.categories[order], (found.matched[order] & bit) != 0
    result = np.zeros((len(found.class_ids), len(recalls)))
    for row, category, truths in zip(result, found.class_ids, found.truths_of_classes(), strict=True):
        start, stop = np.searchsorted(categories, [category, category + 1])
        tp = np.cumsum(hits[start:stop])
        high = np.maximum.accumulate((tp / np.arange(1, len(tp) + 1))[::-1])[::-1]
        place = np.searchsorted(tp / truths, recalls)
        row[place < len(tp)] = high[place[place < len(tp)]]
    return result
