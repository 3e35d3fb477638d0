"""Comparison: the records of several protocols on the same predictions, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from segbench.results import RunRecord


@dataclass(frozen=True)
class Comparison:
    """What one pass under several protocols gave.

    Attributes
    ----------
    records
        One a protocol, in the order in which they were named: those of scoring each alone.
    """

    records: Sequence[RunRecord]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self.records)

    def __getitem__(self, index: int) -> RunRecord:
        return self.records[index]
