"""LabelMe's shapes as segments, and back: what the source wrote is kept, and written while it is true."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical import images as codec
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, did_you_mean
from segbench.formats.coco_fields import read_optional
from segbench.formats.patches import cut_out, from_base64, paste, to_base64
from segbench.formats.plain_json import need_points

IGNORE = "__ignore__"
"""Label of regions that labelme's exporters leave out."""

FLAGS = ("iscrowd", "ignore")
"""Flags of a shape that are fields of a segment."""

SHAPES, PLACES = "shapes", "places"
"""Keys of ``Segment.attributes``: the shapes as they were, without label and points; their places."""

_POINTS = {"rectangle": 2, "circle": 2, "mask": 2, "oriented_rectangle": 4}
_NO_REGIONS = ("line", "linestrip", "point", "points")
_LEAST_CORNERS = 12

Polygon = tuple[float, ...]
Shape = Mapping[str, Any]


def read_shapes(
    shapes: list[dict[str, Any]], size: tuple[int, int], ids: Mapping[str, int], **where: Any
) -> tuple[tuple[Segment, ...], list[Any]]:
    """Return the segments of an image of this size, and ``[place, shape]`` of what is no region.

    Raises
    ------
    DataError
        When a shape is none; ``where`` (file, image_id) goes into its message.
    """
    groups: dict[Any, list[int]] = {}
    others: list[Any] = []
    for place, shape in enumerate(shapes):
        if shape.get("shape_type") in _NO_REGIONS:
            others.append([place, shape])
            continue
        group = shape.get("group_id")
        key = ("alone", place) if group is None else (str(shape.get("label")), str(group))
        groups.setdefault(key, []).append(place)
    starts = accumulate(map(len, groups.values()), initial=0)
    segments = (
        _segment((number, start), {i: shapes[i] for i in places}, size, ids, where)
        for number, (start, places) in enumerate(zip(starts, groups.values(), strict=False), 1)
    )
    return tuple(segments), others


def _segment(
    at: tuple[int, int],
    parts: dict[int, dict[str, Any]],
    size: tuple[int, int],
    ids: Mapping[str, int],
    where: dict[str, Any],
) -> Segment:
    """The segment of this number, with so many shapes before it."""
    (number, start), places = at, list(parts)
    first, field = parts[places[0]], f"shapes[{places[0]}]"
    label = first.get("label")
    if not isinstance(label, str) or label not in ids:
        hint = did_you_mean(str(label), ids)
        raise DataError(f"is {label!r}, which is no label.{hint}", field=f"{field}.label", **where)
    drawn = [_draw(part, size, field=f"shapes[{i}]", **where) for i, part in parts.items()]
    polygons = [polygon for polygon in drawn if not isinstance(polygon, Rle)]
    all_polygons = len(polygons) == len(drawn)
    flags = first.get("flags") if isinstance(first.get("flags"), dict) else {}
    attributes: dict[str, Any] = {SHAPES: [_rest(part) for part in parts.values()]}
    if places != list(range(start, start + len(places))):
        attributes[PLACES] = places
    return Segment(
        id=number,
        category_id=ids[label],
        iscrowd=bool(flags and flags.get("iscrowd")),
        ignore=label == IGNORE or bool(flags and flags.get("ignore")),
        polygons=tuple(polygons) if all_polygons else None,
        rle=None if all_polygons else _union(drawn, size),
        source_kind="polygon" if all_polygons else "rle",
        score=read_optional(first, "score", field=field, **where),
        attributes=attributes,
    )


def _rest(shape: Shape) -> dict[str, Any]:
    """What is kept of a shape beside its label, and beside its points where these are its polygon."""
    is_polygon = shape.get("shape_type", "polygon") in ("polygon", None)
    return {k: v for k, v in shape.items() if k != "label" and not (is_polygon and k == "points")}


def _draw(shape: Shape, size: tuple[int, int], *, field: str, **where: Any) -> Polygon | Rle:
    kind = shape.get("shape_type", "polygon") or "polygon"
    if not isinstance(kind, str):
        raise DataError(f"has the shape_type {kind!r}", field=field, **where)
    points = need_points(shape.get("points"), field=f"{field}.points", **where)
    if kind != "polygon" and _POINTS.get(kind) != len(points):
        raise DataError(f"has the shape_type {kind!r} and {len(points)} points", field=field, **where)
    if kind == "mask":
        return _read_mask(shape, points, size, field=f"{field}.mask", **where)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
        points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    elif kind == "circle":
        points = _circle(*points)
    return tuple(v for point in points for v in point)


def _circle(center: tuple[float, float], edge: tuple[float, float]) -> list[tuple[float, float]]:
    """Corners of a polygon that is nowhere a pixel off the circle, as in labelme's exporter to COCO."""
    radius = math.dist(center, edge)
    n = _LEAST_CORNERS
    if radius > 1:
        n = max(n, int(math.pi / math.acos(1 - 1 / radius)))
    angles = 2 * math.pi / n * np.arange(n)
    x, y = center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _read_mask(shape: Shape, points: list[tuple[float, float]], size: tuple[int, int], **where: Any) -> Rle:
    """A PNG cut out to its two points; whole numbers say where it ends, as labelme reads them."""
    data = from_base64(shape.get("mask"), **where)
    patch = codec.decode_labels(data, **{k: v for k, v in where.items() if k != "field"})
    (x0, y0), (x1, y1) = [(round(x), round(y)) for x, y in points]
    if all(v.is_integer() for point in points for v in point):
        patch = patch[: max(0, y1 - y0 + 1), : max(0, x1 - x0 + 1)]
    return paste(patch, x0, y0, size)


def _union(drawn: list[Polygon | Rle], size: tuple[int, int]) -> Rle:
    rles = [d if isinstance(d, Rle) else Rle.from_polygons([d], *size) for d in drawn]
    if len(rles) == 1:
        return rles[0]
    return Rle(*size, kernels.rle_merge([rle.counts for rle in rles], *size))


def write_shapes(
    segment: Segment, sample: Sample, label: str, rle: Rle | None
) -> list[tuple[int | None, Shape]]:
    """Return ``(place or None, shape)`` for each part of a segment whose mask is ``rle``."""
    kept = _kept(segment, sample, label, rle)
    if kept is not None:
        return list(zip(segment.attributes.get(PLACES, [None] * len(kept)), kept, strict=True))
    flags = {name: True for name in FLAGS if getattr(segment, name) and label != IGNORE}
    base: dict[str, Any] = {"label": label, "group_id": None, "description": "", "flags": flags}
    if segment.score is not None:
        base["score"] = segment.score
    if rest := {k: v for k, v in segment.attributes.items() if k not in (SHAPES, PLACES)}:
        base["attributes"] = rest
    parts = _new_parts(segment, rle)
    if len(parts) > 1:
        base["group_id"] = segment.id
    return [(None, base | part) for part in parts]


def _kept(segment: Segment, sample: Sample, label: str, rle: Rle | None) -> list[Shape] | None:
    """The shapes of the source, where they still say what the segment is; else None."""
    rests = segment.attributes.get(SHAPES)
    if not isinstance(rests, list) or not rests or not all(isinstance(rest, dict) for rest in rests):
        return None
    polygons = list(segment.polygons or ())
    shapes: list[dict[str, Any]] = []
    for i, rest in enumerate(rests):
        points = {} if "points" in rest or i >= len(polygons) else {"points": _pairs(polygons[i])}
        shapes.append({"label": label, **points, **rest})
    size = sample.height, sample.width
    try:
        (again,), others = read_shapes(shapes, size, {label: segment.category_id})
    except ValueError:  # not read from such shapes, or changed since
        return None
    same = (again.iscrowd, again.ignore, again.score) == (segment.iscrowd, segment.ignore, segment.score)
    drawn = again.to_rle(*size)
    return list(shapes) if same and not others and rle is not None and drawn == rle else None


def _pairs(polygon: Polygon) -> list[list[float]]:
    return [[polygon[i], polygon[i + 1]] for i in range(0, len(polygon), 2)]


def _new_parts(segment: Segment, rle: Rle | None) -> list[dict[str, Any]]:
    if segment.polygons is not None:
        return [
            {"points": _pairs(_three(p)), "shape_type": "polygon", "mask": None} for p in segment.polygons
        ]
    if rle is not None:
        if (found := cut_out(rle)) is None:
            return []
        patch, x, y = found
        corners = [[x, y], [x + patch.shape[1] - 1, y + patch.shape[0] - 1]]
        png = to_base64(codec.encode_labels(patch))
        return [{"points": corners, "shape_type": "mask", "mask": png}]
    if segment.bbox is None:
        return []
    x0, y0, w, h = segment.bbox
    return [{"points": [[x0, y0], [x0 + w, y0 + h]], "shape_type": "rectangle", "mask": None}]


def _three(polygon: Polygon) -> Polygon:
    """At least three corners, as labelme wants them: the last one again covers nothing more."""
    return polygon + polygon[-2:] * max(0, 3 - len(polygon) // 2)
