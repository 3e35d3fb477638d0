"""Records: what the truth says of one image as bytes, the same for every way to write that down.

A record is a head (:func:`head_bytes`) and its segments (:func:`segment_bytes`), sorted as bytes. The kernel
``instance_records`` writes the segments of a table the same way. Of semantic and panoptic images the runs of
the map follow (:func:`map_bytes`). Numbers are little-endian. The head is six
i64 (kind, height, width, lengths of the two lists or -1, length of the id), the id and the lists. A segment::

    u8   flags: 1 crowd, 2 ignore, 4 area, 8 bbox, 16 score, 32 track_id, 64 source_id
    u8   place of the kind in KINDS, plus 8 where a run-length string follows, 16 where polygons do
    i64  id, i64 category id
    f64  area, f64 x 4 bbox, f64 score, i64 track_id, those that are there
    u64  length and text of source_id, where it is there
    u64  length and text of the mask; polygons as f64: their number of values and the values, one by one
    u64  length and text of the attributes as JSON, 0 where there are none
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from segbench.canonical.segment import Segment
    from segbench.kernels import LabelRuns

_HEAD = struct.Struct("<6q")
_HEAD_KINDS = {"semantic": 0, "instance": 1, "panoptic": 2}
KINDS = ("map", "polygon", "rle", "runs", "box")


def head_bytes(
    image_id: str,
    size: tuple[int, int],
    kind: str,
    neg_category_ids: Sequence[int] | None,
    not_exhaustive_category_ids: Sequence[int] | None,
) -> bytes:
    """Return what a record says of the image itself."""
    text = image_id.encode("utf-8", "surrogatepass")
    lists = [ids for ids in (neg_category_ids, not_exhaustive_category_ids) if ids]
    lengths = (-1 if ids is None else len(ids) for ids in (neg_category_ids, not_exhaustive_category_ids))
    head = _HEAD.pack(_HEAD_KINDS[kind], *size, *lengths, len(text)) + text
    return b"".join([head, *(struct.pack(f"<{len(ids)}q", *ids) for ids in lists)]) if lists else head


def segment_bytes(segment: Segment) -> bytes:
    """Return everything that the source says of a segment: 3 and 3.0 are the same."""
    mask, shape = _mask(segment)
    flags = (
        (1 if segment.iscrowd else 0)
        | (2 if segment.ignore else 0)
        | (0 if segment.source_area is None else 4)
        | (0 if segment.bbox is None else 8)
        | (0 if segment.score is None else 16)
        | (0 if segment.track_id is None else 32)
        | (0 if segment.source_id is None else 64)
    )
    parts = [
        struct.pack("<BBqq", flags, KINDS.index(segment.source_kind) + shape, segment.id, segment.category_id)
    ]
    if segment.source_area is not None:
        parts.append(struct.pack("<d", segment.source_area))
    if segment.bbox is not None:
        parts.append(struct.pack("<4d", *segment.bbox))
    if segment.score is not None:
        parts.append(struct.pack("<d", segment.score))
    if segment.track_id is not None:
        parts.append(struct.pack("<q", segment.track_id))
    if segment.source_id is not None:
        parts.append(_text(segment.source_id.encode("utf-8", "surrogatepass")))
    attributes = _one_line(dict(segment.attributes)).encode() if segment.attributes else b""
    return b"".join([*parts, _text(mask), _text(attributes)])


def map_bytes(runs: LabelRuns, kind: str) -> tuple[memoryview, memoryview]:
    """Return the runs of a label map or segment map: their ends as u32, their ids as u16 or u32."""
    stored = "<u4" if kind == "panoptic" else "<u2"
    return np.ascontiguousarray(runs.ends, "<u4").data, np.ascontiguousarray(runs.values, stored).data


def _mask(segment: Segment) -> tuple[bytes, int]:
    """The mask as text, and which kind of text it is; run lengths beside polygons are derived from them."""
    if segment.polygons:
        packed = (struct.pack(f"<{1 + len(p)}d", len(p), *p) for p in segment.polygons)
        return b"".join(packed), 16
    return (b"", 0) if segment.rle is None else (segment.rle.counts, 8)


def _text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def _one_line(value: Any) -> str:
    """JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
