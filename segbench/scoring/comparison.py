"""Comparison: the records of several protocols on the same predictions, where they differ, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from segbench.metrics.reasons import Reason
from segbench.records.results import RunRecord

_FROM_CLASS = ("category_id", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number under several protocols.

    Attributes
    ----------
    task, metric
        What it is of.
    category
        Name of the category; None for a metric over all.
    values
        ``{protocol: value}`` in fractions, NaN where undefined; a protocol without it is left out.
    """

    task: str
    metric: str
    values: Mapping[str, float]
    category: str | None = None

    @property
    def spread(self) -> float:
        """Largest minus smallest of the defined values; infinite where only some are defined."""
        defined = [value for value in self.values.values() if not math.isnan(value)]
        if 0 < len(defined) < len(self.values):
            return math.inf
        return max(defined) - min(defined) if defined else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is undefined or infinite is None."""
        values = {name: _finite(value) for name, value in self.values.items()}
        return {
            "task": self.task,
            **({} if self.category is None else {"category": self.category}),
            "metric": self.metric,
            "values": values,
            "spread": _finite(self.spread),
            "differs": self.spread > 0,
        }


@dataclass(frozen=True)
class Comparison(Sequence[RunRecord]):
    """What one pass under several protocols gave: a sequence of their records.

    Attributes
    ----------
    records
        One a protocol, in the order in which they were named: those of scoring each alone.
    reasons
        Why the records of a task differ from the first of it.
    """

    records: Sequence[RunRecord]
    reasons: Sequence[Reason] = ()

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> RunRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RunRecord]: ...
    def __getitem__(self, index: int | slice) -> RunRecord | Sequence[RunRecord]:
        return self.records[index]

    def by_task(self) -> list[list[RunRecord]]:
        """The records of each task."""
        tasks = dict.fromkeys(record.task for record in self.records)
        return [[record for record in self.records if record.task == task] for task in tasks]

    def metric_rows(self) -> list[Row]:
        """One row a metric, in the order of the records."""
        return [row for records in self.by_task() for row in _metric_rows(records)]

    def class_rows(self) -> list[Row]:
        """The first score of each category that differs, by falling spread; those undefined for some last."""
        return [row for records in self.by_task() for row in _class_rows(records)]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values: the ``run.json`` of each record, rows and reasons."""
        return {
            "records": [{"run_id": record.run_id, **record.to_dict()} for record in self.records],
            "metrics": [row.to_dict() for row in self.metric_rows()],
            "reasons": [reason.to_dict() for reason in self.reasons],
            "categories": [row.to_dict() for row in self.class_rows()],
        }

    def __str__(self) -> str:
        parts = [_text(records, self.reasons) for records in self.by_task()]
        return "\n\n".join("\n".join(part) for part in parts)


def _metric_rows(records: Sequence[RunRecord]) -> Iterator[Row]:
    keys = dict.fromkeys(key for record in records for key in record.metrics)
    for key in keys:
        values = {_name(r): r.metrics[key].value for r in records if key in r.metrics}
        yield Row(task=records[0].task, metric=key, values=values)


def _class_rows(records: Sequence[RunRecord]) -> list[Row]:
    key = next(name for name in records[0].per_class[0] if name not in _FROM_CLASS)
    rows = [
        Row(
            task=records[0].task,
            metric=key,
            category=row["name"],
            values={_name(r): r.per_class[i][key] for r in records if key in r.per_class[i]},
        )
        for i, row in enumerate(records[0].per_class)
    ]
    differing = [row for row in rows if row.spread > 0]
    return sorted(differing, key=lambda row: (row.spread == math.inf, -row.spread))


def _name(record: RunRecord) -> str:
    return str(record.protocol["name"])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(records: Sequence[RunRecord], reasons: Sequence[Reason]) -> Iterator[str]:
    """The lines on the records of one task."""
    first, names = records[0], [_name(record) for record in records]
    dataset = first.dataset
    yield f"{first.model['name']} on {dataset['name']}: {dataset['n_images']} images, {first.task}, in %"
    yield from _table(list(_metric_rows(records)), names)
    for name in names[1:]:
        found = [r for r in reasons if (r.base, r.protocol) == (names[0], name)]
        yield f"\n{name} and {names[0]}: " + ("what differs" if found else "no rule matters here")
        for reason in found:
            yield f"  {reason.text}{_concerned(reason)}"
            yield from ([] if reason.changes is None else [f"    {_changes(reason.changes)}"])
    rows = _class_rows(records)
    if rows:
        yield f"\ncategories that differ, {min(len(rows), 5)} of {len(rows)}: {rows[0].metric}"
        yield from _table(rows[:5], names)


def _table(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """Percentages, a column a protocol, and how far they are apart; n/a where some are undefined."""
    labels = [row.metric if row.category is None else row.category for row in rows]
    wide = max(18, *map(len, labels))
    widths = [max(len(name), 8) + 2 for name in names]
    yield " " * (wide + 2) + "".join(map(str.rjust, names, widths)) + "    spread"
    for label, row in zip(labels, rows, strict=True):
        cells = [f"{100 * row.values[name]:.3f}" if name in row.values else "–" for name in names]
        spread = "       n/a" if row.spread == math.inf else f"{100 * row.spread:10.2g}" * (row.spread > 0)
        yield (f"  {label:<{wide}}" + "".join(map(str.rjust, cells, widths)) + spread).rstrip()


def _concerned(reason: Reason) -> str:
    if reason.count is None:
        return ""
    shown = list(reason.names[:5]) + ["…"] * (len(reason.names) > 5)
    return f": {reason.count:,} {reason.of}" + (f" ({', '.join(shown)})" if shown else "")


def _changes(changes: Mapping[str, float], most: int = 4) -> str:
    """The largest changes, in percentage points."""
    if not changes:
        return "no score changes"
    order = sorted(changes, key=lambda key: -math.inf if math.isnan(changes[key]) else -abs(changes[key]))
    shown = [f"{key} {100 * changes[key]:+.2g}" for key in order[:most]]
    return ", ".join(shown) + (f" and {len(order) - most} more" if len(order) > most else "")
