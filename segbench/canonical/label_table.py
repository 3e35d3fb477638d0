"""LabelTable: the label maps of a whole data set, many at a time, where its samples hold nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbench.canonical.records import head_bytes, map_bytes
from segbench.kernels import LabelRuns


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Label maps by index.

    Attributes
    ----------
    load
        Reads the runs of a map, of the type that goes with ``ignore_index``; called from several threads. It
        may leave ids in that are neither a category nor ignored.
    ignore_index
        Id of pixels that are never scored.
    """

    load: Callable[[int], LabelRuns]
    ignore_index: int

    def read(self, span: range) -> LabelSpan:
        """Read the maps of a span of images."""
        return LabelSpan([self.load(index) for index in span], self.ignore_index)


@dataclass(frozen=True, eq=False)
class LabelSpan:
    """The label maps of a span of images, and their ``ignore_index``."""

    runs: Sequence[LabelRuns]
    ignore_index: int

    def record_hashes(self, image_ids: Sequence[str], span: range) -> list[str | None]:
        """``record_sha256`` of each."""
        hashes: list[str | None] = []
        for index, runs in zip(span, self.runs, strict=True):
            digest = hashlib.sha256(head_bytes(image_ids[index], runs.shape, "semantic", None, None))
            for part in map_bytes(runs, "semantic"):
                digest.update(part)
            hashes.append(digest.hexdigest())
        return hashes
