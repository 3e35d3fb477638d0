"""AP by size: the protocol's area ranges (or distances), over all categories and of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.evidence import area_names, detections_of
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Floats

TITLE = "Sizes"
ABOUT = (
    "AP of the objects of a size, in square pixels from least to most, and how many there are; what is of "
    "another size is neither right nor wrong."
)
TASKS = frozenset(["instance"])
COLUMNS = (
    Column("category_id", "category"),
    Column("size", "text"),
    Column("least", "number"),
    Column("most", "number"),
    Column("objects", "count"),
    Column("ap", "share"),
    Column("ap50", "share"),
)


def brief(row: tuple[Any, ...]) -> bool:
    """Those of all categories together."""
    return row[0] is None


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield a row for all categories and one for each, of each size."""
    bounds = run.settings.get("area_ranges", {})
    for size in area_names(run.images):
        found = detections_of(run.record, run.images, size)
        table = found.by_threshold(np.ones((1, found.n_images), np.uint16), plan.how)[0]
        ap, ap50 = table.mean(axis=1), table[:, run.level_at(0.5)]
        objects = found.truths_of_classes()
        size_and_bounds = size, *bounds.get(size, (None, None))
        yield None, *size_and_bounds, int(objects.sum()), _mean(ap), _mean(ap50)
        for category, *numbers in zip(found.class_ids.tolist(), objects.tolist(), ap, ap50, strict=True):
            yield category, *size_and_bounds, numbers[0], share(numbers[1]), share(numbers[2])


def _mean(values: Floats) -> float | None:
    return share(values.mean()) if len(values) else None
