"""Pixels of segments, drawn or on a map."""

from __future__ import annotations

from segbench import kernels
from segbench.canonical.sample import Sample


def areas_of(sample: Sample) -> list[int | None]:
    """Return the pixels of each segment, drawn or on the segment map; None where it is a box alone."""
    if sample.kind == "panoptic":
        ids, counts = kernels.id_counts(sample.segment_map)
        found = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        return [found.get(s.id, 0) for s in sample.segments]
    try:
        masks = [s.to_rle(sample.height, sample.width) for s in sample.segments]
    except ValueError as error:
        raise sample.error(str(error), "segments") from None
    return [None if rle is None else rle.area for rle in masks]
