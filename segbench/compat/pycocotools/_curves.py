"""Precision, recall and scores from ``evalImgs``: what ``COCOeval.accumulate`` computes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]


class Arrays(NamedTuple):
    """T IoU and R recall thresholds, K categories, A area ranges, M limits; −1 where there is no truth.

    Attributes
    ----------
    precision, scores
        float64 [T, R, K, A, M].
    recall
        float64 [T, K, A, M].
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    scores: NDArray[np.float64]


class _Detections(NamedTuple):
    """Detections of many images by falling score: score [N], rank in its image [N], flags bool [T, N]."""

    scores: NDArray[Any]
    ranks: NDArray[np.int64]
    matched: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    def kept(self, which: NDArray[np.bool_]) -> _Detections:
        """Those of them."""
        return _Detections(
            self.scores[which], self.ranks[which], self.matched[:, which], self.ignored[:, which]
        )


def accumulate(evalImgs: Sequence[Row | None], p: Any, evaluated: Any) -> Arrays:
    """Draw the curves of what ``p`` asks for and ``evaluated``, the settings then, has.

    As in pycocotools, what ``p`` leaves out closes up at the front of the arrays.
    """
    known = set(evaluated.catIds) if evaluated.useCats else {-1}
    images, areas = len(evaluated.imgIds), len(evaluated.areaRng)
    at_k = [k for k, category in enumerate(p.catIds) if category in known]
    known = {tuple(bounds) for bounds in evaluated.areaRng}
    at_a = [a for a, bounds in enumerate(p.areaRng) if tuple(bounds) in known]
    known = set(evaluated.imgIds)
    at_i = [i for i, image in enumerate(p.imgIds) if image in known]
    limits = [limit for limit in p.maxDets if limit in set(evaluated.maxDets)]
    drawn = _blank(p)
    for k, k0 in enumerate(at_k):
        for a, a0 in enumerate(at_a):
            start = (k0 * areas + a0) * images
            found = [row for row in (evalImgs[start + i] for i in at_i) if row is not None]
            if found and limits:
                _draw(drawn, (k, a), found, limits, p.recThrs)
    return drawn


def _blank(p: Any) -> Arrays:
    levels, points = len(p.iouThrs), len(p.recThrs)
    tail = (len(p.catIds) if p.useCats else 1, len(p.areaRng), len(p.maxDets))
    return Arrays(
        np.full((levels, points, *tail), -1.0),
        np.full((levels, *tail), -1.0),
        np.full((levels, points, *tail), -1.0),
    )


def _draw(
    drawn: Arrays, at: tuple[int, int], found: list[Row], limits: list[int], recall_grid: Sequence[float]
) -> None:
    k, a = at
    truths = int((np.concatenate([row["gtIgnore"] for row in found]) == 0).sum())
    if not truths:
        return
    everything = _joined(found, max(limits))
    done: dict[int, int] = {}  # a limit that cuts nothing more has the curves of the one before
    for m, limit in enumerate(limits):
        kept = everything.ranks < limit
        same = done.setdefault(int(kept.sum()), m)
        if same == m:
            curves = _curves(everything.kept(kept), truths, np.asarray(recall_grid))
        for array, values in zip(drawn, curves, strict=True):
            array[..., k, a, m] = values if same == m else array[..., k, a, same]


def _curves(found: _Detections, truths: int, recall_grid: NDArray[np.float64]) -> Arrays:
    """Precision [T, R], recall [T] and scores [T, R] of one category, area range and limit."""
    n, counted = len(found.scores), ~found.ignored
    hits = found.matched & counted
    tp: NDArray[np.int64] = np.cumsum(hits, axis=1, dtype=np.int64)
    most = tp[:, -1] if n else np.zeros(len(tp), np.int64)
    precision = tp / (np.cumsum(counted, axis=1) + np.spacing(1))
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    needed: NDArray[np.intp] = np.searchsorted(np.arange(n + 1) / truths, recall_grid, side="left")
    reached = np.logical_and.accumulate((needed <= most[:, None]) & (n > 0), axis=1)
    # Where the needed-th hit of each threshold is; a recall of 0 is reached at once.
    place = np.concatenate([[0], np.nonzero(hits)[1]])
    level, point = np.nonzero(reached)
    first = (np.cumsum(most) - most)[level]
    at = place[np.where(needed[point], first + needed[point], 0)]
    shape = (len(tp), len(recall_grid))
    drawn = Arrays(np.zeros(shape), most / truths, np.zeros(shape))
    drawn.precision[level, point] = highest[level, at]
    drawn.scores[level, point] = found.scores[at]
    return drawn


def _joined(found: list[Row], limit: int) -> _Detections:
    """Concatenate images in order, then sort stably by falling score."""
    listed = [row["dtScores"][:limit] for row in found]
    scores = np.array(list(chain.from_iterable(listed)))
    ranks = np.array(list(chain.from_iterable(range(len(part)) for part in listed)), np.int64)
    order = np.argsort(-scores, kind="stable")
    matched = np.concatenate([row["dtMatches"][:, :limit] for row in found], axis=1) != 0
    ignored = np.concatenate([row["dtIgnore"][:, :limit] for row in found], axis=1) != 0
    return _Detections(scores[order], ranks[order], matched[:, order], ignored[:, order])
