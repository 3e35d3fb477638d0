"""InstanceTable: the segments of a whole data set as columns, where a format reads them so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.records import head_bytes

if TYPE_CHECKING:
    from segbench.kernels import Instances, MaskStore


@dataclass(frozen=True, eq=False, kw_only=True)
class InstanceTable:
    """Truth or predictions of I images as columns of N rows: what samples say one by one.

    Attributes
    ----------
    heights, widths
        int64 [I], in pixels.
    starts, rows
        int64 [I + 1] and [M]: image i has ``rows[starts[i]:starts[i + 1]]``, in the order of its segments.
    category_ids
        int32 [N]: dense ids, -1 for a category that the truth lacks.
    ids
        int64 [N]: annotation ids, of truth.
    iscrowd
        bool [N].
    areas, boxes, scores
        float64 [N], [N, 4] (``x, y, w, h`` in pixels) and [N], as stated; NaN where they are not, None where
        none is.
    masks
        N masks as they stand in the source.
    partial
        Indices of images about which the source says more than the columns hold.
    """

    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    category_ids: NDArray[np.int32]
    ids: NDArray[np.int64] | None
    iscrowd: NDArray[np.bool_]
    areas: NDArray[np.float64] | None
    boxes: NDArray[np.float64] | None
    scores: NDArray[np.float64] | None
    masks: MaskStore
    partial: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.heights)

    @cached_property
    def columns(self) -> Instances:
        """The columns as kernels take them."""
        return kernels.Instances(
            self.starts, self.rows, self.category_ids, self.ids, self.iscrowd,
            self.areas, self.boxes, self.scores, self.masks,
        )  # fmt: skip

    def read(self, span: range) -> InstanceTable:  # noqa: ARG002 - all of it is there
        """What a span of images is measured from."""
        return self

    def record_hashes(self, image_ids: Sequence[str], span: range) -> list[str | None]:
        """``record_sha256`` of a span of images; None for those of ``partial``."""
        records, ends = kernels.instance_records(self.columns, span)
        view, start = memoryview(records), 0
        hashes: list[str | None] = []
        for i, end in zip(span, ends.tolist(), strict=True):
            size = int(self.heights[i]), int(self.widths[i])
            digest = hashlib.sha256(head_bytes(image_ids[i], size, "instance", None, None))
            digest.update(view[start:end])
            hashes.append(None if i in self.partial else digest.hexdigest())
            start = end
        return hashes
