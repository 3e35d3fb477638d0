"""Supervisely: a project's ``meta.json``, and data sets with a JSON of objects for each picture.

Source: supervisely 6.74, its reader of projects and annotations. A bitmap is a PNG that zlib packed, as
base64, with the place of its corner; polygons have interior rings, and are drawn by OpenCV's ``fillPoly`` in
whole pixels, outlines too. ``instance`` joins polygons of one class, as in Supervisely's export to COCO. Tags
``iscrowd`` and ``ignore`` are fields of a segment, the tag ``confidence`` is its score. Rectangles are boxes.
Lines, points, graphs, cuboids and turned boxes are kept and written again, but are no segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.canonical.colors import from_hex
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import files_below
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import pictures
from segbench.formats.plain_json import check_size, head_has, need_items, read_object
from segbench.formats.supervisely_objects import Classes, read_objects
from segbench.formats.supervisely_write import (
    ANNOTATIONS,
    CUSTOM,
    LOSES,
    META,
    NAMES,
    NESTED,
    OTHERS,
    PICTURES,
    SAID,
    ids_of,
    stem_of,
    write,
)

__all__ = ["CARRIES", "LAYOUT", "LOSES", "NAMES", "PREDICTIONS", "TASKS", "TITLE", "read", "sniff", "write"]

TITLE = "Supervisely (a project: meta.json, bitmaps and polygons)"
TASKS = ("instance",)
PREDICTIONS = {"semantic": "predictions", "instance": "predictions", "panoptic": "predictions"}
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids",
        "category_ids", "wide_ids", "scores", "attributes", "extra", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
meta.json                   {"classes": [{"title", "shape", "color", "id"}, …], "tags": […]}
ds/ann/0001.jpg.json        {"size": {"height", "width"}, "tags": […], "objects": [
                              {"classTitle", "tags": [{"name", "value"}], "geometryType": "bitmap",
                               "bitmap": {"data": base64 of zlib of a PNG, "origin": [x, y]}},
                              {"classTitle", "geometryType": "polygon",
                               "points": {"exterior": [[x, y], …], "interior": [[[x, y], …], …]}}, …]}
ds/img/0001.jpg             optional: pictures; each data set is a split
ds/datasets/nested/…        a data set within another"""
_KNOWN = ("size", "objects")


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``meta.json`` with classes, and a data set."""
    file = path / META
    return (
        file.is_file()
        and head_has(file, b'"classes"')
        and any(
            next(path.glob(pattern), None) for pattern in (f"*/{ANNOTATIONS}", f"*/{NESTED}/**/{ANNOTATIONS}")
        )
    )


def read(path: Path) -> Dataset:
    """Open a project; each of its data sets, with those nested in it, is a split.

    Raises
    ------
    DataError
        When a file is damaged, or an object's class is not in ``meta.json``.
    """
    meta = read_object(path / META)
    categories, shapes = _classes(meta, path / META)
    items = _items(path)
    if not items:
        raise DataError(f"holds no <data set>/{ANNOTATIONS}/*.json", file=path)
    splits: dict[str, int] = {}
    for item in items:
        splits[item.split] = splits.get(item.split, 0) + 1
    return Dataset(
        name=path.resolve().name,
        categories=categories,
        image_ids=[item.name for item in items],
        load=partial(
            _sample_at, items, _Project(path, Classes({c.name: c.id for c in categories}, shapes), categories)
        ),
        tasks=TASKS,
        format="supervisely",
        path=path,
        splits=splits,
        extra={SAID: meta},
    )


@dataclass(frozen=True, slots=True)
class _Project:
    """What the items of a project share."""

    root: Path
    classes: Classes
    categories: Categories


@dataclass(frozen=True, slots=True)
class _Item:
    """One annotation and its picture."""

    name: str
    split: str
    file: Path
    picture: ImageFile | None


def _classes(meta: dict[str, Any], file: Path) -> tuple[Categories, dict[str, str]]:
    """The classes in order, and the geometry of each."""
    rows = need_items(meta, "classes", file=file)
    seen: set[str] = set()
    for i, row in enumerate(rows):
        name = row.get("title")
        if not isinstance(name, str) or name in seen:
            reason = "is missing, or no text" if not isinstance(name, str) else f"{name!r} stands twice"
            raise DataError(reason, file=file, field=f"classes[{i}].title")
        seen.add(name)
    keys = [row.get("id") for row in rows]
    are_ids = all(type(key) is int and 0 <= key < 1 << 63 for key in keys) and len(set(keys)) == len(keys)
    categories = Categories(
        Category(
            id=i,
            name=str(row["title"]),
            source_id=row["id"] if are_ids and row["id"] != i else None,
            color=from_hex(str(row.get("color", ""))),
        )
        for i, row in enumerate(rows)
    )
    return categories, {str(row["title"]): str(row.get("shape", "any")) for row in rows}


def _items(path: Path) -> list[_Item]:
    """Every annotation by data set and name; names of items that differ in their suffix alone have it."""
    found: list[tuple[str, str, Path]] = []
    for below in files_below(path):
        parts = PurePosixPath(below).parts
        if below.endswith(".json") and len(parts) > 2 and parts[-2] == ANNOTATIONS:
            data_set = "/".join(part for part in parts[:-2] if part != NESTED)
            found.append((data_set, parts[-1].removesuffix(".json"), path / below))
    found.sort(key=lambda row: (row[0].split("/"), row[1]))
    names = ids_of([f"{data_set}/{item}" for data_set, item, _ in found])
    return [
        _Item(name, data_set.split("/")[0], file, _picture(data_set, item, file.parent.parent / PICTURES))
        for name, (data_set, item, file) in zip(names, found, strict=True)
    ]


def _picture(data_set: str, item: str, folder: Path) -> ImageFile | None:
    """The picture of an item; its annotation has the name with the suffix, or, as of old, without."""
    names = (
        [item]
        if stem_of(item) != item
        else [f"{item}{s}" for suffix in pictures.SUFFIXES for s in (suffix, suffix.upper())]
    )
    name = next((name for name in names if (folder / name).is_file()), None)
    return None if name is None else ImageFile(name=f"{data_set}/{name}", path=folder / name)


def _sample_at(items: list[_Item], project: _Project, index: int) -> Sample:
    item = items[index]
    where: dict[str, Any] = {"file": item.file, "image_id": item.name}
    content = read_object(item.file, item.name)
    stated = content.get("size")
    if not isinstance(stated, dict):
        raise DataError("is missing, or no object", field="size", **where)
    size = check_size(stated.get("height"), stated.get("width"), field="size", **where)
    objects = need_items(content, "objects", **where)
    segments, others = read_objects(objects, size, project.classes, **where)
    said = {key: value for key, value in content.items() if key not in _KNOWN}
    custom = said.get("customBigData")
    extra = dict(custom[CUSTOM]) if isinstance(custom, dict) and isinstance(custom.get(CUSTOM), dict) else {}
    return Sample(
        image_id=item.name,
        height=size[0],
        width=size[1],
        segments=segments,
        overlap=True,
        ignore_index=project.categories.ignore_index,
        image_file=item.picture,
        source_path=item.file.relative_to(project.root).as_posix(),
        extra=extra | {SAID: said} | ({OTHERS: others} if others else {}),
    )
