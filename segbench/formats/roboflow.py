"""Roboflow's exports: COCO's JSON in the folder of each split, or pictures and masks with a list of classes.

Sources: exports as rf-detr, supervision and luxonis-ml read them. In the JSON, the category 0 named after the
project, whose ``supercategory`` is ``none`` and which the others name as theirs, is no class: it is dropped
where no annotation uses it. Ids of images start anew in each split, so of several splits an image is called
``valid/0``. Masks hold the values that ``_classes.csv`` names. Read only.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import coco
from segbench.formats.folders import find_ending, find_pictures
from segbench.formats.label_maps import Values, open_maps
from segbench.formats.pictures import read_text
from segbench.formats.split_names import SPLITS

__all__ = ["CARRIES", "INSTEAD", "LAYOUT", "TASKS", "TITLE", "read", "sniff"]

TITLE = "Roboflow's exports (COCO JSON, semantic masks)"
TASKS = ("instance", "semantic")
CARRIES = coco.CARRIES | {"stuff"}
INSTEAD = "write coco, or png for masks, which Roboflow imports"
LAYOUT = """\
train/_annotations.coco.json    COCO instances; the category 0 may be the project's name
train/0001_jpg.rf.1f2e.jpg      pictures, beside the JSON; likewise valid, test

train/_classes.csv              "Pixel Value, Class", then "0, background" …
train/0001_jpg.rf.1f2e.jpg      the picture
train/0001_jpg.rf.1f2e_mask.png the value of each pixel; likewise valid, test"""
JSON, CLASSES, MASK = "_annotations.coco.json", "_classes.csv", "_mask.png"
_NONE = "none"


def sniff(path: Path) -> bool:
    """Tell whether a file is called as its JSON, or a folder or one below has one, or a list of values."""
    if path.is_file():
        return path.name == JSON
    return bool(_files(path, JSON)) or any(_head(file) for file in _files(path, CLASSES))


def read(path: Path) -> Dataset:
    """Open a JSON, one split, or the folder of the splits.

    Raises
    ------
    DataError
        When there is nothing of the kind, a file is damaged, or splits have other classes.
    """
    files = [path] if path.is_file() else _files(path, JSON)
    if files:
        return _instances(path, files)
    lists = _files(path, CLASSES)
    if not lists:
        raise DataError(f"holds no {JSON}, and no {CLASSES}", file=path)
    return _masks(path, lists)


def _files(path: Path, name: str) -> list[Path]:
    """The file in a folder itself, else those in the folders of splits."""
    return [path / name] if (path / name).is_file() else sorted(path.glob(f"*/{name}"))


def _head(file: Path) -> list[str]:
    """The two words that a list of pixel values begins with; nothing of another list."""
    with file.open("rb") as handle:
        words = handle.readline(200).decode("utf-8", "replace").lstrip("\ufeff").split(",")
    head = [word.strip() for word in words]
    return head if head[:1] == ["Pixel Value"] else []


def _instances(path: Path, files: list[Path]) -> Dataset:
    parts = [coco.read(file) for file in files]
    used = {key for part in parts for key in _used(part)}
    named = len(files) > 1
    parts = [
        _part(_split(f, named=named), part, used, named=named) for f, part in zip(files, parts, strict=True)
    ]
    return concat(parts, (path if path.is_dir() else path.parent).resolve().name, path)


def _split(file: Path, *, named: bool) -> str:
    """The folder of a file; where it is the only one, if that is a usual name of a split."""
    folder = file.resolve().parent.name
    return folder if named or folder in SPLITS else "train"


def _used(part: Dataset) -> set[int]:
    """Source ids of the categories that annotations have."""
    if part.instances is not None:
        found = set(part.instances.category_ids.tolist())
    else:
        found = {segment.category_id for sample in part for segment in sample.segments}
    return {part.categories[i].key for i in found}


def _part(split: str, part: Dataset, used: set[int], *, named: bool) -> Dataset:
    """One split without the category of the project; of several splits, images are called by theirs."""
    parents = {c.parent for c in part.categories}
    kept = [
        c for c in part.categories
        if not (c.key == 0 and c.parent == _NONE and c.name in parents and c.key not in used)
    ]  # fmt: skip
    categories = Categories(
        replace(c, id=i, source_id=None if c.key == i else c.key) for i, c in enumerate(kept)
    )
    moved = {c.id: i for i, c in enumerate(kept)}
    ids = [f"{split}/{image_id}" if named else image_id for image_id in part.image_ids]
    return Dataset(
        name=split,
        categories=categories,
        image_ids=ids,
        load=_Load(part, moved, ids, categories.ignore_index),
        size=part.size,
        tasks=part.tasks,
        format="roboflow",
        path=part.path,
        splits={split: len(ids)},
        extra=part.extra,
        notes=part.notes,
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """Reads a sample of a COCO file under its new name; it can be sent to another process."""

    part: Dataset
    moved: Mapping[int, int]
    ids: list[str]
    ignore_index: int

    def __call__(self, index: int) -> Sample:
        sample = self.part[index]
        segments = tuple(replace(s, category_id=self.moved[s.category_id]) for s in sample.segments)
        return replace(sample, image_id=self.ids[index], segments=segments, ignore_index=self.ignore_index)


def _masks(path: Path, lists: list[Path]) -> Dataset:
    values = _values(lists[0])
    for file in lists[1:]:
        if _values(file) != values:
            raise DataError(f"has other classes than {lists[0].parent.name}/{CLASSES}", file=file)
    files: dict[str, Path] = {}
    pictures: dict[str, ImageFile] = {}
    for file in lists:
        folder, split = file.parent, _split(file, named=len(lists) > 1)
        files |= {f"{split}/{name}": found for name, found in find_ending(folder, MASK).items()}
        pictures |= {
            f"{split}/{name}": image
            for name, image in find_pictures(folder).items()
            if not image.name.endswith(MASK)
        }
    return open_maps(path, files, pictures, values, format="roboflow")


def _values(file: Path) -> Values:
    """The classes by rising value."""
    rows = csv.reader(read_text(file).splitlines(), skipinitialspace=True)
    names: dict[int, str] = {}
    for line, row in enumerate(rows, 1):
        if line == 1 or not row:
            continue
        where: dict[str, Any] = {"file": file, "field": f"line {line}"}
        if len(row) != 2 or not row[0].strip().isdecimal() or int(row[0]) > 65_535:
            raise DataError(f"is {','.join(row)!r}, which is no value and class", **where)
        if int(row[0]) in names:
            raise DataError(f"the value {int(row[0])} stands twice", **where)
        names[int(row[0])] = row[1].strip()
    if not names:
        raise DataError("names no class", file=file)
    categories = Categories(
        Category(i, name, source_id=value if value != i else None)
        for i, (value, name) in enumerate(sorted(names.items()))
    )
    return Values(categories, {c.key: c.id for c in categories}, frozenset())
