"""Who is taken for whom: the pairs of categories that are mistaken most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan

TITLE = "Confusion"
ABOUT = (
    "How much of a class is taken for another, the most first: pixels of label maps, segments whose "
    "outline matches one of another class (IoU above 0.5), or objects found as another class. The share "
    "is that of all of the true class; without a predicted class it is taken for none."
)
TASKS = frozenset(["semantic", "panoptic"])
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
    if not run.has("confused"):
        return
    truth, pred, amount = (
        run.flat(name)[1] for name in ("confused_truth_ids", "confused_pred_ids", "confused")
    )
    ids = run.flat("category_ids")[1]
    whole = run.flat("tp")[1] + run.flat("fn")[1]
    pairs, place = np.unique(np.stack([truth, pred], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
    totals = np.zeros(len(pairs), np.int64)
    np.add.at(totals, place.reshape(-1), amount)
    for i in np.argsort(-totals, kind="stable")[:MOST_PAIRS].tolist():
        true, taken_for = pairs[i].tolist()
        of = int(whole[ids == true].sum())
        yield (
            true,
            None if taken_for < 0 else taken_for,
            int(totals[i]),
            share(totals[i] / of) if of else None,
        )
