"""Supervisely's objects as segments, and back: what the source wrote is kept, and written while true."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical import images as codec
from segbench.canonical import pillow
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, did_you_mean
from segbench.formats.coco_fields import read_number
from segbench.formats.fill_poly import Ring, fill_poly
from segbench.formats.patches import cut_out, from_base64, inflate, paste, to_base64
from segbench.formats.plain_json import need_items, need_points, parse_json

OBJECTS, PLACES = "objects", "places"
"""Keys of ``Segment.attributes``: the objects as they were; their places in the list."""

SCORE, REST = "confidence", "segbench"
"""Tags of an object: a prediction's score, as Supervisely's models call it; other attributes, as JSON."""

FLAGS = ("iscrowd", "ignore")
"""Tags of an object that are fields of a segment."""

REGIONS = ("bitmap", "alpha_mask", "polygon", "multipolygon", "rectangle")

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Classes:
    """The category of each title, and the geometry of each class (``any`` where there is no entry)."""

    ids: Mapping[str, int]
    shapes: Mapping[str, str] = field(default_factory=dict)


def shape_of(item: Object, shapes: Mapping[str, str]) -> str:
    """The geometry of an object: what it states, else that of its class."""
    for stated in (item.get("geometryType"), item.get("shape"), shapes.get(str(item.get("classTitle")))):
        if isinstance(stated, str) and stated != "any":
            return stated
    return "none"


def read_objects(
    objects: list[dict[str, Any]],
    size: tuple[int, int],
    classes: Classes,
    **where: Any,
) -> tuple[tuple[Segment, ...], list[Any]]:
    """Return the segments of an image of this size, and ``[place, object]`` of what is no region.

    Polygons of one class and ``instance`` are parts of one object, as in Supervisely's own export to COCO.

    Raises
    ------
    DataError
        When an object is damaged; ``where`` (file, image_id) goes into its message.
    """
    groups: dict[Any, list[int]] = {}
    others: list[Any] = []
    for place, item in enumerate(objects):
        shape = shape_of(item, classes.shapes)
        if shape not in REGIONS:
            others.append([place, item])
            continue
        key = item.get("instance") if shape == "polygon" else None
        group = ("alone", place) if not isinstance(key, str) else (str(item.get("classTitle")), key)
        groups.setdefault(group, []).append(place)
    ids = _ids([objects[places[0]].get("id") for places in groups.values()])
    starts = accumulate(map(len, groups.values()), initial=0)
    segments = (
        _segment((segment_id, start), {i: objects[i] for i in places}, size, classes, where)
        for segment_id, start, places in zip(ids, starts, groups.values(), strict=False)
    )
    return tuple(segments), others


def _ids(stated: list[Any]) -> list[int]:
    """The ids that objects state, where each has one of its own; else 1, 2, …"""
    numbered = all(type(i) is int and 0 <= i < 1 << 63 for i in stated) and len(set(stated)) == len(stated)
    return stated if numbered else list(range(1, len(stated) + 1))


def _segment(
    at: tuple[int, int],
    parts: dict[int, dict[str, Any]],
    size: tuple[int, int],
    classes: Classes,
    where: dict[str, Any],
) -> Segment:
    """The segment of this id, with so many objects before it."""
    (segment_id, start), places = at, list(parts)
    first, field = parts[places[0]], f"objects[{places[0]}]"
    title = first.get("classTitle")
    if not isinstance(title, str) or title not in classes.ids:
        hint = did_you_mean(str(title), classes.ids)
        raise DataError(f"is {title!r}, which meta.json lacks.{hint}", field=f"{field}.classTitle", **where)
    attributes: dict[str, Any] = {OBJECTS: list(parts.values())}
    if places != list(range(start, start + len(places))):
        attributes[PLACES] = places
    tags = read_tags(first, field=field, **where)
    given: dict[str, Any] = {
        "id": segment_id,
        "category_id": classes.ids[title],
        "iscrowd": "iscrowd" in tags,
        "ignore": "ignore" in tags,
        "score": _score(tags.get(SCORE), field=f"{field}.tags.{SCORE}", **where),
        "attributes": _told(tags.get(REST), field=f"{field}.tags", **where) | attributes,
    }
    if shape_of(first, classes.shapes) == "rectangle":
        return Segment(**given, bbox=_box(first, field=field, **where), source_kind="box")
    drawn = [
        _draw(shape_of(part, classes.shapes), part, size, field=f"objects[{i}]", **where).counts
        for i, part in parts.items()
    ]
    return Segment(**given, rle=Rle(*size, kernels.rle_merge(drawn, *size)), source_kind="rle")


def read_tags(item: Object, *, field: str, **where: Any) -> dict[str, Any]:
    """Return ``{name: value or None}`` of an object's tags.

    Raises
    ------
    DataError
        When these are no list of names, or of objects with a name.
    """
    found = item.get("tags")
    if found is None:
        return {}
    rows = [{"name": t} if isinstance(t, str) else t for t in found] if isinstance(found, list) else found
    tags = need_items({"tags": rows}, "tags", field=field, **where)
    if any(not isinstance(tag.get("name"), str) for tag in tags):
        raise DataError("has a tag without a name", field=f"{field}.tags", **where)
    return {tag["name"]: tag.get("value") for tag in tags}


def _score(value: Any, **where: Any) -> float | None:
    """A tag of this name that holds a text says something else."""
    return None if value is None or isinstance(value, str) else read_number(value, **where)


def _told(text: Any, **where: Any) -> dict[str, Any]:
    if text is None:
        return {}
    found = parse_json(text, **where) if isinstance(text, str) else text
    if not isinstance(found, dict):
        raise DataError(f"the tag {REST!r} holds no JSON object", **where)
    return found


def _box(item: Object, **where: Any) -> tuple[float, float, float, float]:
    """A rectangle's two corners are pixels, both inside."""
    ((x0, y0), (x1, y1)) = _rings(item.get("points"), 2, **where)[0].tolist()
    left, right, top, bottom = *sorted((x0, x1)), *sorted((y0, y1))
    return float(left), float(top), float(right - left + 1), float(bottom - top + 1)


def _draw(shape: str, item: Object, size: tuple[int, int], *, field: str, **where: Any) -> Rle:
    if shape in ("bitmap", "alpha_mask"):
        return _read_bitmap(item.get("bitmap"), size, field=f"{field}.bitmap", **where)
    if shape == "polygon":
        return Rle.from_mask(_fill(item.get("points"), size, field=f"{field}.points", **where))
    parts = need_items(item, "parts", field=field, **where)
    masks = [_fill(part, size, field=f"{field}.parts[{i}]", **where) for i, part in enumerate(parts)]
    return Rle.from_mask(np.any([np.zeros(size, np.uint8), *masks], 0))


def _fill(points: Any, size: tuple[int, int], **where: Any) -> NDArray[np.uint8]:
    """What the outer ring covers without what the inner ones do, outlines too: as Supervisely draws it."""
    exterior, *interior = _rings(points, None, **where)
    mask = fill_poly([exterior], size)
    if interior:
        mask[fill_poly(interior, size) != 0] = 0
    return mask


def _rings(points: Any, corners: int | None, *, field: str, **where: Any) -> list[Ring]:
    """The outer and the inner rings, in whole pixels: Supervisely takes the floor of fractions."""
    if not isinstance(points, dict):
        raise DataError("is missing, or no object with exterior and interior", field=field, **where)
    inner = points.get("interior") or []
    if not isinstance(inner, list):
        raise DataError("is no list of rings", field=f"{field}.interior", **where)
    found = []
    for name, ring in (
        ("exterior", points.get("exterior")),
        *((f"interior[{i}]", r) for i, r in enumerate(inner)),
    ):
        pairs = need_points(ring, field=f"{field}.{name}", **where)
        found.append(np.floor(np.array(pairs)).astype(np.int64))
    if corners is not None and len(found[0]) != corners:
        raise DataError(f"a rectangle has {len(found[0])} points", field=f"{field}.exterior", **where)
    return found


def _read_bitmap(bitmap: Any, size: tuple[int, int], *, field: str, **where: Any) -> Rle:
    """A PNG that zlib packed, inside where it is not transparent; one not packed, where it is not black."""
    if not isinstance(bitmap, dict):
        raise DataError("is missing, or no object with data and origin", field=field, **where)
    ((x, y),) = need_points([bitmap.get("origin")], field=f"{field}.origin", **where)
    where["field"] = f"{field}.data"
    packed = from_base64(bitmap.get("data"), **where)
    png = inflate(packed, **where)
    patch: NDArray[Any] = (
        np.any(codec.decode_image(packed, **where), 0) if png is None else codec.decode_cover(png, **where)
    )
    return paste(patch, math.floor(x), math.floor(y), size)


def write_objects(
    segment: Segment, sample: Sample, title: str, rle: Rle | None, shapes: Mapping[str, str]
) -> list[tuple[int | None, dict[str, Any]]]:
    """Return ``(place or None, object)`` for each object of a segment whose mask is ``rle``."""
    kept = _kept(segment, sample, title, rle, shapes)
    if kept is not None:
        return list(zip(segment.attributes.get(PLACES, [None] * len(kept)), kept, strict=True))
    geometry = _geometry(segment, rle)
    if geometry is None:
        return []
    tags: list[dict[str, Any]] = [{"name": name} for name in FLAGS if getattr(segment, name)]
    if segment.score is not None:
        tags.append({"name": SCORE, "value": segment.score})
    if rest := {k: v for k, v in segment.attributes.items() if k not in (OBJECTS, PLACES)}:
        tags.append({"name": REST, "value": json.dumps(rest, ensure_ascii=False)})
    said = {"id": segment.id, "classTitle": title, "description": "", "tags": tags}
    return [(None, said | geometry | {"nnCreated": False, "nnUpdated": False})]


def _kept(
    segment: Segment, sample: Sample, title: str, rle: Rle | None, shapes: Mapping[str, str]
) -> list[dict[str, Any]] | None:
    """The objects of the source, where they still say what the segment is; else None."""
    found = segment.attributes.get(OBJECTS)
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        return None
    objects = [_titled(item, title, shapes) for item in found]
    size = sample.height, sample.width
    try:
        (again,), others = read_objects(objects, size, Classes({title: segment.category_id}))
    except ValueError:  # not read from such objects, or changed since
        return None
    same = not others and _said(again) == _said(segment) and again.to_rle(*size) == rle
    return objects if same and (segment.id == again.id or "id" not in objects[0]) else None


def _titled(item: Object, title: str, shapes: Mapping[str, str]) -> dict[str, Any]:
    """An object under the name of its category, which states its geometry itself."""
    stated = {} if shape_of(item, {}) != "none" else {"geometryType": shape_of(item, shapes)}
    renamed = item.get("classTitle") != title
    return (
        {k: v for k, v in item.items() if not (renamed and k == "classId")} | {"classTitle": title} | stated
    )


def _said(segment: Segment) -> tuple[Any, ...]:
    rest = {k: v for k, v in segment.attributes.items() if k not in (OBJECTS, PLACES)}
    box = segment.bbox if segment.source_kind == "box" else None
    return segment.iscrowd, segment.ignore, segment.score, rest, box


def _geometry(segment: Segment, rle: Rle | None) -> dict[str, Any] | None:
    if rle is not None:
        if (found := cut_out(rle)) is None:
            return None
        patch, x, y = found
        data = to_base64(zlib.compress(pillow.two_colors(patch)))
        return {"bitmap": {"data": data, "origin": [x, y]}, "geometryType": "bitmap", "shape": "bitmap"}
    if segment.bbox is None:
        return None
    left, top, right, bottom = corners_of(segment.bbox)
    points = {"exterior": [[left, top], [right, bottom]], "interior": []}
    return {"points": points, "geometryType": "rectangle", "shape": "rectangle"}


def corners_of(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that a box touches: the last ones are inside."""
    x, y, w, h = box
    left, top = math.floor(x), math.floor(y)
    return left, top, max(left, math.ceil(x + w) - 1), max(top, math.ceil(y + h) - 1)


def box_is_whole(box: tuple[float, float, float, float]) -> bool:
    """Tell whether a box is one of whole pixels, at least one wide and high."""
    left, top, right, bottom = corners_of(box)
    return box == (left, top, right - left + 1, bottom - top + 1)
