"""A sample flattened to one map of which segment is seen where, and the maps of values made of it.

Nothing is as large as a picture for each segment: run lengths are painted into one canvas, whose runs are
looked up and encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A sample as one map.

    Attributes
    ----------
    runs
        int32: ``i + 1`` where ``segments[i]`` is seen, 0 where there is none.
    segments
        Those of the sample; of a label map one for each category that occurs, whose ids mean nothing.
    """

    runs: LabelRuns
    segments: tuple[Segment, ...]

    @property
    def seen(self) -> list[int]:
        """Places in ``segments`` of those that have a pixel in the map, ascending."""
        return [place - 1 for place in self.runs.ids().tolist() if place]

    @property
    def pixels(self) -> list[int]:
        """How many pixels of each segment are seen."""
        lengths = np.diff(self.runs.ends.astype(np.int64), prepend=0)
        counts = np.bincount(self.runs.values, lengths, minlength=len(self.segments) + 1)
        return [int(n) for n in counts[1:]]

    def painted(self, values: Sequence[int | None], rest: int, dtype: Any) -> LabelRuns:
        """Return the map with a value for each segment; ``rest`` where there is none, or it is None."""
        table = np.array([rest, *(rest if value is None else value for value in values)], dtype)
        return self.runs.renamed(table[self.runs.values])


def flatten(sample: Sample) -> Flat:
    """Flatten instances by ``overlap_policy``, a segment map or a label map; ignore regions are segments too.

    Raises
    ------
    DataError
        When a segment cannot be drawn, or the map is damaged.
    """
    if sample.kind == "semantic":
        return _of_mask(sample)
    return Flat(sample.places, tuple(sample.segments))


def count_hidden(sample: Sample, _: Categories) -> int:
    """Count the segments of which a map shows nothing, ignore regions left out."""
    flat = flatten(sample)
    seen = set(flat.seen)
    return sum(i not in seen and not s.ignore for i, s in enumerate(flat.segments))


def _of_mask(sample: Sample) -> Flat:
    runs = sample.mask_runs
    present = [i for i in runs.ids().tolist() if i != sample.ignore_index]
    segments = tuple(Segment(id=i, category_id=c) for i, c in enumerate(present, 1))
    table = np.zeros(int(runs.values.max()) + 1, np.int32)
    table[present] = range(1, len(present) + 1)
    return Flat(runs.renamed(table[runs.values]), segments)
