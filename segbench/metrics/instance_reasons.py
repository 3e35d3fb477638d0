"""Why protocols of average precision differ: the rules, and the predictions that are matched otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.reasons import Reason, Side, changed
from segbench.metrics.rule_words import differing

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.metrics.instance import MaskAP
    from segbench.metrics.once import Once


class InstanceWitness:
    """Says why the scores of several instance metrics differ, from their tables of detections."""

    def __init__(self, metrics: Sequence[MaskAP]) -> None:
        self._metrics = metrics

    def observe(self, pred: Sample, truth: Sample, once: Once, stats: Sequence[Any]) -> None:
        """Nothing: the tables tell enough."""

    def add(self, observed: None) -> None:
        """Nothing."""

    def reasons(
        self, scores: Sequence[Mapping[str, float]], detections: Sequence[pa.Table | None]
    ) -> list[Reason]:
        """Say why the others differ from the first; ``scores`` and ``detections`` are theirs, in order."""
        sides = [Side(m.protocol, m.rules, s) for m, s in zip(self._metrics, scores, strict=True)]
        found = [None if table is None else _Flags.of(table) for table in detections]
        pairs = zip(sides[1:], found[1:], strict=True)
        return [reason for side, flags in pairs for reason in _between(sides[0], side, found[0], flags)]


def _between(base: Side, other: Side, one: _Flags | None, two: _Flags | None) -> Iterator[Reason]:
    """A reason for each rule: average precision is too dear to be measured under every one between."""
    changes, rules = changed(base.scores, other.scores), differing(other.rules, base.rules)
    for rule in rules:
        more: dict[str, Any] = {"changes": changes if len(rules) == 1 else None}
        if rule == "iou_type" and one is not None and two is not None:
            more |= one.compared(two)
        if changes or more.get("count"):
            yield other.reason("instance", rule, base, **more)


@dataclass(frozen=True, slots=True)
class _Flags:
    """Which predictions are scored, int64 [3, N], and matched or ignored at which IoU, uint64 [2, N]."""

    places: NDArray[np.int64]
    flags: NDArray[np.uint64]

    @classmethod
    def of(cls, table: pa.Table) -> _Flags:
        places = [table[name].to_numpy() for name in ("image_index", "category_id", "rank")]
        first = next(name for name in table.column_names if name.startswith("matched_"))
        flags = [table[name].to_numpy() for name in (first, first.replace("matched_", "ignored_", 1))]
        return cls(np.stack(places), np.stack(flags))

    def compared(self, other: _Flags) -> dict[str, Any]:
        """Count the predictions whose match differs; nothing where others are scored."""
        if not np.array_equal(self.places, other.places):
            return {}
        differ = (self.flags != other.flags).any(axis=0)
        return {"count": int(differ.sum()), "of": f"of {len(differ):,} predictions match otherwise"}
