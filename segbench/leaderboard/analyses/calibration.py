"""Whether scores are probabilities: how often predictions of a score are right, and the expected error.

Guo et al., On calibration of modern neural networks, ICML 2017, https://arxiv.org/abs/1706.04599; of
detections as Küppers et al., Multivariate confidence calibration for object detection, CVPR workshops 2020,
https://arxiv.org/abs/2004.13546, by score alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.precision import Detections

TITLE = "Calibration"
ABOUT = (
    "Predictions by score, and the share of them that are right at IoU 0.5: of scores that are "
    "probabilities the two are equal. ECE (in the row of all predictions) is the mean distance of the "
    "two, weighted by predictions; a gap above 0 says that scores are too high."
)
TASKS = frozenset(["instance"])
COLUMNS = (
    Column("low", "share"),
    Column("high", "share"),
    Column("predictions", "count"),
    Column("score", "share"),
    Column("right", "share"),
    Column("gap", "difference"),
    Column("ece", "share"),
)
BINS = 10


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:  # noqa: ARG001 - as every analysis
    """Yield a row for all predictions, with ECE, and one for each bin that has any."""
    found = run.evidence.pooled
    if not isinstance(found, Detections):
        return
    bit = np.uint64(1 << run.level_at(0.5))
    counted = (found.ignored & bit) == 0
    scores, right = found.confidences[counted], (found.matched[counted] & bit) != 0
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return  # no probabilities
    bins = np.searchsorted(np.arange(1, BINS) / BINS, scores)
    count = np.bincount(bins, minlength=BINS)
    score, hits = np.bincount(bins, scores, BINS), np.bincount(bins, right, BINS)
    ece = np.abs(score - hits).sum() / count.sum()
    total = int(count.sum())
    yield 0.0, 1.0, total, *_means(score.sum(), hits.sum(), total), share(ece)
    for i in np.flatnonzero(count).tolist():
        yield i / BINS, (i + 1) / BINS, int(count[i]), *_means(score[i], hits[i], int(count[i])), None


def _means(score: float, hits: float, count: int) -> tuple[float | None, ...]:
    return share(score / count), share(hits / count), share((score - hits) / count)
