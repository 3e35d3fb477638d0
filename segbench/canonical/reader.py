"""Reader of the canonical form, both layouts: a row group at a time, pictures when asked for."""

from __future__ import annotations

import json
import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.maps import OVERLAP_POLICIES, OVERLAP_POLICY
from segbench.canonical.parquet import check_size, stands_once
from segbench.canonical.paths import inside
from segbench.canonical.rows import FOLDER_SCHEMA, PACKED_SCHEMA, sample_from_row
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.writer import FORMAT_VERSION
from segbench.errors import DataError

_SCHEMAS = {"folder": FOLDER_SCHEMA, "packed": PACKED_SCHEMA}
_FIELDS = {
    "name": str,
    "tasks": list,
    "layout": str,
    "categories": list,
    "ignore_index": int,
    "splits": dict,
    "extra": dict,
    "fingerprint": str,
}
_GROUPS_KEPT = 2
_GROUP_ROWS = 1 << 16
"""Rows of a row group at most: they are read together. Ours have 100."""
_REPEATED, _RATIO = 1 << 30, 100
"""Bytes of a column whose values stand once, were each row the largest; and times its packed bytes."""


def read_dataset(path: str | Path) -> Dataset:
    """Open a data set in the canonical form; its splits follow each other.

    Raises
    ------
    DataError
        When a file is missing, damaged, or of another format version.
    """
    root = Path(path)
    description = _read_description(root / "dataset.json")
    layout, splits = description["layout"], description["splits"]
    groups: list[_Group] = []
    for split, count in splits.items():
        found = [group for file in _split_files(root, split, layout) for group in _row_groups(file, layout)]
        n_rows = sum(group.n_rows for group in found)
        if n_rows != count:
            raise DataError(f"split {split!r} has {n_rows} rows, dataset.json says {count}", file=root)
        groups += found
    categories = Categories.from_json(description["categories"], file=root / "dataset.json")
    given = {"ignore_index": description["ignore_index"], "overlap_policy": _policy(description, root)}
    return Dataset(
        name=description["name"],
        categories=categories,
        image_ids=_image_ids(groups),
        load=partial(_load, _Table(groups), given, len(categories)),
        tasks=description["tasks"],
        format="segbench",
        path=root,
        splits=splits,
        extra=description["extra"],
        fingerprint=description["fingerprint"],
    )


def _read_description(file: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", file=file) from None
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", file=file) from None
    if not isinstance(description, dict):
        raise DataError("is no JSON object", file=file)
    if description.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"is of format version {description.get('format_version')}; this segbench reads {FORMAT_VERSION}",
            file=file,
            field="format_version",
        )
    for field, kind in _FIELDS.items():
        if not isinstance(description.get(field), kind):
            raise DataError("is missing or of a wrong type", file=file, field=field)
    if description["layout"] not in _SCHEMAS:
        raise DataError(f"is none of {', '.join(_SCHEMAS)}", file=file, field="layout")
    return description


def _policy(description: dict[str, Any], root: Path) -> str:
    policy = description.get("overlap_policy") or OVERLAP_POLICY
    if policy not in OVERLAP_POLICIES:
        known = ", ".join(OVERLAP_POLICIES)
        raise DataError(f"is {policy!r}, none of {known}", file=root / "dataset.json", field="overlap_policy")
    return str(policy)


def _split_files(root: Path, split: str, layout: str) -> list[Path]:
    if layout == "folder":
        return [inside(root, f"{split}/metadata.parquet", file=root / "dataset.json", field="splits")]
    shard = re.compile(re.escape(split) + r"-\d{5}-of-(\d{5})\.parquet")
    found = {
        file: m for file in sorted((root / "data").glob("*.parquet")) if (m := shard.fullmatch(file.name))
    }
    if not found or {int(m[1]) for m in found.values()} != {len(found)}:
        raise DataError(
            f"split {split!r}: {len(found)} shards are there, not as many as their names say",
            file=root / "data",
        )
    return list(found)


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group of a Parquet file."""

    file: Path
    index: int
    n_rows: int


def _row_groups(file: Path, layout: str) -> list[_Group]:
    with _reading(file):
        parquet = pq.ParquetFile(file)
    missing = sorted(set(_SCHEMAS[layout].names) - set(parquet.schema_arrow.names))
    if missing:
        raise DataError(f"lacks the columns {', '.join(missing)}", file=file)
    meta = parquet.metadata
    check_size(meta, file)
    for i in range(meta.num_row_groups):
        _check_group(meta.row_group(i), file)
    return [_Group(file, i, meta.row_group(i).num_rows) for i in range(meta.num_row_groups)]


def _check_group(group: Any, file: Path) -> None:
    """Refuse a row group that would be too large once its rows stand beside each other."""
    if group.num_rows > _GROUP_ROWS:
        raise DataError(f"has a row group of more than {_GROUP_ROWS} rows", file=file)
    for column in filter(stands_once, map(group.column, range(group.num_columns))):
        size, packed = column.total_uncompressed_size, column.total_compressed_size
        if size * group.num_rows > _REPEATED and size > _RATIO * packed:
            message = f"{packed:,} bytes of it may unpack to {size * group.num_rows:,}"
            raise DataError(message, file=file, field=column.path_in_schema)


def _image_ids(groups: list[_Group]) -> list[str]:
    ids: list[str] = []
    for file in dict.fromkeys(group.file for group in groups):
        with _reading(file):
            ids += pq.ParquetFile(file).read(columns=["image_id"])["image_id"].to_pylist()
    return ids


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the Parquet file: {error}", file=file) from None


class _Table:
    """Rows of several row groups by one index; the groups used last are kept."""

    def __init__(self, groups: list[_Group]) -> None:
        self._groups = groups
        self._starts = [0, *accumulate(group.n_rows for group in groups)]
        self._kept: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Table, (self._groups,)

    def row(self, index: int) -> tuple[dict[str, Any], Path]:
        """Return a row and the file that it stands in."""
        at = bisect_right(self._starts, index) - 1
        group = self._groups[at]
        with self._lock:
            if at not in self._kept:
                with _reading(group.file):
                    self._kept[at] = pq.ParquetFile(group.file).read_row_group(group.index).to_pylist()
            self._kept.move_to_end(at)
            if len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
            return self._kept[at][index - self._starts[at]], group.file


def _load(table: _Table, given: dict[str, Any], n_categories: int, index: int) -> Sample:
    row, file = table.row(index)
    pictures = _pictures_in_folder if "file_name" in row else _pictures_in_row
    try:
        sample = sample_from_row(row, **given, **pictures(row, file))
        for segment in sample.segments:
            if not 0 <= segment.category_id < n_categories:
                raise DataError(
                    f"is {segment.category_id}, and there are {n_categories} categories",
                    field=f"segment {segment.id}: category_id",
                )
            if segment.rle is not None:
                segment.rle.check(field=f"segment {segment.id}: rle")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError) and error.file is not None:
            raise
        raise DataError(f"{error}", file=file, image_id=row["image_id"]) from None
    return sample


@dataclass(frozen=True, slots=True)
class _Map:
    """A label map or segment map, decoded when it is called."""

    decode: Callable[..., Any]
    size: tuple[int, int]
    file: Path
    image_id: str
    data: bytes | None = None

    def __call__(self) -> Any:
        source = ImageFile(name=self.file.name, path=self.file, data=self.data)
        runs = self.decode(source.read(self.image_id), file=self.file, image_id=self.image_id)
        if runs.shape != self.size:
            (height, width), (needed_height, needed_width) = runs.shape, self.size
            message = f"is {width}×{height} pixels, the image {needed_width}×{needed_height}"
            raise DataError(message, file=self.file, image_id=self.image_id)
        return runs


def _pictures_in_folder(row: dict[str, Any], file: Path) -> dict[str, Any]:
    size, image_id = (row["height"], row["width"]), row["image_id"]

    def path(field: str) -> Path | None:
        return row[field] and inside(file.parent, row[field], file=file, image_id=image_id, field=field)

    image, mask, segments = map(path, ("file_name", "mask_file_name", "segment_map_file_name"))
    return {
        "image_file": image and ImageFile(name=row["file_name"].removeprefix("images/"), path=image),
        "load_mask": mask and _Map(codec.decode_label_runs, size, mask, image_id),
        "load_segment_map": segments and _Map(codec.decode_segment_runs, size, segments, image_id),
    }


def _pictures_in_row(row: dict[str, Any], file: Path) -> dict[str, Any]:
    size, image_id = (row["height"], row["width"]), row["image_id"]
    image, mask, segments = row["image"], row["mask"], row["segment_map"]
    return {
        "image_file": image and ImageFile(name=image["path"], data=image["bytes"]),
        "load_mask": mask and _Map(codec.decode_label_runs, size, file, image_id, mask["bytes"]),
        "load_segment_map": segments
        and _Map(codec.decode_segment_runs, size, file, image_id, segments["bytes"]),
    }
