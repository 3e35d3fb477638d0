"""Label maps derived from segments: one named policy each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError
from segbench.kernels import LabelRuns

if TYPE_CHECKING:
    from segbench.canonical.sample import Segment

OVERLAP_POLICY = "area"
"""Where instances overlap, the smaller is on top and crowds lie at the bottom; ignore regions are void."""


def mask_dtype(ignore_index: int) -> np.dtype[Any]:
    """uint8 where ignore is 255, uint16 where it is 65,535."""
    return np.dtype(np.uint8 if ignore_index <= 255 else np.uint16)


def fit(ids: NDArray[Any], ignore_index: int, **where: Any) -> NDArray[Any]:
    """Return ids of a label map in the data type that goes with ``ignore_index``.

    Raises
    ------
    DataError
        When an id does not fit it; ``where`` goes into its message.
    """
    dtype = mask_dtype(ignore_index)
    if ids.dtype != dtype and ids.size:
        for value in (int(ids.max()), int(ids.min())):
            if not 0 <= value <= np.iinfo(dtype).max:
                raise DataError(f"holds the id {value}, which does not fit {dtype}", field="mask", **where)
    return ids.astype(dtype, copy=False)


def mask_from_segments(
    segments: Sequence[Segment], height: int, width: int, ignore_index: int
) -> NDArray[Any]:
    """Paint segments into a label map [H, W], crowds first, then from the largest on (policy ``area``).

    Pixels of no segment, and those of ignore regions, hold ``ignore_index``.
    """
    drawn = [(rle, s) for s in segments if (rle := s.to_rle(height, width)) is not None]
    canvas = np.full((height, width), ignore_index, np.int32)
    if drawn:
        areas, _ = kernels.rle_measure([rle.counts for rle, _ in drawn], height, width)
        order = np.lexsort((-areas, np.array([not s.iscrowd for _, s in drawn]))).tolist()
        values = [ignore_index if s.ignore else s.category_id for _, s in drawn]
        kernels.paint(
            canvas, [drawn[i][0].counts for i in order], np.asarray([values[i] for i in order], np.int32)
        )
    return canvas.astype(mask_dtype(ignore_index))


def mask_from_segment_runs(
    segment_runs: LabelRuns, segments: Sequence[Segment], ignore_index: int
) -> LabelRuns:
    """Replace segment ids by category ids; ids that no segment names and ignore regions are void."""
    dtype = mask_dtype(ignore_index)
    category_of = {s.id: ignore_index if s.ignore else s.category_id for s in segments}
    ids = np.array(sorted(category_of), np.int64)
    known = np.array([category_of[i] for i in ids.tolist()] + [ignore_index], dtype)
    at = np.minimum(np.searchsorted(ids, segment_runs.values), max(0, len(ids) - 1))
    found = ids[at] == segment_runs.values if len(ids) else np.zeros(len(at), np.bool_)
    return segment_runs.renamed(known[np.where(found, at, -1)])
