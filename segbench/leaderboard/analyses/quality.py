"""Panoptic quality taken apart: how well segments are outlined (SQ), how many are recognised (RQ)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan

TITLE = "Segmentation and recognition"
ABOUT = (
    "PQ = SQ × RQ: SQ is the mean IoU of matched segments, RQ the F1 of recognising them. The last two "
    "columns are what PQ would gain if all matches were outlined perfectly, and if all segments were "
    "recognised as well."
)
TASKS = frozenset(["panoptic"])
COLUMNS = (
    Column("category_id", "category"),
    Column("pq", "share"),
    Column("sq", "share"),
    Column("rq", "share"),
    Column("matched", "count"),
    Column("made_up", "count"),
    Column("missed", "count"),
    Column("lost_by_outline", "share"),
    Column("lost_by_recognition", "share"),
)


def brief(row: tuple[Any, ...]) -> bool:
    """Those of all categories together."""
    return row[0] is None


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:  # noqa: ARG001 - as every analysis
    """Yield a row for the mean over categories, then one for each."""
    ids = run.flat("category_ids")[1]
    counts = [run.flat(name)[1] for name in ("tp", "fp", "fn")]
    matches, ious = (run.flat(name)[1] for name in ("match_category_ids", "match_ious"))
    known = np.unique(ids)
    tp, fp, fn = (np.bincount(np.searchsorted(known, ids), one, len(known)) for one in counts)
    iou = np.bincount(np.searchsorted(known, matches), ious, len(known))
    seen = tp + fp + fn > 0
    known, tp, fp, fn, iou = (column[seen] for column in (known, tp, fp, fn, iou))
    sq = np.divide(iou, tp, out=np.zeros(len(tp)), where=tp > 0)
    rq = tp / (tp + fp / 2 + fn / 2)
    parts = np.stack([sq * rq, sq, rq], axis=1)
    lost = np.stack([rq - sq * rq, sq - sq * rq], axis=1)
    if len(known):
        yield (
            None,
            *map(share, parts.mean(0)),
            *map(int, (tp.sum(), fp.sum(), fn.sum())),
            *map(share, lost.mean(0)),
        )
    for i, category in enumerate(known.tolist()):
        yield category, *map(share, parts[i]), int(tp[i]), int(fp[i]), int(fn[i]), *map(share, lost[i])
