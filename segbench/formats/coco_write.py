"""What COCO's instance and panoptic files share when they are written: ids, images and the JSON itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.coco_common import category_entry

SOURCE_ID = "source_id"
"""Key under which a segment that had to be renumbered keeps the id of its source."""

PANOPTIC = "panoptic_annotation"
"""Key of ``Sample.extra`` for what a panoptic annotation says and no field holds."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
URL_NAMES = "url_names"
"""Key of ``Dataset.extra`` for LVIS files whose images are named by ``coco_url`` alone."""

_OWN_KEYS = ("category_fields", "string_ids", "split_extra", URL_NAMES)


class JsonObject:
    """Write one JSON object whose large values are lists, item by item."""

    def __init__(self, handle: IO[str]) -> None:
        self._handle = handle
        self._first = True

    def __enter__(self) -> JsonObject:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._handle.write("\n}\n")

    def value(self, name: str, value: Any) -> None:
        """Write one member."""
        self._key(name)
        self._handle.write(dumps(value, name))

    def items(self, name: str, items: Iterable[Any]) -> None:
        """Write one member that is a list, each item on a line of its own."""
        self._key(name)
        self._handle.write("[")
        for i, item in enumerate(items):
            self._handle.write((",\n" if i else "\n") + dumps(item, f"{name}[{i}]"))
        self._handle.write("]")

    def texts(self, name: str, texts: Iterable[str]) -> None:
        """Write one member that is a list of what is JSON already."""
        self._key(name)
        self._handle.write("[")
        for i, text in enumerate(texts):
            self._handle.write((",\n" if i else "\n") + text)
        self._handle.write("]")

    def _key(self, name: str) -> None:
        self._handle.write(("{\n" if self._first else ",\n") + json.dumps(name) + ": ")
        self._first = False


class Spool:
    """Lines of text put aside on the disk, to be read again when all are known."""

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder)  # noqa: SIM115 - closed at the end of the spool

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, line: str) -> None:
        """Put a line aside, which holds no line break, as no JSON of one line does."""
        self._file.write(line + "\n")

    def __iter__(self) -> Iterator[str]:
        self._file.seek(0)
        return (line.removesuffix("\n") for line in self._file)


def write_header(out: JsonObject, dataset: Dataset, categories: Categories | None = None) -> None:
    """Write what the source said of the data set, or of this split of it, as a whole; and the categories."""
    extra = split_extra(dataset)
    for name, value in extra.items():
        if name not in _OWN_KEYS:
            out.value(name, value)
    fields: Mapping[str, Any] = extra.get("category_fields", {})
    out.items(
        "categories",
        [category_entry(c) | fields.get(str(c.key), {}) for c in categories or dataset.categories],
    )


def split_extra(dataset: Dataset) -> Mapping[str, Any]:
    """What the source said of the data set as a whole; of its one split, where the splits differ in that."""
    if len(dataset.splits) == 1:
        (split,) = dataset.splits
        found: Mapping[str, Any] = dataset.extra.get("split_extra", {}).get(split, dataset.extra)
        return found
    return dataset.extra


def image_entry(sample: Sample, string_ids: bool) -> dict[str, Any]:
    """One entry of ``images``; without ``file_name`` where the source has none."""
    entry: dict[str, Any] = {
        "id": source_id(sample.image_id, string_ids),
        "height": sample.height,
        "width": sample.width,
    }
    if name := file_name(sample):
        entry["file_name"] = name
    return entry | {key: value for key, value in sample.extra.items() if key != PANOPTIC}


def file_name(sample: Sample) -> str | None:
    """The name of the picture, also where the picture itself is not there."""
    return sample.image_file.name if sample.image_file is not None else sample.source_path


def png_name(sample: Sample) -> str:
    """The name of a map drawn for the picture: that of the picture, or the image id."""
    name = file_name(sample)
    return f"{sample.image_id}.png" if name is None else PurePosixPath(name).with_suffix(".png").as_posix()


def source_id(image_id: str, string_ids: bool) -> int | str:
    """The id as COCO's tools expect it: an integer, unless the data set has ids that are none."""
    return image_id if string_ids else int(image_id)


def count_text_ids(sample: Sample, _: Categories) -> int:
    """Segments that have an id that is no integer, for which COCO has no field."""
    return sum(s.source_id is not None for s in sample.segments)


def has_string_ids(dataset: Dataset) -> bool:
    """Tell whether ids must stay strings: because the source had strings, or they are no plain integers."""
    return bool(split_extra(dataset).get("string_ids")) or not are_integers(dataset.image_ids)


def are_integers(image_ids: Sequence[str]) -> bool:
    """Tell whether all ids are integers as Python writes them."""
    return all(_INTEGER.fullmatch(image_id) for image_id in image_ids)


def short(value: float) -> float | int:
    """Whole numbers as integers, as COCO's files have them."""
    return int(value) if float(value).is_integer() else value


def dumps(value: Any, field: str, image_id: str | None = None) -> str:
    """Return JSON on one line, without NaN; DataError where there is one."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        message = "holds NaN or an infinite number, which is no JSON; mend the source"
        raise DataError(message, image_id=image_id, field=field) from None
