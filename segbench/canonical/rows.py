"""One row a sample: the schema that both layouts share, and the way there and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from segbench import kernels
from segbench.canonical.categories import Categories
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment

SEGMENT = pa.struct(
    [
        ("id", pa.int64()),
        ("source_id", pa.string()),
        ("category_id", pa.int32()),
        ("isthing", pa.bool_()),
        ("iscrowd", pa.bool_()),
        ("ignore", pa.bool_()),
        ("area", pa.int64()),
        ("source_area", pa.float64()),
        ("bbox", pa.list_(pa.float64())),
        ("rle", pa.binary()),
        ("source_polygons", pa.list_(pa.list_(pa.float64()))),
        ("source_kind", pa.string()),
        ("track_id", pa.int64()),
        ("score", pa.float64()),
        ("attributes", pa.string()),
    ]
)
COMMON = [
    ("image_id", pa.string()),
    ("source_path", pa.string()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("exif_orientation", pa.int8()),
    ("image_sha256", pa.string()),
    ("record_sha256", pa.string()),
    ("overlap", pa.bool_()),
    ("segments", pa.list_(SEGMENT)),
    ("neg_category_ids", pa.list_(pa.int32())),
    ("not_exhaustive_category_ids", pa.list_(pa.int32())),
    ("video_id", pa.string()),
    ("frame", pa.int64()),
    ("extra", pa.string()),
]
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PICTURES = ("image", "mask", "segment_map")
FOLDER_NAMES = {"image": "file_name", "mask": "mask_file_name", "segment_map": "segment_map_file_name"}
FOLDER_SCHEMA = pa.schema([(FOLDER_NAMES[p], pa.string()) for p in PICTURES] + COMMON)
PACKED_SCHEMA = pa.schema([(p, PICTURE) for p in PICTURES] + COMMON)


def row_from_sample(sample: Sample, categories: Categories) -> dict[str, Any]:
    """Return the columns that both layouts share, but ``exif_orientation`` and ``image_sha256``."""
    return {
        "image_id": sample.image_id,
        "source_path": sample.source_path,
        "height": sample.height,
        "width": sample.width,
        "record_sha256": sample.record_sha256,
        "overlap": sample.overlap,
        "segments": _segment_rows(sample, categories),
        "neg_category_ids": sample.neg_category_ids,
        "not_exhaustive_category_ids": sample.not_exhaustive_category_ids,
        "video_id": sample.video_id,
        "frame": sample.frame,
        "extra": json.dumps(dict(sample.extra)) if sample.extra else None,
    }


def sample_from_row(
    row: Mapping[str, Any],
    *,
    ignore_index: int,
    overlap_policy: str,
    image_file: ImageFile | None,
    load_mask: Callable[[], Any] | None,
    load_segment_map: Callable[[], Any] | None,
) -> Sample:
    """Inverse of :func:`row_from_sample`, given where the pictures are."""
    size = row["height"], row["width"]
    return Sample(
        image_id=row["image_id"],
        height=size[0],
        width=size[1],
        segments=tuple(_segment(s, *size) for s in row["segments"] or ()),
        overlap=row["overlap"],
        overlap_policy=overlap_policy,
        ignore_index=ignore_index,
        image_file=image_file,
        load_mask=load_mask,
        load_segment_map=load_segment_map,
        source_path=row["source_path"],
        neg_category_ids=_ids(row["neg_category_ids"]),
        not_exhaustive_category_ids=_ids(row["not_exhaustive_category_ids"]),
        video_id=row["video_id"],
        frame=row["frame"],
        extra=json.loads(row["extra"]) if row["extra"] else {},
    )


def _segment_rows(sample: Sample, categories: Categories) -> list[dict[str, Any]]:
    rles = [_rle(segment, sample) for segment in sample.segments]
    areas = _areas(sample, rles)
    return [
        {
            "id": s.id,
            "source_id": s.source_id,
            "category_id": s.category_id,
            "isthing": categories[s.category_id].isthing,
            "iscrowd": s.iscrowd,
            "ignore": s.ignore,
            "area": area,
            "source_area": s.source_area,
            "bbox": s.bbox,
            "rle": None if rle is None else rle.counts,
            "source_polygons": s.polygons,
            "source_kind": s.source_kind,
            "track_id": s.track_id,
            "score": s.score,
            "attributes": json.dumps(dict(s.attributes)) if s.attributes else None,
        }
        for s, rle, area in zip(sample.segments, rles, areas, strict=True)
    ]


def _rle(segment: Segment, sample: Sample) -> Rle | None:
    try:
        rle = segment.to_rle(sample.height, sample.width)
        if rle is None:
            return None
        if (rle.height, rle.width) != (sample.height, sample.width):
            raise ValueError(f"is {rle.width}×{rle.height} pixels, the image {sample.width}×{sample.height}")
        return rle.check()
    except ValueError as error:
        raise sample.error(str(error), f"segment {segment.id}") from None


def _areas(sample: Sample, rles: list[Rle | None]) -> list[int | None]:
    """Pixels of each segment, from its run lengths or from the segment map; None for a box."""
    found: dict[int, int] = {}
    if sample.load_segment_map is not None:
        ids, counts = kernels.id_counts(sample.segment_map)
        found = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    drawn = [rle.counts for rle in rles if rle is not None]
    areas = iter(kernels.rle_measure(drawn, sample.height, sample.width)[0].tolist() if drawn else [])
    return [
        next(areas) if rle is not None else found.get(s.id, 0 if sample.load_segment_map else None)
        for s, rle in zip(sample.segments, rles, strict=True)
    ]


def _segment(row: Mapping[str, Any], height: int, width: int) -> Segment:
    polygons = row["source_polygons"]
    return Segment(
        id=row["id"],
        category_id=row["category_id"],
        iscrowd=row["iscrowd"],
        ignore=row["ignore"],
        source_area=row["source_area"],
        bbox=None if row["bbox"] is None else tuple(row["bbox"]),
        rle=None if row["rle"] is None else Rle(height, width, row["rle"]),
        polygons=None if polygons is None else tuple(map(tuple, polygons)),
        source_kind=row["source_kind"],
        score=row["score"],
        track_id=row["track_id"],
        source_id=row["source_id"],
        attributes=json.loads(row["attributes"]) if row["attributes"] else {},
    )


def _ids(values: Any) -> tuple[int, ...] | None:
    return None if values is None else tuple(np.asarray(values, np.int64).tolist())
