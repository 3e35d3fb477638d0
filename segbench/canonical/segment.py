"""Segment: one region of one image, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from segbench.canonical.rle import Rle

Box = tuple[float, float, float, float]
SourceKind = Literal["map", "polygon", "rle", "runs", "box"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One annotated or predicted region of one image.

    Attributes
    ----------
    id
        Unique in its image: the value in the segment map, or the annotation id.
    category_id
        Dense category id.
    iscrowd, ignore
        Group region that is never a false negative; region that is never scored.
    source_area
        Area in pixels as the source states it, not always that of the mask.
    bbox
        ``(x, y, w, h)`` in pixels as the source states it.
    rle, polygons
        The mask as run lengths, or as flat polygons ``(x0, y0, x1, y1, …)`` in float64 pixels, verbatim.
        Both None where the segment map holds the pixels, or where there is a box alone.
    source_kind
        How the source drew it: ``map``, ``polygon``, ``rle`` (compressed), ``runs`` (plain) or ``box``.
    score
        Confidence of a prediction.
    track_id, source_id, attributes
        Identity in a video, an id that is no integer, and whatever else the source says.
    """

    id: int
    category_id: int
    iscrowd: bool = False
    ignore: bool = False
    source_area: float | None = None
    bbox: Box | None = None
    rle: Rle | None = None
    polygons: tuple[tuple[float, ...], ...] | None = None
    source_kind: SourceKind = "map"
    score: float | None = None
    track_id: int | None = None
    source_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    _drawn: Rle | None = field(default=None, init=False, repr=False, compare=False)

    def to_rle(self, height: int, width: int) -> Rle | None:
        """Return the mask as run lengths of a height × width image; None where it has none of its own.

        Polygons are drawn once.

        Raises
        ------
        ValueError
            When a polygon cannot be drawn; see :meth:`Rle.from_polygons`.
        """
        if self.rle is not None:
            return self.rle
        if self.polygons is None:
            return None
        drawn = self._drawn
        if drawn is None or (drawn.height, drawn.width) != (height, width):
            drawn = Rle.from_polygons(self.polygons, height, width)
            object.__setattr__(self, "_drawn", drawn)
        return drawn
