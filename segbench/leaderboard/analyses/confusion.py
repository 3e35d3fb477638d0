"""Who is taken for whom: the pairs of categories that are mistaken most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.errors import Errors
from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Ints
from segbench.leaderboard.precision import Detections

TITLE = "Confusion"
ABOUT = (
    "How much of a class is taken for another, the most first: pixels of label maps, segments whose "
    "outline matches one of another class (IoU above 0.5), or objects found as another class. The share "
    "is that of all of the true class; without a predicted class it is taken for none."
)
TASKS = frozenset(["semantic", "instance", "panoptic"])
COLUMNS = (
    Column("truth_category_id", "category"),
    Column("pred_category_id", "category"),
    Column("amount", "count"),
    Column("share", "share"),
)
MOST_PAIRS = 200
"""Pairs of a run; of 150 classes there may be 22,350."""


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:  # noqa: ARG001 - as every analysis
    """Yield a row for each pair."""
    truth, pred, amount = _instances(run) if run.record.task == "instance" else _confused(run)
    pairs, place = np.unique(np.stack([truth, pred], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
    totals = np.zeros(len(pairs), np.int64)
    np.add.at(totals, place.reshape(-1), amount)
    ids, counts = _truths(run)
    for i in np.argsort(-totals, kind="stable")[:MOST_PAIRS].tolist():
        true, taken_for = pairs[i].tolist()
        of = int(counts[ids == true].sum())
        part = share(totals[i] / of) if of else None
        yield true, None if taken_for < 0 else taken_for, int(totals[i]), part


def _confused(run: RunTables) -> tuple[Ints, Ints, Ints]:
    """True and predicted category of each entry, and how much it is: int64 [n] each."""
    if not run.has("confused"):
        none = np.zeros(0, np.int64)
        return none, none, none
    truth, pred, amount = (
        run.flat(name)[1] for name in ("confused_truth_ids", "confused_pred_ids", "confused")
    )
    return truth, pred, amount


def _instances(run: RunTables) -> tuple[Ints, Ints, Ints]:
    """Those of the predictions that would be right as another class."""
    errors = Errors.of(run)
    chosen = np.zeros(0, np.int64) if errors is None else np.flatnonzero(errors.types["class"])
    if errors is None:
        return chosen, chosen, chosen
    return errors.true_classes[chosen], errors.found.categories[chosen], np.ones_like(chosen)


def _truths(run: RunTables) -> tuple[Ints, Ints]:
    """Categories, and how much there truly is of each; a category may stand often."""
    if isinstance(run.evidence.pooled, Detections):
        return run.evidence.pooled.truth_categories, run.evidence.pooled.truth_counts
    return run.flat("category_ids")[1], run.flat("tp")[1] + run.flat("fn")[1]
