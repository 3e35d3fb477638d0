"""CVAT's elements as segments, with what the source wrote beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.rle import Rle
from segbench.canonical.segment import Box, Segment
from segbench.errors import DataError
from segbench.formats.patches import paste
from segbench.formats.xml_file import Node
from segbench.kernels import MAX_PIXELS

SHAPES, PLACES, ATTRIBUTES = "cvat", "places", "attributes"
"""Keys of ``Segment.attributes``: elements without label, outline and attributes; their places in the image;
``{name: text}`` of the first element's attributes."""

REGIONS = ("polygon", "mask", "box", "ellipse")

_FARTHEST = 1e8
_LEAST_CORNERS = 12
_TRUE = ("true", "1")

Polygon = tuple[float, ...]
Drawn = Polygon | Rle


def read_shapes(
    nodes: Sequence[Node], size: tuple[int, int], ids: Mapping[str, int], **where: Any
) -> tuple[tuple[Segment, ...], list[Any]]:
    """Return the segments of an image of this size, lowest first, and ``[place, node]`` of what is no region.

    Regions of one label and ``group_id`` are parts of one object.

    Raises
    ------
    DataError
        When a shape is none; ``where`` (file, image_id) goes into its message.
    """
    groups: dict[Any, list[int]] = {}
    heights: dict[Any, int] = {}
    others: list[Any] = []
    for place, (tag, attributes, _, _) in enumerate(nodes):
        if tag not in REGIONS:
            others.append([place, nodes[place]])
            continue
        group = attributes.get("group_id", "0").strip()
        key = place if group in ("", "0") else (attributes.get("label"), group)
        groups.setdefault(key, []).append(place)
        z = read_integer(attributes, "z_order", field=_field(nodes[place], place), default=0, **where)
        heights[key] = max(z, heights.get(key, z))
    order = sorted(groups, key=lambda key: (heights[key], groups[key][0]))
    starts = accumulate((len(groups[key]) for key in order), initial=0)
    segments = (
        _segment((number, start), {i: nodes[i] for i in groups[key]}, size, ids, where)
        for number, (start, key) in enumerate(zip(starts, order, strict=False), 1)
    )
    return tuple(segments), others


def _segment(
    at: tuple[int, int],
    parts: dict[int, Node],
    size: tuple[int, int],
    ids: Mapping[str, int],
    where: dict[str, Any],
) -> Segment:
    """The segment of this number, with so many elements below it."""
    (number, start), places = at, list(parts)
    first = parts[places[0]]
    label = first[1].get("label")
    if label not in ids:
        raise DataError("has no label", field=_field(first, places[0]), **where)
    said = {child[1]["name"]: child[2] for child in first[3] if _is_attribute(child)}
    single = len(parts) == 1
    attributes: dict[str, Any] = {SHAPES: [_rest(node, said, single=single) for node in parts.values()]}
    if said:
        attributes[ATTRIBUTES] = said
    if places != list(range(start, start + len(places))):
        attributes[PLACES] = places
    return Segment(
        id=number,
        category_id=ids[label],
        score=_score(said),
        attributes=attributes,
        iscrowd=said.get("is_crowd", "").lower() in _TRUE,
        ignore=said.get("ignore", "").lower() in _TRUE,
        **_outline(parts, size, where),
    )


def _outline(parts: dict[int, Node], size: tuple[int, int], where: dict[str, Any]) -> dict[str, Any]:
    """The fields of a segment that say where it is."""
    drawn = [_draw(node, size, field=_field(node, place), **where) for place, node in parts.items()]
    (first, *others) = parts.values()
    if first[0] == "box" and not others and not _is_turned(first[1]):
        return {"bbox": _box(first[1], field=_field(first, next(iter(parts))), **where), "source_kind": "box"}
    if not any(isinstance(d, Rle) for d in drawn):
        return {"polygons": tuple(drawn), "source_kind": "polygon"}
    return {"rle": _union(drawn, size), "source_kind": "rle"}


def _is_attribute(child: Node) -> bool:
    return child[0] == "attribute" and child[1].keys() == {"name"} and not child[3]


def _rest(node: Node, said: Mapping[str, str], *, single: bool) -> Node:
    """What is kept of an element beside its label, its outline and what stands in ``ATTRIBUTES``."""
    tag, attributes, text, children = node
    told = ("label", "points", "rle") if tag == "polygon" or single else ("label",)
    kept = {k: v for k, v in attributes.items() if k not in told}
    pairs = [(c[1]["name"], c[2]) if _is_attribute(c) else None for c in children]
    return [tag, kept, text, None if pairs == list(said.items()) else children]


def _score(said: Mapping[str, str]) -> float | None:
    try:
        score = float(said.get("score", "nan"))
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def _draw(node: Node, size: tuple[int, int], **where: Any) -> Drawn:
    tag, attributes = node[0], node[1]
    if tag == "polygon":
        return _points(attributes.get("points", ""), **where)
    if tag == "mask":
        return _mask(attributes, size, **where)
    if tag == "box":
        x, y, w, h = _box(attributes, **where)
        return _turned(
            [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], (x + w / 2, y + h / 2), attributes, where
        )
    return _ellipse(attributes, where)


def _points(text: str, **where: Any) -> Polygon:
    """``x,y;x,y;…`` as a flat polygon."""
    pairs = [pair.split(",") for pair in text.split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError("points are no list x,y;x,y;…", **where)
    return tuple(_number(v, **where) for pair in pairs for v in pair)


def _box(attributes: Mapping[str, str], **where: Any) -> Box:
    left, top, right, bottom = (_float(attributes, key, **where) for key in ("xtl", "ytl", "xbr", "ybr"))
    (left, right), (top, bottom) = sorted((left, right)), sorted((top, bottom))
    return left, top, right - left, bottom - top


def _ellipse(attributes: Mapping[str, str], where: dict[str, Any]) -> Polygon:
    """A polygon that is nowhere a pixel off the ellipse."""
    cx, cy, rx, ry = (_float(attributes, key, **where) for key in ("cx", "cy", "rx", "ry"))
    radius = max(abs(rx), abs(ry))
    n = _LEAST_CORNERS if radius <= 1 else max(_LEAST_CORNERS, int(math.pi / math.acos(1 - 1 / radius)))
    angles = 2 * math.pi / n * np.arange(n)
    corners = np.column_stack([cx + rx * np.cos(angles), cy + ry * np.sin(angles)])
    return _turned(corners.tolist(), (cx, cy), attributes, where)


def _is_turned(attributes: Mapping[str, str]) -> bool:
    return attributes.get("rotation", "0").strip().rstrip("0").rstrip(".") not in ("", "0")


def _turned(
    corners: Sequence[Sequence[float]],
    center: tuple[float, float],
    attributes: Mapping[str, str],
    where: dict[str, Any],
) -> Polygon:
    """The corners as a flat polygon, turned clockwise by the degrees of ``rotation``."""
    if not _is_turned(attributes):
        return tuple(float(v) for corner in corners for v in corner)
    angle = math.radians(_float(attributes, "rotation", **where))
    cos, sin = math.cos(angle), math.sin(angle)
    offsets = [(x - center[0], y - center[1]) for x, y in corners]
    return tuple(
        v for x, y in offsets for v in (center[0] + x * cos - y * sin, center[1] + x * sin + y * cos)
    )


def _mask(attributes: Mapping[str, str], size: tuple[int, int], **where: Any) -> Rle:
    """Run lengths of a patch, row by row, the first of zeros."""
    left, top, width, height = (
        read_integer(attributes, k, **where) for k in ("left", "top", "width", "height")
    )
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise DataError(f"is a mask of {width}×{height} pixels; at most {MAX_PIXELS} are read", **where)
    try:
        runs = np.array(attributes.get("rle", "").split(","), np.int64)
    except (ValueError, OverflowError):
        raise DataError("rle is no list of integers", **where) from None
    if runs.min() < 0 or runs.max() > MAX_PIXELS or int(runs.sum()) != width * height:
        raise DataError(f"rle has not the {width * height} pixels of a mask of {width}×{height}", **where)
    patch = np.repeat(np.arange(len(runs)) & 1, runs).astype(np.uint8)
    return paste(patch.reshape(height, width), left, top, size)


def _union(drawn: Sequence[Drawn], size: tuple[int, int]) -> Rle:
    rles = [d if isinstance(d, Rle) else Rle.from_polygons([d], *size) for d in drawn]
    return rles[0] if len(rles) == 1 else Rle(*size, kernels.rle_merge([rle.counts for rle in rles], *size))


def _field(node: Node, place: int) -> str:
    return f"{node[0]} {place + 1}"


def _float(attributes: Mapping[str, str], key: str, *, field: str, **where: Any) -> float:
    return _number(attributes.get(key, ""), field=f"{field}: {key}", **where)


def _number(text: str, **where: Any) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _FARTHEST:
        raise DataError(f"has {text[:40]!r}, which is no finite number up to {_FARTHEST:g}", **where)
    return value


def read_integer(
    attributes: Mapping[str, str], key: str, *, field: str, default: int | None = None, **where: Any
) -> int:
    """Return an attribute that is an integer of 32 bits; errors name the field and the key."""
    text = attributes.get(key)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        value = 1 << 31
    if abs(value) >= 1 << 31:
        raise DataError(f"is no integer: {(text or '')[:40]!r}", field=f"{field}: {key}", **where)
    return value
