"""Cells of Hugging Face tables: pictures, masks and segments; and the ids of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.paths import inside
from segbench.canonical.sample import ImageFile
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import coco_fields as fields
from segbench.formats.png_ids import read_file
from segbench.kernels import LabelRuns

if TYPE_CHECKING:
    from segbench.formats.hf_columns import Columns

_SEGMENT = ("id", "category_id", "iscrowd", "isthing", "area", "bbox")


def no_field(where: dict[str, Any]) -> dict[str, Any]:
    """Return where an error is, but for its field."""
    return {key: value for key, value in where.items() if key != "field"}


def stored_runs(cell: Any, where: dict[str, Any]) -> LabelRuns:
    """Return the ids of a mask as they are stored: in a PNG, or as rows of numbers."""
    if not isinstance(cell, list):
        return codec.decode_label_runs(cell_bytes(cell, where), **no_field(where))
    try:
        array = np.array(cell, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise DataError("is no rectangle of numbers", **where) from None
    if array.ndim != 2 or not array.size or array.min() < 0 or array.max() > 65_535:
        raise DataError("is no map of ids 0 to 65535", **where)
    return LabelRuns.of(array.astype(np.uint8 if array.max() < 256 else np.uint16))


def cell_bytes(cell: Any, where: dict[str, Any]) -> bytes:
    """Return what a cell of a picture holds: its bytes, or the file that it names."""
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, cell)
    data = cell if isinstance(cell, bytes) else data
    if isinstance(data, bytes):
        return data
    if not isinstance(path, str) or not path:
        raise DataError("there is no mask; open the splits that have one (--split)", **where)
    return read_file(
        inside(where["file"].parent, path, **where), image_id=where["image_id"], field=where["field"]
    )


def image_file(cell: Any, image_id: str, where: dict[str, Any]) -> ImageFile | None:
    """Return the picture of a cell, named like its image; None where there is none."""
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, cell)
    data = cell if isinstance(cell, bytes) else data
    if data is None:
        if not isinstance(path, str) or not path:
            return None
        return ImageFile(name=path, path=inside(where["file"].parent, path, **where))
    suffix = PurePosixPath(path).suffix if isinstance(path, str) else ""
    suffix = suffix or (".jpg" if data.startswith(codec.JPEG_SIGNATURE) else ".png")
    return ImageFile(name=f"{image_id}{suffix}", data=data)


def segments(value: Any, categories: Categories, **where: Any) -> tuple[Segment, ...]:
    """Return the segments of a panoptic mask.

    Raises
    ------
    DataError
        When one is none, of an unknown category, or an id stands twice.
    """
    found = [_segment(row, categories, **where) for row in segment_rows(value, **where)]
    if len({segment.id for segment in found}) < len(found):
        raise DataError("an id stands twice", **where)
    return tuple(found)


def _segment(row: Mapping[str, Any], categories: Categories, **where: Any) -> Segment:
    field = where["field"]
    segment_id = fields.need_int(row, "id", **where)
    if not 0 < segment_id < 1 << 24:
        raise DataError(f"the id {segment_id} is out of range: a picture holds 1 to {(1 << 24) - 1}", **where)
    return Segment(
        id=segment_id,
        category_id=categories.by_source_id(fields.need_int(row, "category_id", **where), **where).id,
        iscrowd=fields.read_flag(row, "iscrowd", **where),
        source_area=fields.read_optional(row, "area", **where),
        bbox=fields.read_box(row.get("bbox"), **{**where, "field": f"{field}.bbox"}),
        attributes=plain({k: v for k, v in row.items() if k not in _SEGMENT}),
    )


def segment_rows(value: Any, **where: Any) -> list[Mapping[str, Any]]:
    """Return the rows of segments, also of columns of lists, as older versions of ``datasets`` write them."""
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        value = [dict(zip(value, cells, strict=False)) for cells in zip(*value.values(), strict=False)]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DataError("is no list of segments", **where)
    return value


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: dates and others become text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def image_ids(splits: Mapping[str, Sequence[Any]], columns: Columns) -> tuple[list[str], dict[str, int]]:
    """Return an id for each row, and the size of each split.

    The id is that of its column, or the name of its picture, where all differ; else its number.
    """
    counts = {split: sum(map(len, tables)) for split, tables in splits.items()}
    for ids in _candidates(splits, columns):
        prefixed = [f"{split}/{i}" for split, found in ids.items() for i in found]
        plain = [i for found in ids.values() for i in found]
        for names in (plain, prefixed):
            if all(plain) and len(set(names)) == len(names):
                return names, counts
    several = len(counts) > 1
    return [f"{s}/{i:06d}" if several else f"{i:06d}" for s, n in counts.items() for i in range(n)], counts


def _candidates(splits: Mapping[str, Sequence[Any]], columns: Columns) -> Iterator[dict[str, list[str]]]:
    if columns.key is not None:
        yield {
            split: [_text(v) for t in tables for v in t.column(columns.key)]
            for split, tables in splits.items()
        }
    for name in filter(None, (columns.image, columns.mask)):
        yield {split: list(_stems(tables, name)) for split, tables in splits.items()}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _stems(tables: Sequence[Any], name: str) -> Iterator[str]:
    """Names of pictures without suffix; paths of the machine that packed them are cut to the file's."""
    for table in tables:
        kind = table.schema.field(name).type
        whole = not hasattr(kind, "get_field_index")
        if whole and str(kind) not in ("string", "large_string"):
            yield from [""] * len(table)
            continue
        for value in table.column(name if whole else f"{name}.path"):
            path = PurePosixPath(value.replace("\\", "/")) if isinstance(value, str) else PurePosixPath()
            yield path.with_suffix("").as_posix() if whole and path.name else path.stem
