"""Segments as CVAT's elements: those of the source while they are true, else new ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats.cvat_shapes import ATTRIBUTES, PLACES, SHAPES, Polygon, read_integer, read_shapes
from segbench.formats.cvat_stack import OPEN
from segbench.formats.patches import cut_out, row_runs
from segbench.formats.xml_file import Node
from segbench.kernels import MAX_PIXELS


def write_shapes(
    segment: Segment, sample: Sample, label: str, rle: Rle | None, free_group: int
) -> list[tuple[int | None, Node]]:
    """Return ``(place or None, element)`` for each part of a segment whose mask is ``rle``.

    ``free_group`` is a ``group_id`` that no other segment has; ``z_order`` of new elements is left open.
    """
    kept = _kept(segment, sample, label, rle)
    if kept is not None:
        return list(zip(segment.attributes.get(PLACES, [None] * len(kept)), kept, strict=True))
    score = None if segment.score is None else repr(segment.score)
    fields = {"is_crowd": segment.iscrowd and "true", "ignore": segment.ignore and "true", "score": score}
    said = texts(segment) | {name: text for name, text in fields.items() if text}
    children = [["attribute", {"name": name}, text, []] for name, text in said.items()]
    parts = _new_parts(segment, rle)
    group = {"group_id": str(free_group)} if len(parts) > 1 else {}
    base = {"label": label, "source": "file", "occluded": "0"}
    return [(None, [tag, base | outline | {"z_order": OPEN} | group, "", children]) for tag, outline in parts]


def texts(segment: Segment) -> dict[str, str]:
    """What the source says of a segment, as CVAT's attributes: texts by name, others as JSON."""
    said = {k: v for k, v in segment.attributes.items() if k not in (SHAPES, PLACES, ATTRIBUTES)}
    named = segment.attributes.get(ATTRIBUTES)
    said = {**said, **named} if isinstance(named, dict) else said
    return {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in said.items()}


def kept_groups(segment: Segment) -> list[int]:
    """The groups that the elements of the source name."""
    found = segment.attributes.get(SHAPES)
    nodes = found if isinstance(found, list) else []
    names = [str(n[1].get("group_id", "")) for n in nodes if isinstance(n, list) and isinstance(n[1], dict)]
    return [int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 10]


def _kept(segment: Segment, sample: Sample, label: str, rle: Rle | None) -> list[Node] | None:
    """The elements of the source, where they still say what the segment is; else None."""
    rests, size = segment.attributes.get(SHAPES), (sample.height, sample.width)
    if not isinstance(rests, list) or not rests:
        return None
    said = segment.attributes.get(ATTRIBUTES, {})
    try:
        nodes = [
            _whole(rest, label, said, _outline_of(segment, i, rest, rle)) for i, rest in enumerate(rests)
        ]
        (again,), others = read_shapes(nodes, size, {label: segment.category_id})
    except (ValueError, TypeError, AttributeError):  # not read from such elements, or changed since
        return None
    same = _told(again) == _told(segment) and again.attributes.get(ATTRIBUTES, {}) == said
    drawn = again.to_rle(*size)
    return nodes if same and not others and drawn == rle else None


def _told(segment: Segment) -> tuple[Any, ...]:
    box = segment.bbox if segment.rle is None and segment.polygons is None else None
    return segment.iscrowd, segment.ignore, segment.score, box


def _whole(rest: Node, label: str, said: Mapping[str, str], outline: dict[str, str]) -> Node:
    tag, attributes, text, children = rest
    if children is None:
        children = [["attribute", {"name": name}, value, []] for name, value in said.items()]
    return [tag, {"label": label, **attributes, **outline}, text, children]


def _outline_of(segment: Segment, place: int, rest: Node, rle: Rle | None) -> dict[str, str]:
    """The outline of one element that is not kept with it: its polygon, or its mask cut out to its box."""
    tag, attributes = rest[0], rest[1]
    if tag == "polygon" and "points" not in attributes and segment.polygons is not None:
        return {"points": _points_text(segment.polygons[place])}
    if tag == "mask" and "rle" not in attributes and rle is not None:
        x, y, w, h = (read_integer(attributes, key, field=key) for key in ("left", "top", "width", "height"))
        if not 0 < w * h <= MAX_PIXELS or w < 1:
            raise ValueError("is no mask")
        patch = np.zeros((h, w), np.uint8)
        mask = rle.to_mask()
        above, before = max(0, -y), max(0, -x)
        inside = mask[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
        patch[above : above + inside.shape[0], before : before + inside.shape[1]] = inside
        return {"rle": _runs_text(patch)}
    return {}


def _points_text(polygon: Polygon) -> str:
    return ";".join(f"{_short(polygon[i])},{_short(polygon[i + 1])}" for i in range(0, len(polygon), 2))


def _runs_text(patch: NDArray[np.uint8]) -> str:
    return ", ".join(map(str, row_runs(patch)))


def _short(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _new_parts(segment: Segment, rle: Rle | None) -> list[tuple[str, dict[str, str]]]:
    """``(tag, outline)`` of each part; at least three corners, as CVAT wants them."""
    if segment.polygons is not None:
        padded = [p + p[-2:] * max(0, 3 - len(p) // 2) for p in segment.polygons]
        return [("polygon", {"points": _points_text(p)}) for p in padded]
    if rle is not None:
        if (found := cut_out(rle)) is None:
            return []
        patch, x, y = found
        place = {"left": x, "top": y, "width": patch.shape[1], "height": patch.shape[0]}
        return [("mask", {"rle": _runs_text(patch), **{k: str(v) for k, v in place.items()}})]
    if segment.bbox is None:
        return []
    x0, y0, w, h = segment.bbox
    ends = {"xtl": x0, "ytl": y0, "xbr": x0 + w, "ybr": y0 + h}
    return [("box", {k: _short(float(v)) for k, v in ends.items()})]
