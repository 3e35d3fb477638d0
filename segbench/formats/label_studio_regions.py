"""Label Studio's regions as segments: percent polygons, boxes and ellipses, and brushes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.rle import Rle
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.brush import decode_brush
from segbench.formats.coco_fields import read_number, read_optional
from segbench.formats.plain_json import check_size, need_points

RESULTS = "results"
"""Key of ``Segment.attributes``: ``[place, result]`` of each result that the region is made of."""

META_ATTRIBUTES = "attributes"
"""Key of a region's ``meta`` for what other formats say of a segment."""

FLAGS = ("iscrowd", "ignore")
"""Keys of a region's ``meta`` that are fields of a segment."""

SHAPES = ("polygon", "brush", "rectangle", "ellipse")

_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")
_LEAST_CORNERS = 12
_DECIMALS = 10
_UNREAD = ("bitmask",)

Numbers = NDArray[np.float64]
Result = Mapping[str, Any]
Region = list[tuple[int, Result]]
"""The results of one region with their places, the one with the outline first."""


def shape_of(result: Result) -> str | None:
    """``polygon`` of a result of type ``polygon`` or ``polygonlabels``; None of what is no region.

    Raises
    ------
    DataError
        When the type is a region's, but one that is not read.
    """
    kind = result.get("type")
    name = kind.removesuffix("labels") if isinstance(kind, str) else ""
    if name in _UNREAD:
        raise DataError(
            f"has the type {kind!r}, which is not read; export brushes and polygons", field="type"
        )
    return name if name in SHAPES and isinstance(result.get("value"), dict) else None


def labels_of(result: Result) -> list[str]:
    """The labels that a result gives, of whichever kind."""
    value, kind = result.get("value"), result.get("type")
    keys = (kind, "labels") if isinstance(kind, str) else ("labels",)
    for key in keys:
        names = value.get(key) if isinstance(value, dict) else None
        if isinstance(names, list):
            return [name for name in names if isinstance(name, str)]
    return []


def split_regions(results: Sequence[Result], **where: Any) -> tuple[list[Region], list[Any]]:
    """Return the regions that have a label, and ``[place, result]`` of everything else.

    Results of one id are one region: an outline, and labels that stand by themselves.

    Raises
    ------
    DataError
        When a region is of a type that is not read; ``where`` goes into its message.
    """
    outlines: dict[Any, list[int]] = {}
    labels: dict[str, list[int]] = {}
    for place, result in enumerate(results):
        name = result.get("id")
        try:
            shape = shape_of(result)
        except DataError as error:
            raise DataError(error.message, field=f"result[{place}].{error.field}", **where) from None
        if shape is not None:
            outlines.setdefault(name if isinstance(name, str) else place, []).append(place)
        elif isinstance(name, str) and labels_of(result):
            labels.setdefault(name, []).append(place)
    regions: list[Region] = []
    for name, places in outlines.items():
        beside = labels.get(name, []) if isinstance(name, str) and len(places) == 1 else []
        regions += [
            [(i, results[i]) for i in (place, *beside)]
            for place in places
            if labels_of(results[place]) or beside
        ]
    taken = {place for region in regions for place, _ in region}
    return regions, [[i, r] for i, r in enumerate(results) if i not in taken]


def label_of(region: Region) -> str:
    """The first label of a region, that of the outline before others."""
    return next(label for _, result in region for label in labels_of(result))


def region_size(result: Result, **where: Any) -> tuple[int, int]:
    """Height and width of the picture, as a region states them.

    Raises
    ------
    DataError
        When these are no size, or the picture was turned when the region was drawn.
    """
    if result.get("image_rotation") not in (None, 0):
        raise DataError(
            "was drawn on a picture that had been turned; turn it back in Label Studio",
            field="image_rotation",
            **where,
        )
    sides = (result.get(f"original_{side}") for side in ("height", "width"))
    height, width = (int(v) if isinstance(v, float) and v.is_integer() else v for v in sides)
    return check_size(height, width, field="original_width", **where)


def read_segments(
    regions: list[Region], size: tuple[int, int], ids: Mapping[str, int], **where: Any
) -> tuple[Segment, ...]:
    """Return the segments of an image of this size.

    Raises
    ------
    DataError
        When a region is damaged, or states another size; ``where`` (file, image_id) goes into its message.
    """
    names: list[Any] = [region[0][1].get("id") for region in regions]
    numbered = len(set(map(str, names))) == len(names) and all(
        isinstance(name, str) and _INTEGER.fullmatch(name) for name in names
    )
    return tuple(
        _segment((int(name) if numbered else number, name), region, size, ids, where)
        for number, (name, region) in enumerate(zip(names, regions, strict=True), 1)
    )


def _segment(
    named: tuple[int, Any],
    region: Region,
    size: tuple[int, int],
    ids: Mapping[str, int],
    where: dict[str, Any],
) -> Segment:
    (number, name), (place, result) = named, region[0]
    field = f"result[{place}]"
    if region_size(result, **where) != size:
        raise DataError("states another size than the regions before it", field=field, **where)
    found = result.get("meta")
    meta = found if isinstance(found, dict) else {}
    return Segment(
        id=number,
        source_id=name if isinstance(name, str) and name != str(number) else None,
        category_id=ids[label_of(region)],
        iscrowd=meta.get("iscrowd") is True,
        ignore=meta.get("ignore") is True,
        score=read_optional(result, "score", field=field, **where),
        attributes={**_said(meta), RESULTS: [[at, part] for at, part in region]},
        **_outline(result, size, field=f"{field}.value", **where),
    )


def _said(meta: Result) -> dict[str, Any]:
    said = meta.get(META_ATTRIBUTES)
    return dict(said) if isinstance(said, dict) else {}


def _outline(result: Result, size: tuple[int, int], **where: Any) -> dict[str, Any]:
    """The fields of a segment that say where it is."""
    value, shape = result["value"], shape_of(result)
    if shape == "brush":
        return {"rle": _brush(value, size, **where), "source_kind": "rle"}
    if shape == "polygon":
        points = need_points(value.get("points"), **where)
        return {
            "polygons": (tuple(to_pixels(np.array(points), size).ravel().tolist()),),
            "source_kind": "polygon",
        }
    x, y, angle = (
        _number(value, "x", **where),
        _number(value, "y", **where),
        _number(value, "rotation", 0, **where),
    )
    if shape == "ellipse":
        center, radii = (
            to_pixels(np.array(p), size) for p in ((x, y), _pair(value, "radiusX", "radiusY", **where))
        )
        return {"polygons": (_turned(_circle(radii) + center, center, angle),), "source_kind": "polygon"}
    corner, sides = (to_pixels(np.array(p), size) for p in ((x, y), _pair(value, "width", "height", **where)))
    if angle == 0:
        return {"bbox": (*corner.tolist(), *sides.tolist()), "source_kind": "box"}
    corners = corner + sides * [(0, 0), (1, 0), (1, 1), (0, 1)]
    return {"polygons": (_turned(corners, corner, angle),), "source_kind": "polygon"}


def to_pixels(percent: Numbers, size: tuple[int, int]) -> Numbers:
    """Turn percent of the picture's width and height, [..., 2], into pixels of at most ten decimals.

    Corners of fewer decimals, as COCO has them, come back from percent as they were.
    """
    pixels: Numbers = np.round(percent / 100 * [float(size[1]), float(size[0])], _DECIMALS)
    return pixels


def _pair(value: Result, first: str, second: str, **where: Any) -> tuple[float, float]:
    return _number(value, first, **where), _number(value, second, **where)


def _number(value: Result, key: str, default: float | None = None, *, field: str, **where: Any) -> float:
    found = value.get(key, default)
    number = read_number(found, field=f"{field}.{key}", **where)
    if abs(number) > 1e6:
        raise DataError(f"is {number:g}, far beyond 100 percent", field=f"{field}.{key}", **where)
    return number


def _circle(radii: Numbers) -> Numbers:
    """Corners of a polygon that is nowhere a pixel off an ellipse about 0."""
    radius = float(np.abs(radii).max())
    n = _LEAST_CORNERS if radius <= 1 else max(_LEAST_CORNERS, int(math.pi / math.acos(1 - 1 / radius)))
    angles = 2 * math.pi / n * np.arange(n)
    corners: Numbers = np.column_stack([np.cos(angles), np.sin(angles)]) * radii
    return corners


def _turned(corners: Numbers, center: Numbers, degrees: float) -> tuple[float, ...]:
    """Corners turned clockwise about a point, as a flat polygon."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    offsets = corners - center
    turned = center + np.column_stack([offsets @ [cos, -sin], offsets @ [sin, cos]])
    return tuple(turned.ravel().tolist())


def _brush(value: Result, size: tuple[int, int], *, field: str, **where: Any) -> Rle:
    stream = value.get("rle")
    if not isinstance(stream, list) or not set(map(type, stream)) <= {int}:
        raise DataError("is no list of bytes", field=f"{field}.rle", **where)
    try:
        return Rle.from_mask(decode_brush(bytes(stream), *size))
    except ValueError as error:
        raise DataError(str(error), field=f"{field}.rle", **where) from None
