"""The score against how much there is in an image: parts of the picture, or how many objects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.evidence import primary
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Ints
from segbench.leaderboard.subsets import only

TITLE = "Amount in the image"
ABOUT = (
    "Semantic: the pooled IoU of classes in the images of which they take this share. Instances and "
    "panoptic: the score of the images that hold so many objects, or true segments."
)
TASKS = frozenset(["semantic", "instance", "panoptic"])
COLUMNS = (
    Column("amount", "text"),
    Column("images", "count"),
    Column("score", "share"),
)
SHARES = (0.001, 0.01, 0.03, 0.1, 0.3)
NUMBERS = {0: "0", 1: "1", 2: "2 – 4", 5: "5 – 9", 10: "10 – 19", 20: "≥ 20"}
"""Fewest objects of a step → what it is called."""


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each amount that occurs."""
    return _parts(run) if run.record.task == "semantic" else _objects(run, plan)


def _parts(run: RunTables) -> Iterator[tuple[Any, ...]]:
    """Cells of image and class by the share of the image's pixels that the class truly has.

    Protocols of boundaries do not count these pixels.
    """
    if primary(run.record) != "miou":
        return
    images = run.flat("category_ids")[0]
    tp, fp, fn = (run.flat(name)[1] for name in ("tp", "fp", "fn"))
    whole = np.bincount(images, tp + fn, len(run.images))[images]
    kept = tp + fn > 0
    step = np.searchsorted(SHARES, (tp[kept] + fn[kept]) / whole[kept], side="right")
    names = _names([f"{100 * one:g}" for one in SHARES])
    for i in np.unique(step).tolist():
        chosen = step == i
        hit, union = tp[kept][chosen].sum(), (tp + fp + fn)[kept][chosen].sum()
        yield names[i], len(np.unique(images[kept][chosen])), share(hit / union)


def _objects(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Images by how many objects, or true segments, they hold."""
    step = np.searchsorted(list(NUMBERS), _n_objects(run), side="right") - 1
    for i, name in enumerate(NUMBERS.values()):
        places = np.flatnonzero(step == i)
        if len(places):
            part = only(run.evidence.pooled, places)
            value = part.scores(np.ones((1, len(places)), np.uint16), plan.how)[0]
            yield name, len(places), share(value)


def _n_objects(run: RunTables) -> Ints:
    if run.record.task == "instance":
        name = next(n for n in run.images.column_names if n.startswith("truths_"))
        images, counts = run.flat(name)
    else:
        images, counts = run.flat("tp")[0], run.flat("tp")[1] + run.flat("fn")[1]
    return np.bincount(images, counts, len(run.images)).astype(np.int64)


def _names(steps: list[str]) -> list[str]:
    between = [f"{low} – {high} %" for low, high in pairwise(steps)]
    return [f"< {steps[0]} %", *between, f"≥ {steps[-1]} %"]
