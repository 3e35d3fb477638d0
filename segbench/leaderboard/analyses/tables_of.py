"""RunTables: a run's record with its tables, beside the evidence that was made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from segbench.leaderboard.evidence import RunEvidence, flat, ordered_images
from segbench.leaderboard.pooled import Ints
from segbench.records.results import RunRecord, read_record

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RunTables:
    """One run: its record, the table of its images in the order of its evidence, and its evidence."""

    record: RunRecord
    images: pa.Table
    evidence: RunEvidence

    @classmethod
    def of(cls, folder: Path, evidence: RunEvidence) -> Self:
        """Read the tables once more: holding those of all runs of a board would take too much."""
        record = read_record(folder)
        if record.images is None:
            raise FileNotFoundError(folder / "images.parquet")
        return cls(record, ordered_images(record, record.images), evidence)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the protocol."""
        return self.record.protocol.get("settings") or {}

    def level_at(self, iou: float) -> int:
        """The place of an IoU threshold, or of that next to it."""
        levels = [abs(level - iou) for level in self.settings["iou_thresholds"]]
        return levels.index(min(levels))

    def has(self, *names: str) -> bool:
        """Whether the table of images has these columns."""
        return set(names) <= set(self.images.column_names)

    def flat(self, name: str) -> tuple[Ints, Any]:
        """A list column as the image of each value int64 [k], and the values [k]."""
        return flat(self.images, name)
