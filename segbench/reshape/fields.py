"""What an expression can ask of a segment and its image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.canonical.segment_areas import areas_of

FIELDS: dict[str, type] = {
    "category": str, "category_id": float, "parent": str, "isthing": bool,
    "id": float, "area": float, "iscrowd": bool, "ignore": bool, "score": float, "track_id": float,
    "image_id": str, "file_name": str, "split": str, "video_id": str,
    "width": float, "height": float, "segments": float,
}  # fmt: skip
"""Field -> type. ``category_id`` is that of the source, ``area`` the pixels of the mask, ``width`` and
``height`` those of the image, ``segments`` how many it has."""


def values_of(
    sample: Sample, categories: Categories, fields: frozenset[str], split: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the values of the fields of each segment of a sample; of label maps, of each category in them.

    An image without segments yields the values of the image alone.
    """
    segments, areas = _segments(sample, categories, "area" in fields)
    image = {
        "image_id": sample.image_id,
        "file_name": sample.image_file.name if sample.image_file else sample.source_path,
        "split": split,
        "video_id": sample.video_id,
        "width": sample.width,
        "height": sample.height,
        "segments": len(segments),
    }
    for segment, area in zip(segments, areas, strict=True):
        yield image | _values(segment, categories, area)
    if not segments:
        yield image


def _values(segment: Segment, categories: Categories, area: int | None) -> dict[str, Any]:
    category = categories[segment.category_id]
    return {
        "category": category.name,
        "category_id": category.key,
        "parent": category.parent,
        "isthing": category.isthing,
        "id": segment.id,
        "area": area,
        "iscrowd": segment.iscrowd,
        "ignore": segment.ignore,
        "score": segment.score,
        "track_id": segment.track_id,
    }


def _segments(
    sample: Sample, categories: Categories, with_areas: bool
) -> tuple[Sequence[Segment], Sequence[int | None]]:
    if sample.kind == "semantic":
        pixels = np.bincount(sample.mask.ravel(), minlength=len(categories))[: len(categories)].tolist()
        found = [i for i, count in enumerate(pixels) if count]
        return [Segment(id=i, category_id=i) for i in found], [pixels[i] for i in found]
    segments = sample.segments
    return segments, areas_of(sample) if with_areas else [None] * len(segments)
