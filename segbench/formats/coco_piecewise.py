"""Segments of ordinary COCO annotations whose masks are not kept: each image's are read from the file."""

from __future__ import annotations

from segbench.canonical.categories import Categories
from segbench.canonical.segment import Segment
from segbench.formats.coco_index import CocoIndex, read_annotations
from segbench.formats.coco_quick import QuickSegments


class PiecewiseSegments:
    """Reads as :class:`.QuickSegments` does; no mask is in memory but those of the image that is read."""

    def __init__(self, index: CocoIndex, categories: Categories) -> None:
        self._items = index.lists["annotations"]
        self._plain = QuickSegments(index.annotations, categories).plain
        self._categories = categories

    def read(self, rows: list[int], size: tuple[int, int]) -> tuple[Segment, ...] | None:
        """Return the segments of an image; see :meth:`.QuickSegments.read`."""
        if not rows:
            return ()
        if not self._plain[rows].all():
            return None
        found = read_annotations(self._items.text(rows))
        if found is None:
            return None
        return QuickSegments(found, self._categories).read(list(range(len(rows))), size)
