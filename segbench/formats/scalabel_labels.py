"""One label of Scalabel's JSON: its region, category, flags and score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from segbench.canonical.categories import Categories
from segbench.canonical.rle import Rle
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.plain_json import check_size, need_items, need_points

ALIASES = {
    "bike": ("bicycle", False), "caravan": ("car", False), "motor": ("motorcycle", False),
    "person": ("pedestrian", False), "van": ("car", False), "other person": ("pedestrian", True),
    "other vehicle": ("car", True), "trailer": ("truck", True),
}  # fmt: skip
"""Other names of the classes of ``ins_seg`` and ``seg_track``, and whether such an object is ignored."""
_STEPS = 16
"""Lines that a curve becomes."""

Point = tuple[float, float]


class Known(NamedTuple):
    """What is known of a frame: height and width, classes, other names of these, tracks of its video."""

    size: tuple[int, int]
    categories: Categories
    aliases: Mapping[str, tuple[str, bool]]
    tracks: Mapping[str, int]


def read_label(label: Mapping[str, Any], known: Known, where: dict[str, Any]) -> Segment:
    """Return the segment of a label.

    Raises
    ------
    DataError
        When its category is unknown, or its region or score is none.
    """
    name, ignored = str(label.get("category")), False
    if name in known.aliases:
        name, ignored = known.aliases[name]
    said = label.get("attributes")
    attributes = dict(said) if isinstance(said, dict) else {}
    label_id = str(label.get("id"))
    number = int(label_id) if label_id.isascii() and label_id.isdecimal() and len(label_id) < 16 else 0
    return Segment(
        id=number,
        category_id=known.categories.by_name(name, **where).id,
        iscrowd=bool(attributes.pop("crowd", False)),
        ignore=bool(attributes.pop("ignored", False)) or ignored,
        score=_score(label.get("score"), where),
        track_id=known.tracks.get(label_id),
        source_id=None if str(number) == label_id else label_id,
        attributes=attributes,
        **_region(label, known.size, where),
    )


def has_region(label: Mapping[str, Any]) -> bool:
    """Tell whether a label has run lengths or an outline that is closed."""
    if label.get("rle") is not None:
        return True
    rows = label.get("poly2d")
    return rows is not None and not (
        isinstance(rows, list) and all(isinstance(row, dict) and row.get("closed") is False for row in rows)
    )


def _region(label: Mapping[str, Any], size: tuple[int, int], where: dict[str, Any]) -> dict[str, Any]:
    rle = label.get("rle")
    if rle is not None:
        if not isinstance(rle, dict):
            raise DataError("rle: is no object", **where)
        stated, counts = rle.get("size"), rle.get("counts")
        if not isinstance(counts, str) or not counts.isascii():
            raise DataError("rle: has no counts", **where)
        if not isinstance(stated, list) or len(stated) != 2 or check_size(*stated, **where) != size:
            raise DataError(f"rle: is of size {stated!r}, the image of {[*size]}", **where)
        return {"rle": Rle(*size, counts.encode("ascii")).check(**where), "source_kind": "rle"}
    file, field = where["file"], where["field"]
    rows = need_items(label, "poly2d", field=field, file=file, image_id=where["image_id"])
    polygons = tuple(tuple(v for point in _outline(row, where) for v in point) for row in rows)
    return {"polygons": polygons, "source_kind": "polygon"}


def _outline(row: Mapping[str, Any], where: dict[str, Any]) -> list[Point]:
    """The corners of a polygon, its curves as short lines.

    Raises
    ------
    DataError
        When it is a line, has no type for each vertex, or half a curve. The handles of a curve have type C,
        and its end may.
    """
    points, types = need_points(row.get("vertices"), **where), row.get("types")
    if row.get("closed") is not True:
        raise DataError("poly2d: is a line, no region", **where)
    if not isinstance(types, str) or len(types) != len(points) or types.strip("LC"):
        raise DataError("poly2d: has no type L or C for each vertex", **where)
    found, at = [points[0]], 1
    closed, kinds = [*points, points[0]], f"{types}L"
    while at < len(closed):
        if kinds[at] == "L":
            found.append(closed[at])
            at += 1
            continue
        if kinds[at : at + 3] not in ("CCC", "CCL"):
            raise DataError("poly2d: has a curve without two handles and an end", **where)
        found += _curve(found[-1], closed[at : at + 3])
        at += 3
    return found if len(found) > 3 else [*found, *[found[-1]] * (4 - len(found))]


def _curve(start: Point, rest: Sequence[Point]) -> Iterator[Point]:
    """Points on a cubic Bézier curve."""
    for step in range(1, _STEPS + 1):
        t = step / _STEPS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        points = (start, *rest)
        yield (
            sum(w * p[0] for w, p in zip(weights, points, strict=True)),
            sum(w * p[1] for w, p in zip(weights, points, strict=True)),
        )


def _score(value: Any, where: dict[str, Any]) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not isfinite(value):
        raise DataError("score: is no finite number", **where)
    return float(value)
