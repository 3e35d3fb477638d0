"""Segments of a sample replaced or taken away, in whatever form its truth is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns


def with_segments(
    sample: Sample, segments: Iterable[Segment], ids: Mapping[int, int] | None = None
) -> Sample:
    """Return a sample with other segments; its mask is derived of them.

    Parameters
    ----------
    sample
        Instances, or a segment map.
    segments
        Those to have.
    ids
        ``{id in the segment map: id to have, or 0 for void}``; others stay.
    """
    load = sample.load_segment_map
    if load is not None and ids:
        load = _Renamed(load, dict(ids))
    return replace(sample, segments=tuple(segments), load_mask=None, load_segment_map=load)


def without(sample: Sample, gone: Callable[[Segment], bool]) -> Sample:
    """Return a sample without some of its segments, whose pixels in a segment map are void."""
    left = [s for s in sample.segments if not gone(s)]
    if len(left) == len(sample.segments):
        return sample
    return with_segments(sample, left, {s.id: 0 for s in sample.segments if gone(s)})


@dataclass(frozen=True, slots=True)
class _Renamed:
    """Reads a segment map with other ids."""

    load: Callable[[], Any]
    ids: Mapping[int, int]

    def __call__(self) -> LabelRuns:
        read = self.load()
        runs = read if isinstance(read, LabelRuns) else LabelRuns.of(read)
        values = runs.values.copy()
        for before, after in self.ids.items():
            values[runs.values == before] = after
        return runs.renamed(np.asarray(values, np.int32))
