"""Label maps derived from segments: one named policy each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError
from segbench.kernels import LabelRuns

if TYPE_CHECKING:
    from segbench.canonical.segment import Segment

OVERLAP_POLICIES = ("area", "score", "order")
"""Which of overlapping instances is on top: the smaller, that of higher score, or the later in the source.

With ``area`` and ``score`` crowds lie at the bottom, and the later is on top of its equal. Ignore regions are
void in any case.
"""
OVERLAP_POLICY = OVERLAP_POLICIES[0]
"""Where none is named."""


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


def paint_segments(
    canvas: NDArray[Any],
    segments: Sequence[Segment],
    values: Sequence[int],
    policy: str = OVERLAP_POLICY,
) -> None:
    """Paint the segments that have a mask into a map [H, W], each with its value, by a policy of overlaps.

    Raises
    ------
    ValueError
        When a segment cannot be drawn, or lacks the score that the policy asks for.
    """
    height, width = canvas.shape
    drawn = [
        (rle.counts, s, v) for s, v in zip(segments, values, strict=True) if (rle := s.to_rle(height, width))
    ]
    if drawn:
        order = bottom_to_top([s for _, s, _ in drawn], [c for c, _, _ in drawn], canvas.shape, policy)
        kernels.paint(
            canvas, [drawn[i][0] for i in order], np.asarray([drawn[i][2] for i in order], np.int32)
        )


def bottom_to_top(
    segments: Sequence[Segment], counts: Sequence[bytes], size: tuple[int, ...], policy: str
) -> list[int]:
    """Return the places of segments, whose masks are ``counts``, from the lowest to that on top.

    Raises
    ------
    ValueError
        When a segment lacks the score that the policy asks for.
    """
    if policy == "order":
        return list(range(len(segments)))
    if policy == "score":
        for s in segments:
            if s.score is None and not s.iscrowd:
                raise ValueError(f"segment {s.id} has no score, which --overlap score asks for")
        rank = np.array([0.0 if s.score is None else s.score for s in segments])
    else:
        rank = -kernels.rle_measure(counts, *size)[0]
    return np.lexsort((rank, np.array([not s.iscrowd for s in segments]))).tolist()


def places_of_segments(
    segments: Sequence[Segment], height: int, width: int, policy: str = OVERLAP_POLICY
) -> LabelRuns:
    """Paint segments by a policy, int32: i + 1 where ``segments[i]`` is seen, 0 where there is none.

    Errors as :func:`paint_segments`.
    """
    canvas: NDArray[Any] = np.zeros((height, width), np.uint8 if len(segments) < 256 else np.int32)
    paint_segments(canvas, segments, range(1, len(segments) + 1), policy)
    runs = LabelRuns.of(canvas)
    return replace(runs, values=runs.values.astype(np.int32))


def places_on_map(segment_runs: LabelRuns, segments: Sequence[Segment]) -> LabelRuns:
    """Replace the ids of a segment map by places: i + 1 for that of ``segments[i]``, 0 for an id of none."""
    place_of = {s.id: i for i, s in enumerate(segments, 1)}
    ids = segment_runs.ids()
    places: NDArray[np.int32] = np.array([place_of.get(i, 0) for i in ids.tolist()], np.int32)
    return segment_runs.renamed(places[np.searchsorted(ids, segment_runs.values)])


def mask_from_places(places: LabelRuns, segments: Sequence[Segment], ignore_index: int) -> LabelRuns:
    """Replace places by category ids; where there is no segment, and in ignore regions, ``ignore_index``."""
    categories = [ignore_index if s.ignore else s.category_id for s in segments]
    table = np.array([ignore_index, *categories], np.int32).astype(mask_dtype(ignore_index))
    return places.renamed(table[places.values])


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
