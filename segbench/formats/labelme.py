"""LabelMe: a JSON a picture, a list of shapes; shapes of one label and ``group_id`` are parts of one object.

Source: labelme at 51e50e4, its reader of label files and its exporter to COCO. Polygons are filled by
cocoapi's rule, as readers of that export fill them; labelme itself also draws their outline, a pixel wide.
Circles are the polygons of that export. Lines and points are no regions: they are kept and written again, but
are no segments. Shapes labelled ``__ignore__`` are ignore regions. A picture inside the JSON goes beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import pictures
from segbench.formats.labelme_shapes import IGNORE, read_shapes
from segbench.formats.labelme_write import LOSES, NAMES, write
from segbench.formats.patches import from_base64
from segbench.formats.plain_json import categories_of, check_size, head_has, need_items, read_object
from segbench.formats.split_names import folder_split

__all__ = ["CARRIES", "LAYOUT", "LOSES", "NAMES", "PREDICTIONS", "TASKS", "TITLE", "read", "sniff", "write"]

TITLE = "LabelMe (a JSON of shapes a picture)"
TASKS = ("instance",)
PREDICTIONS = {"semantic": "predictions", "instance": "predictions", "panoptic": "predictions"}
CARRIES = frozenset(
    {
        "stuff", "instances", "overlap", "holes", "parts", "polygons", "crowd", "ignore", "scores",
        "attributes", "extra", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
[split/]0001.json           {"imagePath": "0001.jpg", "imageHeight", "imageWidth", "shapes": [
                              {"label", "points": [[x, y], …], "shape_type", "group_id", "flags", "mask"}, …]}
[split/]0001.jpg            the picture; or as base64 in "imageData"
labels.txt                  optional: names in order, a line each"""
_KNOWN = ("shapes", "imagePath", "imageData", "imageHeight", "imageWidth")


def sniff(path: Path) -> bool:
    """Tell whether a file, or the first JSON of a folder, has shapes and the path of a picture."""
    if path.is_file():
        return path.suffix.lower() == ".json" and head_has(path, b'"shapes"', b'"imagePath"')
    files = sorted([*path.glob("*.json"), *path.glob("*/*.json")]) or sorted(path.glob("*/*/*.json"))
    return bool(files) and head_has(files[0], b'"shapes"', b'"imagePath"')


def read(path: Path, *, labels: Path | None = None) -> Dataset:
    """Open one file, or every JSON below a folder; folders below it are splits.

    Parameters
    ----------
    path
        The file or folder.
    labels
        Text file of names in order; by default ``labels.txt`` in the folder or above it, else the labels that
        occur, sorted.

    Raises
    ------
    DataError
        When a file is damaged, or has a label that the names lack.
    """
    root = path if path.is_dir() else path.parent
    files = pictures.find_files(path, (".json",)) if path.is_dir() else {path.stem: path}
    names = sorted(files, key=lambda name: (folder_split(name), name))
    categories = _categories(root, files, labels)
    ids = {c.name: c.id for c in categories}
    splits: dict[str, int] = {}
    for name in names:
        splits[folder_split(name)] = splits.get(folder_split(name), 0) + 1
    return Dataset(
        name=path.resolve().stem,
        categories=categories,
        image_ids=names,
        load=lambda index: _sample(_File(root, files[names[index]], names[index]), categories, ids),
        tasks=TASKS,
        format="labelme",
        path=path,
        splits=splits,
    )


@dataclass(frozen=True, slots=True)
class _File:
    """One JSON below the root."""

    root: Path
    file: Path
    image_id: str


def _sample(place: _File, categories: Categories, ids: Mapping[str, int]) -> Sample:
    content = read_object(place.file, place.image_id)
    where: dict[str, Any] = {"file": place.file, "image_id": place.image_id}
    image = _image(content, place, where)
    size = _size(content, image, place, where)
    shapes = need_items(content, "shapes", **where)
    segments, others = read_shapes(shapes, size, ids, **where)
    said = {key: value for key, value in content.items() if key not in _KNOWN}
    path = content.get("imagePath")
    if image is None or path != PurePosixPath(image.name).name:
        said["imagePath"] = path
    return Sample(
        image_id=place.image_id,
        height=size[0],
        width=size[1],
        segments=segments,
        overlap=True,
        ignore_index=categories.ignore_index,
        image_file=image,
        source_path=place.file.relative_to(place.root).as_posix(),
        extra={"labelme": said} | ({"shapes": others} if others else {}),
    )


def _image(content: dict[str, Any], place: _File, where: dict[str, Any]) -> ImageFile | None:
    """The picture beside the JSON, or where its path leads below the root, or the one inside the JSON."""
    path = content.get("imagePath")
    if not isinstance(path, str) or not path:
        raise DataError("is missing, or no path", field="imagePath", **where)
    path = path.replace("\\", "/")
    for base in (place.file.parent, place.root):
        for name in (path, PurePosixPath(path).name):
            if not _climbs(name) and (file := base / name).is_file():
                return ImageFile(name=file.relative_to(place.root).as_posix(), path=file)
    if content.get("imageData") is None:
        return None
    data = from_base64(content["imageData"], field="imageData", **where)
    name = f"{place.image_id}{PurePosixPath(path).suffix or '.png'}"
    return ImageFile(name=name, data=data)


def _climbs(name: str) -> bool:
    try:
        check_name(name)
    except DataError:
        return True
    return False


def _size(
    content: dict[str, Any], image: ImageFile | None, place: _File, where: dict[str, Any]
) -> tuple[int, int]:
    stated = content.get("imageHeight"), content.get("imageWidth")
    if stated != (None, None):
        return check_size(*stated, field="imageHeight", **where)
    if image is None:
        raise DataError("is missing, and there is no picture to measure", field="imageHeight", **where)
    return pictures.picture_size(image, place.image_id)


def _categories(root: Path, files: dict[str, Path], labels: Path | None) -> Categories:
    """The names of the text file, else the labels that occur; that of ignore regions comes last."""
    present = {label for name, file in files.items() for label in _labels(file, name)}
    candidates = [root / "labels.txt", root.parent / "labels.txt"]
    found = labels or next((file for file in candidates if file.is_file()), None)
    if found is None:
        names = sorted(present)
    else:
        names = list(dict.fromkeys(filter(None, map(str.strip, pictures.read_text(found).splitlines()))))
    return categories_of([name for name in names if name != IGNORE] + [IGNORE] * (IGNORE in present))


def _labels(file: Path, image_id: str) -> Iterator[str]:
    content = read_object(file, image_id)
    for i, shape in enumerate(need_items(content, "shapes", file=file, image_id=image_id)):
        if not isinstance(shape.get("label"), str):
            field = f"shapes[{i}].label"
            raise DataError("is missing, or no text", file=file, image_id=image_id, field=field)
        yield shape["label"]
