"""Scores: what a metric computes, by key and by category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segbench._version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from segbench.canonical.categories import Categories


@dataclass(frozen=True, repr=False, eq=False)
class Scores(Mapping[str, float]):
    """Fractions in 0..1 by metric key, NaN where undefined.

    Attributes
    ----------
    values_by_key
        ``{key: value}`` in the order of the report.
    class_rows
        One dict a category, in the order of dense ids: ``category_id``, ``name`` and its scores.
    signature
        Version, protocol and settings that the numbers belong to.
    """

    values_by_key: Mapping[str, float]
    class_rows: Sequence[Mapping[str, Any]]
    signature: str = ""

    def __getitem__(self, key: str) -> float:
        return self.values_by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_key)

    def __len__(self) -> int:
        return len(self.values_by_key)

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value:.6g}" for key, value in self.items())
        return f"Scores({values}; {len(self.class_rows)} categories; {self.signature})"

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """One row a category: ``category_id``, ``name`` and its scores."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.class_rows])


def class_rows(categories: Categories, columns: Mapping[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    """Turn score columns float64 [K] into one dict a category."""
    lists = {key: column.tolist() for key, column in columns.items()}
    return [
        {"category_id": c.id, "name": c.name, **{key: values[c.id] for key, values in lists.items()}}
        for c in categories
    ]


def prefixed(scores: Scores, prefix: str) -> Scores:
    """Return the same scores under keys that begin with ``prefix``, ``category_id`` and ``name`` apart."""
    rows = [
        {key if key in ("category_id", "name") else prefix + key: value for key, value in row.items()}
        for row in scores.class_rows
    ]
    values = {prefix + key: value for key, value in scores.items()}
    return Scores(values, rows, scores.signature)


def signature(protocol: str, settings: Mapping[str, Any]) -> str:
    """One line that says under which rules a score was computed."""
    parts = [f"{key}={_compact(value)}" for key, value in settings.items()]
    return "|".join([f"segbench={__version__}", f"protocol={protocol}", *parts])


def _compact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{_compact(item)}" for key, item in value.items())
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[Any]:
    """Divide counts in float64, or in float32 where both are float32; NaN where the whole is 0."""
    part, whole = np.asarray(part), np.asarray(whole)
    both_short = part.dtype == whole.dtype == np.float32
    out = np.full(whole.shape, np.nan, np.float32 if both_short else np.float64)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def running_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of values [N] added one by one, as a loop adds them; NaN where there is none."""
    return float(np.add.accumulate(values)[-1] / len(values)) if len(values) else float("nan")
