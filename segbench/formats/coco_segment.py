"""One COCO annotation or result as a Segment, and back; polygons and run lengths stay verbatim."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment, SourceKind
from segbench.errors import DataError
from segbench.formats.coco_fields import need, need_int, read_box, read_flag, read_number, read_optional
from segbench.formats.coco_write import short

_KNOWN = {"id", "image_id", "category_id", "segmentation", "bbox", "area", "iscrowd", "score"}
_FARTHEST = 1e8
_Mask = tuple[Rle | None, tuple[tuple[float, ...], ...] | None, SourceKind]


def read_segment(
    item: Mapping[str, Any],
    categories: Categories,
    size: tuple[int, int],
    *,
    field: str,
    number: int | None = None,
    **where: Any,
) -> Segment:
    """Turn an annotation, or the result of this number, into a segment of an image of this size.

    Raises
    ------
    DataError
        When a key is missing or wrong; ``where`` and ``field`` go into its message.
    """
    rle, polygons, kind = _read_mask(item.get("segmentation"), size, field=f"{field}.segmentation", **where)
    box = read_box(item.get("bbox"), field=f"{field}.bbox", **where)
    category_id = need_int(item, "category_id", field=field, **where)
    if number is not None:
        need(item, "score", (int, float), field=field, **where)
        if kind == "box" and box is None:
            raise DataError("the result has neither a segmentation nor a bbox", field=field, **where)
    return Segment(
        id=need_int(item, "id", field=field, **where) if number is None else number,
        category_id=categories.by_source_id(category_id, field=f"{field}.category_id", **where).id,
        iscrowd=read_flag(item, "iscrowd", field=field, **where),
        ignore=read_flag(item, "ignore", field=field, **where),
        source_area=read_optional(item, "area", field=field, **where),
        bbox=box,
        rle=rle,
        polygons=polygons,
        source_kind=kind,
        score=read_optional(item, "score", field=field, **where),
        attributes={k: v for k, v in item.items() if k not in _KNOWN},
    )


def write_segments(sample: Sample, categories: Categories, source_id: int | str) -> Iterator[dict[str, Any]]:
    """Yield the annotations of one image; stuff segments of a segment map are no instances and left out."""
    segments = [
        s for s in sample.segments if sample.overlap or categories[s.category_id].isthing is not False
    ]
    for segment, rle in zip(segments, _rles(sample, segments), strict=True):
        bbox = segment.bbox or (rle.bbox if rle else None)
        area = segment.source_area
        if area is None:
            area = rle.area if rle else bbox[2] * bbox[3] if bbox else 0
        row = {
            "id": segment.id,
            "image_id": source_id,
            "category_id": categories[segment.category_id].key,
            "iscrowd": int(segment.iscrowd),
            "ignore": 1 if segment.ignore else None,
            "area": short(area),
            "bbox": None if bbox is None else [short(v) for v in bbox],
            "segmentation": _write_mask(segment, rle),
            "score": segment.score,
        }
        yield dict(segment.attributes) | {k: v for k, v in row.items() if v is not None}


def _rles(sample: Sample, segments: list[Segment]) -> list[Rle | None]:
    size = sample.height, sample.width
    if sample.kind != "panoptic":
        return [s.to_rle(*size) for s in segments]
    counts = kernels.segment_rles(sample.segment_map, np.array([s.id for s in segments], np.int64))
    return [Rle(*size, c) for c in counts]


def _read_mask(value: Any, size: tuple[int, int], *, field: str, **where: Any) -> _Mask:
    if value is None or value == []:
        return None, None, "box"
    if isinstance(value, list):
        polygons = tuple(_read_polygon(p, field=f"{field}[{i}]", **where) for i, p in enumerate(value))
        return None, polygons, "polygon"
    if not isinstance(value, dict) or "counts" not in value:
        raise DataError("is neither a list of polygons nor run lengths", field=field, **where)
    if value.get("size") != list(size):
        stated = reprlib.repr(value.get("size"))
        raise DataError(
            f"is of size {stated}, the image of {list(size)} (height, width)", field=field, **where
        )
    counts = value["counts"]
    if isinstance(counts, list):
        if not set(map(type, counts)) <= {int}:
            raise DataError("has a run that is no integer", field=field, **where)
        return Rle.from_runs(counts, *size, field=field, **where), None, "runs"
    if not isinstance(counts, str) or not counts.isascii():
        raise DataError("counts are neither a list nor an ASCII string", field=field, **where)
    return Rle(*size, counts.encode("ascii")).check(field=field, **where), None, "rle"


def _read_polygon(points: Any, *, field: str, **where: Any) -> tuple[float, ...]:
    if not isinstance(points, list) or len(points) < 4 or len(points) % 2:
        raise DataError(
            f"a polygon is a flat list x0, y0, x1, y1, … of at least two points, not {reprlib.repr(points)}",
            field=field,
            **where,
        )
    if not set(map(type, points)) <= {int, float}:
        raise DataError("has a coordinate that is no number", field=field, **where)
    for value in points:
        if not abs(value) <= _FARTHEST:  # NaN too
            read_number(value, field=field, **where)
            raise DataError(
                f"has the coordinate {value:g}; none may lie beyond {_FARTHEST:g}", field=field, **where
            )
    return tuple(map(float, points))


def _write_mask(segment: Segment, rle: Rle | None) -> Any:
    if segment.polygons is not None:
        return [[short(v) for v in polygon] for polygon in segment.polygons]
    if rle is None:
        return [] if segment.score is None else None
    counts: Any = rle.runs.tolist() if segment.source_kind == "runs" else rle.counts.decode("ascii")
    return {"size": [rle.height, rle.width], "counts": counts}
