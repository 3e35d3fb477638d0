"""The score of the images that share the value of an attribute: by city, by weather, by the hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.attributes import values_of
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.subsets import score_of

TITLE = "Slices"
ABOUT = (
    "The score of the images that share the value of an attribute, with its 95 % interval; numbers are "
    "taken in four ranges of as many images each, and what is beyond the twelve commonest values is one "
    "slice."
)
TASKS = frozenset(["semantic", "instance", "panoptic"])
COLUMNS = (
    Column("attribute", "text"),
    Column("value", "text"),
    Column("images", "count"),
    Column("score", "share"),
    Column("low", "share"),
    Column("high", "share"),
)
MOST_VALUES = 12


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each attribute that was asked for and each of its values."""
    attributes = values_of(run.evidence, plan.attributes)
    drawn = plan.clusters(run.evidence, run.record.dataset["name"])
    for name in plan.slices:
        if all(value is None for value in attributes.get(name, ())):
            continue
        values = labels(attributes[name])
        for value in sorted(set(values), key=_order):
            places = np.flatnonzero([one == value for one in values])  # NumPy's own == forgets a last NUL
            part = score_of(run.evidence.pooled, places, plan, drawn)
            yield name, value, part.n_images, share(part.value), share(part.low), share(part.high)


def labels(values: Sequence[str | None]) -> list[str]:
    """The slice of each image."""
    known = [value for value in values if value is not None]
    common = [value for value, _ in Counter(known).most_common(MOST_VALUES)]
    if len(common) == len(set(known)):
        return ["none" if value is None else value for value in values]
    numbers = _numbers(values)
    if numbers is None:
        return ["none" if v is None else v if v in common else "others" for v in values]
    cuts = np.unique(np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    place = np.clip(np.searchsorted(cuts, numbers, side="right") - 1, 0, max(len(cuts) - 2, 0))
    names = [f"{low:g} – {high:g}" for low, high in pairwise(cuts)]
    return ["none" if np.isnan(n) else names[i] for n, i in zip(numbers, place.tolist(), strict=True)]


def _numbers(values: Sequence[str | None]) -> Any:
    try:
        return np.array([np.nan if value is None else float(value) for value in values])
    except ValueError:
        return None


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by size, then text, ``none`` and ``others`` last."""
    first = label.split(" ", maxsplit=1)[0]
    try:
        return False, float(first), label
    except ValueError:
        return label in ("none", "others"), np.inf, label
