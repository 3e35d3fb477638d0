"""Analysis: one table of a board, with what its columns are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "run": "the place of a run among the rows of its board, from 0",
    "category": "a category id; None for all categories together",
    "text": "text",
    "count": "a whole number",
    "share": "a fraction in 0..1; None where undefined",
    "difference": "a difference of two fractions; None where undefined",
    "number": "any number; None where undefined",
    "flag": "true or false",
}
"""What a column holds."""


@dataclass(frozen=True)
class Column:
    """A column: its name, and a key of :data:`KINDS`."""

    name: str
    kind: str


@dataclass(frozen=True)
class Analysis:
    """A table of one board, all runs below each other.

    Attributes
    ----------
    title, about
        A heading, and how to read it.
    columns
        The first is ``run``.
    rows
        One tuple each, in the order of the columns.
    brief
        Those of them that tell the most, for a page of paper.
    """

    title: str
    about: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]] = field(repr=False)
    brief: Sequence[Sequence[Any]] = field(default=(), repr=False)

    def frame(
        self, models: Sequence[str] | None = None, class_names: Mapping[int, str] | None = None
    ) -> pd.DataFrame:
        """The table as a data frame, with a column of names beside each of runs and categories, where given.

        Counts and ids that may be missing are ``Int64``.
        """
        import pandas as pd

        cells: dict[str, list[Any]] = {}
        for i, column in enumerate(self.columns):
            values = cells[column.name] = [row[i] for row in self.rows]
            if column.kind == "run" and models is not None:
                cells["model"] = [models[place] for place in values]
            if column.kind == "category" and class_names is not None:
                cells[column.name.removesuffix("_id")] = [class_names.get(i) for i in values]
        whole = [column.name for column in self.columns if column.kind in ("run", "category", "count")]
        return pd.DataFrame(cells).astype(dict.fromkeys(whole, "Int64"))

    def of_run(self, place: int) -> list[Sequence[Any]]:
        """The rows of one run."""
        return [row for row in self.rows if row[0] == place]

    def to_dict(self) -> Mapping[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "about": self.about,
            "columns": [{"name": column.name, "kind": column.kind} for column in self.columns],
            "rows": [list(row) for row in self.rows],
        }


def share(value: float) -> float | None:
    """A number to six decimals, None where it is none."""
    return round(float(value), 6) if math.isfinite(value) else None
