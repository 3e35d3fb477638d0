"""Instances, which may overlap, made into the segments of one map by their named policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats.coco_write import SOURCE_ID

SEGMENT_IDS = range(1, 1 << 24)
"""Ids that the colours of a PNG hold; 0 is void."""


def to_panoptic(sample: Sample) -> Sample:
    """Return a sample whose truth is a segment map; of one that has a map, ignore regions become void.

    Which of overlapping instances is on top, ``overlap_policy`` says; pixels of ignore regions and of nothing
    are void. Instances that are hidden, or have no mask, are dropped. Areas and boxes
    are those of what is seen. Ids are kept where all are distinct and fit 24 bits; else they are 1 … N, and
    the id of the source stands beside each as ``source_id``.
    """
    if sample.kind != "instance":
        return _without_ignored(sample)
    seen = _seen(sample)
    ids = [s.id for s in seen.values()]
    keep = len(set(ids)) == len(ids) and all(i in SEGMENT_IDS for i in ids)
    lookup = np.zeros(len(sample.segments) + 1, np.int32)
    lookup[list(seen)] = ids if keep else range(1, len(ids) + 1)
    segments = tuple(_on_map(s, int(lookup[value])) for value, s in seen.items())
    segment_map = sample.places.renamed(lookup[sample.places.values])
    return replace(sample, segments=segments, overlap=False, load_segment_map=lambda: segment_map)


def count_hidden(sample: Sample, _: Categories) -> int:
    """Instances that :func:`to_panoptic` drops; ignore regions, which become void, are not among them."""
    if sample.kind != "instance":
        return 0
    return sum(not s.ignore for s in sample.segments) - len(_seen(sample))


def count_renumbered(sample: Sample, _: Categories) -> int:
    """Instances that :func:`to_panoptic` gives another id."""
    if sample.kind != "instance":
        return 0
    ids = [s.id for s in sample.segments]
    kept = len(set(ids)) == len(ids) and all(i in SEGMENT_IDS for i in ids)
    return 0 if kept else len(ids)


def count_restated(sample: Sample, _: Categories) -> int:
    """Instances whose stated area or box :func:`to_panoptic` replaces by that of what is seen."""
    if sample.kind != "instance":
        return 0
    return sum(s.source_area is not None or s.bbox is not None for s in sample.segments)


def as_things(categories: Categories) -> Categories:
    """Say of categories whose kind the source does not state that they are things: they have instances."""
    return Categories(c if c.isthing is not None else replace(c, isthing=True) for c in categories)


def _seen(sample: Sample) -> dict[int, Segment]:
    """Segments that are seen in the map, by 1 + their place in the sample; ignore regions are void."""
    segments = {i: sample.segments[i - 1] for i in sample.places.ids().tolist() if i}
    return {i: s for i, s in segments.items() if not s.ignore}


def _without_ignored(sample: Sample) -> Sample:
    if not any(s.ignore for s in sample.segments):
        return sample
    kept = tuple(s for s in sample.segments if not s.ignore)
    runs = sample.segment_runs
    void = np.isin(runs.values, [s.id for s in sample.segments if s.ignore])
    segment_map = runs.renamed(np.where(void, 0, runs.values).astype(np.int32))
    return replace(sample, segments=kept, load_segment_map=lambda: segment_map)


def _on_map(segment: Segment, segment_id: int) -> Segment:
    moved = {} if segment_id == segment.id else {SOURCE_ID: segment.id}
    return replace(
        segment,
        id=segment_id,
        source_area=None,
        bbox=None,
        rle=None,
        polygons=None,
        source_kind="map",
        attributes={**moved, **segment.attributes},
    )
