"""Predicted objects as the segments of one map, where the truth is a map: no two may share a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.views import changed
from segbench.formats.drawn import drawn_segments

_MAPS = ("panoptic", "semantic")


def as_asked(predictions: Dataset, truth: Dataset) -> Dataset:
    """Return predictions of objects as maps, if the truth has maps and no instances; else as they are.

    A format that stores objects one by one holds a label map as an object of each class.
    """
    if predictions.tasks != ("instance",) or "instance" in truth.tasks:
        return predictions
    return changed(predictions, _Join(predictions.categories), tasks=_MAPS)


@dataclass(frozen=True, slots=True)
class _Join:
    """Joins the objects of a sample."""

    categories: Categories

    def __call__(self, sample: Sample) -> Sample:
        return _joined(sample, self.categories)


def _joined(sample: Sample, categories: Categories) -> Sample:
    """Return a sample whose segments, numbered 1, 2, …, are those of a map.

    Raises
    ------
    DataError
        When an object has no mask, or two share a pixel.
    """
    masks = []
    for segment, rle in drawn_segments(sample, categories, stuff=True):
        if rle is None:
            raise sample.error("has no mask, and the truth is a map", f"segment {segment.id}")
        masks.append(rle.counts)
    size = sample.height, sample.width
    covered = [kernels.rle_merge(masks, *size)] if masks else []
    areas, _ = kernels.rle_measure([*masks, *covered], *size)
    if masks and areas[:-1].sum() != areas[-1]:
        shared = int(areas[:-1].sum() - areas[-1])
        raise sample.error(
            f"overlap in {shared} pixels, and the truth is a map, which has one each", "segments"
        )
    places = sample.places.renamed(sample.places.values.astype(np.int32))
    segments = tuple(
        replace(s, id=i, rle=None, polygons=None, bbox=None, source_area=None, source_kind="map")
        for i, s in enumerate(sample.segments, 1)
    )
    return replace(sample, segments=segments, overlap=False, load_segment_map=lambda: places)
