"""What COCO's instance and panoptic files share when they are read: images, categories, pictures."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.paths import check_name, inside
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError
from segbench.formats.coco_fields import need, need_id, need_int, read_flag
from segbench.formats.coco_index import CocoIndex
from segbench.formats.coco_table import ImageEntries
from segbench.formats.jsonfile import Items, JsonFile
from segbench.kernels import MAX_PIXELS

FIELDS_OF_SAMPLE = ("id", "height", "width", "file_name", "neg_category_ids", "not_exhaustive_category_ids")
"""Keys of an image entry that a Sample has fields for; the others are its ``extra``."""

_LOOKED_AT = 16


class CocoFile:
    """Index of one COCO file: ids of images, whose each annotation is, categories; the rest stays on disk.

    Parameters
    ----------
    path
        The JSON file.
    images
        Folder of the pictures; looked for where it is None.
    visit
        Called with ``(index, annotation)`` for every annotation; the annotation is not kept.
    index
        The quick index of the file; with one, nothing is visited.

    Attributes
    ----------
    source_ids
        Ids of the images as they stand in the file, integers or strings.
    entries
        What the table of a truth needs of its images; filled where there is an index.
    owners
        For each annotation, the place of its image in ``source_ids``, int64 [N].
    pictures, annotations
        The lists, parsed when asked for.
    root
        Folder of the pictures; None where there are none.
    extra
        What the file says that no sample holds: info, licences, fields of categories, the type of ids.

    Raises
    ------
    DataError
        When the JSON is damaged, a list or a key is missing, an image id repeats, or an annotation names an
        unknown image.
    """

    def __init__(
        self,
        path: Path,
        images: Path | None,
        visit: Callable[[int, dict[str, Any]], None] | None = None,
        index: CocoIndex | None = None,
    ) -> None:
        self.path = path
        self.source_ids: list[int | str] = []
        self.entries = ImageEntries()
        self._owners = array("q")
        self._places: dict[int | str, int] = {}
        self._visit = visit
        file = index or JsonFile(path, self._take)
        if "" in file.lists:
            raise DataError(
                "is a list of results, which mean something beside their truth alone; "
                "use `segbench score TRUTH RESULTS`",
                file=path,
            )
        self.pictures, self.annotations = file.require("images"), file.require("annotations")
        self.owners = self._rest(len(self._owners)) if index is None else self._owners_by(index)
        self.categories, in_categories = read_categories(file.require("categories"), path)
        self.root = find_images(path, self.pictures, images)
        self.extra = dict(file.rest)
        if in_categories:
            self.extra["category_fields"] = in_categories
        if any(isinstance(x, str) for x in self.source_ids):
            self.extra["string_ids"] = True

    def _rest(self, first: int) -> NDArray[np.int64]:
        """Take the annotations that came before the images."""
        for index in range(first, len(self.annotations)):
            self._take_annotation(index, self.annotations[index])
        return np.array(self._owners, np.int64)

    def _owners_by(self, index: CocoIndex) -> NDArray[np.int64]:
        for i, item in enumerate(self.pictures):
            self._take_image(i, item)
            self.entries.take(i, item)
        owners = index.annotations.places(self._places.get)
        for i in np.flatnonzero(owners < 0)[:1].tolist():
            self._take_annotation(i, self.annotations[i])  # says that the image is unknown
        return owners

    def _take(self, name: str, index: int, item: dict[str, Any]) -> None:
        if name == "images":
            self._take_image(index, item)
            self.entries.take(index, item)
        elif name == "annotations" and self.source_ids:
            self._take_annotation(index, item)

    def _take_image(self, index: int, item: dict[str, Any]) -> None:
        source_id = item.get("id")
        if type(source_id) is not int or source_id in self._places or source_id.bit_length() > 63:
            where: dict[str, Any] = {"file": self.path, "field": f"images[{index}]"}
            source_id = need_id(item, "id", **where)
            if source_id in self._places:
                raise DataError("this image id stands twice", image_id=source_id, **where)
        self._places[source_id] = len(self.source_ids)
        self.source_ids.append(source_id)

    def _take_annotation(self, index: int, item: dict[str, Any]) -> None:
        where: dict[str, Any] = {"file": self.path, "field": f"annotations[{index}]"}
        source_id = need_id(item, "image_id", **where)
        if source_id not in self._places:
            raise DataError("no image of the file has this id", image_id=source_id, **where)
        self._owners.append(self._places[source_id])
        if self._visit is not None:
            self._visit(index, item)


def read_categories(items: Iterable[Mapping[str, Any]], path: Path) -> tuple[Categories, dict[str, Any]]:
    """Return categories by rising source id, and what the file says of them that has no field of its own.

    Raises
    ------
    DataError
        When an id repeats, or a key is missing or of the wrong type.
    """
    rows: dict[int, Mapping[str, Any]] = {}
    for i, row in enumerate(items):
        where: dict[str, Any] = {"file": path, "field": f"categories[{i}]"}
        source_id = need_int(row, "id", **where)
        if source_id in rows:
            raise DataError(f"the category id {source_id} stands twice", **where)
        need(row, "name", str, **where)
        read_flag(row, "isthing", **where)
        rows[source_id] = row
    categories: list[Category] = []
    extra: dict[str, Any] = {}
    for source_id, row in sorted(rows.items()):
        category = _category(len(categories), source_id, row)
        categories.append(category)
        said = category_entry(category)
        if rest := {k: v for k, v in row.items() if k not in said}:
            extra[str(source_id)] = rest
    return Categories(categories), extra


def _category(dense_id: int, source_id: int, row: Mapping[str, Any]) -> Category:
    """Values that are not what their field holds are left to the fields that are kept as they are."""
    texts = {k: row[k] for k in ("supercategory", "synset", "frequency") if isinstance(row.get(k), str)}
    color = row.get("color")
    is_rgb = (
        isinstance(color, list) and len(color) == 3 and all(type(v) is int and 0 <= v < 256 for v in color)
    )
    return Category(
        id=dense_id,
        name=row["name"],
        source_id=source_id,
        isthing=None if row.get("isthing") is None else bool(row["isthing"]),
        color=(color[0], color[1], color[2]) if color and is_rgb else None,
        parent=texts.get("supercategory"),
        synset=texts.get("synset"),
        frequency=texts.get("frequency"),
    )


def category_entry(category: Category) -> dict[str, Any]:
    """One entry of ``categories``, without fields that the source does not state."""
    entry = {
        "id": category.key,
        "name": category.name,
        "supercategory": category.parent,
        "isthing": None if category.isthing is None else int(category.isthing),
        "color": None if category.color is None else list(category.color),
        "synset": category.synset,
        "frequency": category.frequency,
    }
    return {key: value for key, value in entry.items() if value is not None}


def image_fields(item: Mapping[str, Any], path: Path, root: Path | None) -> dict[str, Any]:
    """The fields of a Sample that an entry of ``images`` gives.

    Raises
    ------
    DataError
        When the size is none, or the file name leads out of the folder.
    """
    where: dict[str, Any] = {"file": path, "image_id": item["id"]}
    height, width = need_int(item, "height", **where), need_int(item, "width", **where)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(
            f"the image is {width}×{height} pixels; at least 1 and at most {MAX_PIXELS} are read",
            field="height",
            **where,
        )
    name = None if item.get("file_name") is None else need(item, "file_name", str, **where)
    image_file = None
    if name is not None:
        file = inside(root or path.parent, name, field="file_name", **where)
        image_file = None if root is None else ImageFile(name=name, path=file)
    return {
        "height": height,
        "width": width,
        "image_file": image_file,
        "source_path": name,
        "extra": extra_of(item),
    }


def extra_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of ``images`` says beside the fields of a Sample."""
    return {k: v for k, v in item.items() if k not in FIELDS_OF_SAMPLE}


def find_images(path: Path, images: Items, folder: Path | None) -> Path | None:
    """Return the folder in which the first pictures of the file stand; None where there is none.

    Looked for beside the JSON and one level up: the folder itself, ``images``, the split that the file's name
    ends with (``instances_val2017.json`` → ``val2017``), and ``images/<split>``.

    Raises
    ------
    DataError
        When a folder is named and is none.
    """
    if folder is not None:
        if not folder.is_dir():
            raise DataError("the folder of pictures is no folder", file=folder)
        return folder
    names = [name for i in range(min(_LOOKED_AT, len(images))) if (name := _plain_name(images[i]))]
    split = split_name(path)
    below = [".", "images", split, f"images/{split}"]
    for root in (base / sub for base in (path.parent, path.parent.parent) for sub in below):
        if any((root / name).is_file() for name in names):
            return root
    return None


def _plain_name(item: Mapping[str, Any]) -> str | None:
    """The file name of an image entry; None where there is none that could be looked for."""
    name = item.get("file_name")
    with suppress(DataError):
        return check_name(name) if isinstance(name, str) else None
    return None


def split_name(path: Path) -> str:
    """Split that a file's name ends with: ``instances_val2017.json`` gives ``val2017``; else ``train``."""
    _, underscore, last = path.stem.rpartition("_")
    return last if underscore and last else "train"
