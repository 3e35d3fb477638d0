"""The masks of a sample's segments, however the source drew them, and what formats of shapes lose of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError


def drawn_segments(
    sample: Sample, categories: Categories, *, stuff: bool = False
) -> Iterator[tuple[Segment, Rle | None]]:
    """Yield each segment with its mask; None for a box. Stuff of a segment map is left out unless asked for.

    Raises
    ------
    DataError
        When a mask cannot be drawn, is damaged, or is of another size than the image.
    """
    wanted = stuff or sample.overlap
    segments = [s for s in sample.segments if wanted or categories[s.category_id].isthing is not False]
    size = sample.height, sample.width
    if sample.kind == "panoptic":
        ids = np.array([s.id for s in segments], np.int64)
        for segment, counts in zip(segments, kernels.segment_rles(sample.segment_map, ids), strict=True):
            yield segment, Rle(*size, counts)
        return
    for segment in segments:
        try:
            rle = segment.to_rle(*size)
            if rle is not None and (rle.height, rle.width) != size:
                raise ValueError(f"is {rle.width}×{rle.height} pixels, the image {size[1]}×{size[0]}")
            yield segment, None if rle is None else rle.check()
        except ValueError as error:
            raise sample.error(str(error), f"segment {segment.id}") from None


def check_names(categories: Categories) -> None:
    """Refuse categories that a format which tells them by name would take for one.

    Raises
    ------
    DataError
        When two have one name.
    """
    seen: dict[str, Category] = {}
    for category in categories:
        other = seen.setdefault(category.name, category)
        if other is not category:
            raise DataError(
                f"the categories {other.key} and {category.key} are both called {category.name!r}, and this "
                "format tells them by name; give other names by a map of labels",
                field="categories",
            )


def separate(sample: Sample, categories: Categories, *, stuff: bool = False) -> Sample:
    """Return the things of a segment map, or all of it, as instances with masks of their own."""
    segments = tuple(
        replace(segment, rle=rle, source_kind="rle")
        for segment, rle in drawn_segments(sample, categories, stuff=stuff)
    )
    return replace(sample, segments=segments, overlap=True, load_segment_map=None)


def renumbered(sample: Sample, _: Categories) -> int:
    """Count the segments whose id is not their place, 1, 2, …: those that a format without ids renumbers."""
    return sum(segment.id != place for place, segment in enumerate(sample.segments, 1))


def pixelless(sample: Sample, _: Categories) -> int:
    """Count the objects without a pixel, a polygon or a box, of which nothing can be written as a shape."""
    if sample.kind == "semantic":
        return 1
    ids = set(sample.segment_runs.values.tolist()) if sample.kind == "panoptic" else set()
    return sum(s.polygons is None and s.bbox is None and not _has_pixels(s, ids) for s in sample.segments)


def stated_beside(sample: Sample, _: Categories) -> int:
    """Count the segments with an area, or with a box that is not all that there is of them."""
    return sum(
        s.source_area is not None or (s.bbox is not None and s.source_kind != "box") for s in sample.segments
    )


def colored_fields(dataset: Dataset) -> list[str]:
    """Categories that have more than a name and a colour."""
    others = dataset.extra.get("category_fields", {})
    return [
        c.name for c in dataset.categories if c.parent or c.synset or c.frequency or others.get(str(c.key))
    ]


def _has_pixels(segment: Segment, ids: set[int]) -> bool:
    return segment.id in ids if segment.rle is None else segment.rle.area > 0
