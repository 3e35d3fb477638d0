"""Canvas: pixels and truth, painted together from back to front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.rle import Rle
from segbench.demo.shapes import Field, Points, clip, coverage, value_noise

Color = tuple[float, float, float]

MIN_VISIBLE = 12
"""Things of fewer visible pixels than this are left unlabelled."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the truth says of a category: name, id in the COCO files, thing or stuff, and RGB colour."""

    name: str
    source_id: int
    isthing: bool
    color: tuple[int, int, int]


LABELS = (
    Label("sky", 106, False, (150, 200, 235)),
    Label("grass", 124, False, (120, 180, 80)),
    Label("water", 155, False, (50, 110, 190)),
    Label("road", 149, False, (125, 110, 125)),
    Label("house", 5, True, (205, 90, 60)),
    Label("tree", 3, True, (25, 95, 50)),
    Label("car", 7, True, (230, 40, 90)),
    Label("boat", 9, True, (130, 70, 30)),
    Label("sheep", 20, True, (240, 235, 220)),
    Label("balloon", 38, True, (250, 170, 40)),
)
"""The categories; the place in this table is the id in the label maps."""

IDS = {label.name: i for i, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class Part:
    """One coloured piece of a thing.

    Attributes
    ----------
    points
        Polygon, float64 [n, 2].
    color
        RGB, 0..255.
    shade
        How much darker the side away from the light is, 0..1.
    texture, rough
        Which noise lies on it (``fine``, ``leaf`` or ``wave``), and how strongly.
    alpha
        Opacity, 0..1.
    outline
        False for what lies within the other parts, such as a window.
    """

    points: Points
    color: Color
    shade: float = 0.15
    texture: str = "fine"
    rough: float = 0.06
    alpha: float = 1.0
    outline: bool = True


@dataclass(slots=True)
class Region:
    """One labelled region: its id in the segment map, category, and outline before anything hid it."""

    id: int
    category_id: int
    iscrowd: bool = False
    polygons: list[Points] = field(default_factory=list)
    rle: Rle | None = None


class Canvas:
    """An image and its truth.

    Parameters
    ----------
    height, width
        Size in pixels.
    rng
        Source of noise and of segment ids.
    light
        Direction (x, y) that the light comes from, in image coordinates.

    Attributes
    ----------
    image
        RGB, float32 [H, W, 3], 0..255.
    segment_map
        int32 [H, W], 0 for void.
    regions
        Every region painted so far, by its id.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator, light: tuple[float, float]) -> None:
        self.height, self.width, self.rng, self.light = height, width, rng, light
        self.image: Field = np.zeros((height, width, 3), np.float32)
        self.segment_map = np.zeros((height, width), np.int32)
        self.regions: dict[int, Region] = {}
        cells = {"fine": (2.2, 2.2), "leaf": (4.0, 4.5), "wave": (2.0, 15.0)}
        self._noise = {name: value_noise(rng, height, width, cell) for name, cell in cells.items()}

    def pixels(self, parts: Sequence[Part]) -> None:
        """Paint parts without a word to the truth."""
        for part in parts:
            rows, columns, cover = coverage(part.points, self.height, self.width)
            if not cover.size:
                continue
            tone = 1 + part.rough * self._noise[part.texture][rows, columns] + self._lit(part, rows, columns)
            paint = tone[..., None] * np.array(part.color, np.float32)
            under = self.image[rows, columns]
            under += (paint - under) * (cover * np.float32(part.alpha))[..., None]

    def stuff(self, name: str, points: Points) -> None:
        """Label the inside of a polygon as stuff: one segment a category."""
        category_id = IDS[name]
        known = [r for r in self.regions.values() if r.category_id == category_id]
        region = known[0] if known else self._region(category_id)
        self.segment_map[self._mask([points])] = region.id

    def thing(self, name: str, parts: Sequence[Part], hole: Points | None = None) -> None:
        """Paint and label one thing; what is behind a hole stays visible."""
        mask = self._mask([part.points for part in parts if part.outline])
        region = self._region(IDS[name])
        if hole is None:
            self.pixels(parts)
            outlines = (clip(part.points, self.height, self.width) for part in parts if part.outline)
            region.polygons = [points for points in outlines if len(points) >= 3]
        else:
            before = self.image.copy()
            self.pixels(parts)
            rows, columns, cover = coverage(hole, self.height, self.width)
            self.image[rows, columns] += (before - self.image)[rows, columns] * cover[..., None]
            mask &= ~self._mask([hole])
            region.rle = Rle.from_mask(mask)
        self.segment_map[mask] = region.id

    def crowd(self, name: str, members: Sequence[Sequence[Part]]) -> None:
        """Paint many things and label them as one crowd."""
        region = self._region(IDS[name], iscrowd=True)
        for parts in members:
            self.pixels(parts)
        mask = self._mask([part.points for parts in members for part in parts if part.outline])
        region.rle = Rle.from_mask(mask)
        self.segment_map[mask] = region.id

    def void(self, parts: Sequence[Part]) -> None:
        """Paint something that no category names: its pixels are void."""
        self.pixels(parts)
        self.segment_map[self._mask([part.points for part in parts])] = 0

    def visible(self) -> dict[int, int]:
        """Return the visible pixels of each region, after making things too small to see void."""
        ids, counts = np.unique(self.segment_map, return_counts=True)
        seen = {i: n for i, n in zip(ids.tolist(), counts.tolist(), strict=True) if i}
        small = [i for i, n in seen.items() if n < MIN_VISIBLE]
        self.segment_map[np.isin(self.segment_map, small)] = 0
        return {i: n for i, n in seen.items() if i not in small}

    def _region(self, category_id: int, *, iscrowd: bool = False) -> Region:
        """Make a region whose id, read as R + 256 G + 65536 B, is a colour near that of its category."""
        while True:
            color = np.array(LABELS[category_id].color) + self.rng.integers(-25, 26, 3)
            r, g, b = np.clip(color, 0, 255).tolist()
            segment_id = r + 256 * g + 65536 * b
            if segment_id and segment_id not in self.regions:
                break
        self.regions[segment_id] = Region(segment_id, category_id, iscrowd)
        return self.regions[segment_id]

    def _mask(self, polygons: Sequence[Points]) -> NDArray[np.bool_]:
        inside = [clip(points, self.height, self.width) for points in polygons]
        drawn = [points.ravel() for points in inside if len(points) >= 3]
        if not drawn:
            return np.zeros((self.height, self.width), bool)
        return Rle.from_polygons(drawn, self.height, self.width).to_mask().astype(bool)

    def _lit(self, part: Part, rows: slice, columns: slice) -> Field:
        low, high = part.points.min(0), part.points.max(0)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1)
        x = (np.arange(columns.start, columns.stop) + 0.5 - middle[0]) / half[0] * self.light[0]
        y = (np.arange(rows.start, rows.stop) + 0.5 - middle[1]) / half[1] * self.light[1]
        lit: Field = (part.shade * (y[:, None] + x)).astype(np.float32)
        return lit
