"""Which columns of a table are the picture, its mask and its segments, and what is said of their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.hf_tables import NameTable, Table
from segbench.formats.plain_json import read_object

IMAGES = (
    "image", "img", "images", "picture", "photo", "pixel_values", "rgb", "jpg", "input", "input_image",
    "original", "image_bytes",
)  # fmt: skip
"""Usual names of the column of pictures, the surest first."""

MASKS = (
    "mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations",
    "semantic_segmentation", "segmentation_mask", "segmentation_map", "seg", "seg_map", "segmap", "seg_mask",
    "semantic", "semantic_mask", "semantic_map", "label_map", "labelmap", "label_image", "mask_image",
    "annotation_image", "annotated", "ground_truth", "gt", "gt_mask", "target", "trimap", "png", "class_map",
)  # fmt: skip
"""Usual names of the column of masks."""

SEGMENTS = "segments_info"
KEYS = ("image_id", "id", "file_name", "filename", "image_name", "name", "key")
"""Usual names of the column of ids."""

_FILE = "file_name"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are read: of a picture, its mask, the segments of that, an id, and others."""

    image: str | None
    mask: str
    segments: str | None
    key: str | None
    others: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Every one of them, once."""
        found = (self.image, self.mask, self.segments, self.key, *self.others)
        return list(dict.fromkeys(name for name in found if name is not None))


def choose_columns(table: Table, *, image: str | None = None, mask: str | None = None) -> Columns:
    """Choose the columns of a table; options name those whose names are unusual.

    Raises
    ------
    UsageError
        When an option names no column.
    DataError
        When no column holds masks, or several may.
    """
    names = table.schema.names
    for option, name in (("image", image), ("mask", mask)):
        if name is not None and name not in names:
            raise UsageError(f"option {option}: there is no column {name!r}.{did_you_mean(name, names)}")
    pictures = [name for name in names if _is_picture(table, name)]
    maps = [name for name in names if _is_map(table.schema.field(name).type)]
    image = image or _image(pictures, mask)
    mask = mask or _mask([name for name in (*pictures, *maps) if name != image], names, table.file)
    if image is None:
        rest = [name for name in pictures if name != mask]
        image = rest[0] if len(rest) == 1 else None
    segments = SEGMENTS if SEGMENTS in names else None
    taken = {image, mask, segments}
    key = next((name for name in KEYS if name in names and name not in taken and _is_key(table, name)), None)
    others = tuple(n for n in names if n not in {*taken, key} and not _has_bytes(table.schema.field(n).type))
    return Columns(image, mask, segments, key, others)


def left_out(table: Table, columns: Columns) -> list[str]:
    """Name the columns that are not read: other pictures."""
    return [name for name in table.schema.names if name not in columns.names]


def _image(pictures: Sequence[str], mask: str | None) -> str | None:
    plain = {_plain(name): name for name in reversed(pictures) if name != mask}
    return next((plain[name] for name in IMAGES if name in plain), None)


def _mask(candidates: Sequence[str], names: Sequence[str], file: Path) -> str:
    usual = [name for name in candidates if _plain(name) in MASKS]
    found = usual or list(candidates)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"may have its masks in {', '.join(found)}; name one: --option mask=NAME", file=file)
    raise DataError(f"has no column of masks among {', '.join(names)}", file=file)


def _plain(name: str) -> str:
    """``mask`` for ``Mask_file_name``."""
    plain = name.lower().replace("-", "_").replace(" ", "_").replace(".", "_")
    return "image" if plain == _FILE else plain.removesuffix(f"_{_FILE}")


def _is_picture(table: Table, name: str) -> bool:
    if isinstance(table, NameTable):
        return name == _FILE or name.endswith(f"_{_FILE}")
    kind = table.schema.field(name).type
    return _is_bytes(kind) or (pa.types.is_struct(kind) and {f.name for f in kind} == {"bytes", "path"})


def _is_map(kind: pa.DataType) -> bool:
    """Whether a mask may stand there as rows of numbers."""
    if not _is_list(kind) or not _is_list(kind.value_type):
        return False
    return bool(pa.types.is_integer(kind.value_type.value_type))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _has_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_has_bytes(f.type) for f in kind)
    return _has_bytes(kind.value_type) if _is_list(kind) else _is_bytes(kind)


def _is_key(table: Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def stated_categories(
    labels: Path | None, places: Sequence[Path], features: Mapping[str, Any], columns: Columns
) -> Categories | None:
    """Return the categories: of a file, of the features of the mask, or of a JSON in one of these folders.

    Raises
    ------
    DataError
        When the file is no ``{id: name}``.
    """
    if labels is not None:
        return _from_file(labels)
    for name in (columns.segments, columns.mask):
        found = _class_names(features.get(name)) if name is not None else None
        if found:
            return Categories.from_id2label(dict(enumerate(found)))
    for place in places:
        files = [place / "id2label.json", *sorted(place.glob("*id2label*.json"))]
        files += sorted(place.glob("*label2id*.json"))
        file = next((file for file in files if file.is_file()), None)
        if file is not None:
            return _from_file(file)
    return None


def _from_file(file: Path) -> Categories:
    """``{"0": "road"}``, ``{"0": {"name": "road", "isthing": 0}}`` or ``{"road": 0}``; 255 is ignore."""
    rows = []
    for key, value in read_object(file).items():
        number, said = (value, key) if type(value) is int else (key, value)
        name, isthing = (said.get("name"), said.get("isthing")) if isinstance(said, dict) else (said, None)
        try:
            rows.append((int(number), str(name), None if isthing is None else bool(isthing)))
        except ValueError:
            raise DataError('is no JSON object {"0": "name", …}', file=file, field=key) from None
    ignored = {65_535} | ({255} if max((row[0] for row in rows), default=0) <= 255 else set())
    kept = sorted(row for row in rows if row[0] not in ignored)
    return Categories(
        Category(id=i, name=name, source_id=None if key == i else key, isthing=isthing)
        for i, (key, name, isthing) in enumerate(kept)
    )


def _class_names(feature: Any) -> list[str] | None:
    """The names of the first class label within the description of a column."""
    if isinstance(feature, list):
        return next((found for item in feature if (found := _class_names(item))), None)
    if not isinstance(feature, dict):
        return None
    names = feature.get("names")
    if isinstance(names, dict):  # {"0": …}, of a card
        names = (
            [names[key] for key in sorted(names, key=str)] if not _are_numbers(names) else _by_number(names)
        )
    if isinstance(names, list) and names and all(isinstance(name, (str, int)) for name in names):
        return [str(name) for name in names]
    return next((found for value in feature.values() if (found := _class_names(value))), None)


def _are_numbers(names: Mapping[Any, Any]) -> bool:
    return all(str(key).isdecimal() for key in names)


def _by_number(names: Mapping[Any, Any]) -> list[Any]:
    return [names[key] for key in sorted(names, key=lambda key: int(str(key)))]
