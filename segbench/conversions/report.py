"""The report of a conversion: what is read, lost and chosen; also as a file beside the target."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segbench.canonical.pen import PLAIN, Pen
from segbench.conversions.losses import Loss

_SHOWN = 5
"""Images left out that the text names."""


@dataclass(kw_only=True)
class ConversionReport:
    """What a conversion did, or would do.

    Attributes
    ----------
    source, target, source_format, target_format
        From where to where.
    n_images, n_segments
        What is written; segments are known once samples were looked at.
    losses
        One for each feature of the data that the target cannot carry.
    changes
        What changes the data, since it was asked for, such as crowds that become ignore regions, or since
        EXIF turns pictures.
    left_out
        What is wrong with each image that was left out as invalid.
    labels
        The map of labels: its name, hash, categories and table, where one was given.
    policies
        How it is done where there is a choice: ``{"images": "link", …}``.
    notes
        What the reader of the source had to say, and what is to be known of its pictures.
    written
        False for a dry run, and before it is done.
    """

    source: str
    target: str
    source_format: str
    target_format: str
    n_images: int
    n_segments: int = 0
    losses: list[Loss] = field(default_factory=list)
    changes: list[Loss] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    labels: dict[str, Any] | None = None
    policies: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    written: bool = False

    @property
    def has_news(self) -> bool:
        """Whether there is something to say before anything is written."""
        return bool(self.losses or self.changes or self.labels or self.left_out or self.notes)

    @property
    def path(self) -> Path | str:
        """The file beside the target that the report is written to; its URL where the target has one."""
        return (
            f"{self.target.rstrip('/')}.report"
            if "://" in self.target
            else Path(f"{Path(self.target)}.report")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        losses = [{**asdict(loss), "grave": loss.grave} for loss in self.losses]
        return {**asdict(self), "losses": losses}

    def write(self, file: Path, pen: Pen = PLAIN) -> None:
        """Write it as JSON; its name does not end so, lest it be taken for data."""
        with pen.file(file) as part:
            part.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _labels_text(self) -> list[str]:
        if self.labels is None:
            return []
        lines = [f"  labels: {self.labels['name']} (sha256 {self.labels['sha256'][:12]}…)"]
        lines += [f"    {line}" for line in self.labels["table"].splitlines()]
        if absent := self.labels["not_in_source"]:
            shown = ", ".join(absent[:5]) + ", …" * (len(absent) > 5)
            lines.append(f"    not in this data set: {len(absent)} ({shown})")
        return lines

    def _left_out_text(self) -> list[str]:
        more = len(self.left_out) - _SHOWN
        lines = [f"  left out: {fault}" for fault in self.left_out[:_SHOWN]]
        rest = f"  left out: {more} more, which {Path(self.path).name} lists"
        return [*lines, rest] if more > 0 else lines

    def __str__(self) -> str:
        counts = f"{self.n_images} images" + f", {self.n_segments} segments" * bool(self.n_segments)
        lines = [f"{self.source} ({self.source_format}) → {self.target} ({self.target_format}): {counts}"]
        lines += [f"  note: {note}" for note in self.notes]
        lines += self._left_out_text()
        lines += self._labels_text()
        lines += [f"  changed: {change}" for change in self.changes]
        lines += [f"  lost: {loss}" for loss in self.losses] or ["  nothing is lost"]
        return "\n".join(lines)
