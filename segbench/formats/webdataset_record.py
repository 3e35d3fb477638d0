"""The JSON of a sample in a tar of ours: a row of the canonical form, written as people would read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from segbench.canonical.categories import Categories
from segbench.canonical.records import KINDS
from segbench.canonical.rle import Rle
from segbench.canonical.rows import COMMON, row_from_sample, sample_from_row
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.plain_json import check_size, dump_json

_SCHEMA = pa.schema([("file_name", pa.string()), *COMMON])
_NEEDED = ("id", "category_id", "iscrowd", "ignore", "source_kind")
_IDS = ("neg_category_ids", "not_exhaustive_category_ids")


def to_json(sample: Sample, categories: Categories, file_name: str) -> bytes:
    """Return what the JSON of a sample says: all of it but pixels of maps; what is null is left out.

    Raises
    ------
    DataError
        When a mask cannot be drawn, or a number is not finite.
    """
    row: dict[str, Any] = {"file_name": file_name, **row_from_sample(sample, categories)}
    row["extra"] = row["extra"] and json.loads(row["extra"])
    row["segments"] = [
        _without_null(
            {
                **s,
                "rle": s["rle"] and s["rle"].decode("ascii"),
                "attributes": s["attributes"] and json.loads(s["attributes"]),
            }
        )
        for s in row["segments"]
    ]
    return dump_json(_without_null(row), image_id=sample.image_id)


def from_json(
    content: Mapping[str, Any], categories: Categories, given: Mapping[str, Any], **where: Any
) -> Sample:
    """Return the sample of such a JSON.

    Parameters
    ----------
    content
        What it holds.
    categories
        Whose dense ids it has.
    given
        What :func:`segbench.canonical.rows.sample_from_row` is given beside the row.
    where
        ``file`` and ``image_id`` for messages.

    Raises
    ------
    DataError
        When a value is missing, of a wrong type or out of range.
    """
    row = _typed(content, where)
    check_size(row["height"], row["width"], field="height", **where)
    if row["image_id"] is None or row["overlap"] is None:
        raise DataError("is missing", field="image_id" if row["image_id"] is None else "overlap", **where)
    for name in _IDS:
        if not all(i in range(len(categories)) for i in row[name] or ()):
            raise DataError("has an id that is no category", field=name, **where)
    for place, segment in enumerate(row["segments"] or ()):
        _check_segment(segment, (row["height"], row["width"]), len(categories), f"segments[{place}]", where)
    _check_ids([segment["id"] for segment in row["segments"] or ()], row["overlap"], where)
    return sample_from_row(row, ignore_index=categories.ignore_index, **given)


def _without_null(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def _typed(content: Mapping[str, Any], where: dict[str, Any]) -> dict[str, Any]:
    """The row with every value of its type: pyarrow is the judge."""
    rows = content.get("segments", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("is no list of objects", field="segments", **where)
    row = {**content, "extra": _text(content.get("extra"), "extra", where)}
    row["segments"] = [
        {**s, "attributes": _text(s.get("attributes"), f"segments[{i}].attributes", where)}
        for i, s in enumerate(rows)
    ]
    try:
        typed: dict[str, Any] = pa.Table.from_pylist([row], schema=_SCHEMA).to_pylist()[0]
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"has a value of a wrong type: {reason}", **where) from None
    return typed


def _text(value: Any, field: str, where: dict[str, Any]) -> str | None:
    if value is not None and not isinstance(value, dict):
        raise DataError("is no object", field=field, **where)
    return None if value is None else json.dumps(value)


def _check_segment(
    segment: dict[str, Any], size: tuple[int, int], n_categories: int, field: str, where: dict[str, Any]
) -> None:
    for name in _NEEDED:
        if segment[name] is None:
            raise DataError("is missing", field=f"{field}.{name}", **where)
    if segment["category_id"] not in range(n_categories):
        message = f"{segment['category_id']} is none of the {n_categories} categories"
        raise DataError(message, field=f"{field}.category_id", **where)
    if segment["source_kind"] not in KINDS:
        raise DataError(f"is none of {', '.join(KINDS)}", field=f"{field}.source_kind", **where)
    if segment["bbox"] is not None and (len(segment["bbox"]) != 4 or None in segment["bbox"]):
        raise DataError("is no [x, y, width, height]", field=f"{field}.bbox", **where)
    polygons = segment["source_polygons"]
    if polygons is not None and any(polygon is None or None in polygon for polygon in polygons):
        raise DataError("has a polygon that is no list of numbers", field=f"{field}.source_polygons", **where)
    if segment["rle"] is not None:
        Rle(*size, segment["rle"]).check(field=f"{field}.rle", **where)


def _check_ids(ids: list[int], overlap: bool, where: dict[str, Any]) -> None:
    if not overlap and len(set(ids)) < len(ids):
        raise DataError("an id stands twice", field="segments", **where)
    if not overlap and not all(0 < i < 1 << 24 for i in ids):
        raise DataError(f"an id is none of 1 to {(1 << 24) - 1}", field="segments", **where)
