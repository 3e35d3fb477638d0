"""Instances as one PNG each: a folder a picture, with ``images`` and ``masks`` in it.

The layout of the 2018 Data Science Bowl and of many biomedical sets. A mask is inside where it is not 0, and
masks may overlap. Where there are several categories, each is a folder in ``masks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import caseless, check_name
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.aligned import in_categories_of, in_order_of
from segbench.formats.drawn import drawn_segments
from segbench.formats.folders import Frame, find_ending, open_frames, read_file
from segbench.formats.label_maps import NAMES, Place, put_all, put_picture
from segbench.formats.pictures import SUFFIXES, find_files, picture_size, read_text

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
]

TITLE = "One PNG an instance (folders of images and masks a picture)"
TASKS = ("instance",)
PREDICTIONS = {"semantic": "predictions", "panoptic": "predictions"}
CARRIES = frozenset(
    {
        "stuff",
        "instances",
        "overlap",
        "holes",
        "parts",
        "ids",
        "repeated_ids",
        "category_ids",
        "wide_ids",
        "splits",
        "images",
    }
)
LAYOUT = """\
[train/]0001/images/0001.png             the picture; optional where there are masks
[train/]0001/masks/7.png                 not 0 is inside; numbers are ids
[train/]0001/masks/<category>/7.png      where there are several categories
categories.txt                           optional: names in order, a line each"""
OBJECT = "object"
"""Name of the category where none is told."""
_LIST = "categories.txt"
_INSIDE = 255


def sniff(path: Path) -> bool:
    """Tell whether a folder holds folders of ``masks`` with at most one picture beside each."""
    if not path.is_dir() or (path / "masks").is_dir():
        return False
    for pattern in ("*/masks", "*/*/masks"):
        folder = next(path.glob(pattern), None)
        if folder is not None:
            pictures = folder.parent / "images"
            return not pictures.is_dir() or len(list(pictures.iterdir())) <= 1
    return False


def read(path: Path, *, category: str | None = None) -> Dataset:
    """Open a folder of such folders.

    Parameters
    ----------
    path
        The folder that holds a folder for each picture, or such folders for splits.
    category
        Name of the category of masks that are in no folder of one; by default ``object``.

    Raises
    ------
    DataError
        When there is no mask, one is damaged or of another size, or ``categories.txt`` lacks a category.
    """
    return _open(path, category, None)


def read_predictions(path: Path, truth: Dataset, *, category: str | None = None) -> Dataset:
    """Open predicted masks; where nothing is predicted, the size is that of the truth.

    Raises
    ------
    DataError
        As :func:`read`; and when a prediction is missing, or is for no image of the truth.
    """
    found = _open(path, category, truth)
    return in_order_of(truth, in_categories_of(truth, found), notes=found.notes)


def _open(path: Path, category: str | None, truth: Dataset | None) -> Dataset:
    folders = sorted(
        {f.parent for pattern in ("*/masks", "*/*/masks") for f in path.glob(pattern) if f.is_dir()}
    )
    if not folders:
        raise DataError("holds no <picture>/masks", file=path)
    masks = {folder: find_ending(folder / "masks", ".png") for folder in folders}
    categories = _categories(path, masks, category or OBJECT)
    ids = {c.name: c.id for c in categories}
    return open_frames(
        (_frame(path, folder, masks[folder]) for folder in folders),
        partial(_sample, ids, category or OBJECT, path, truth),
        path=path,
        format="instance-png",
        categories=categories,
        tasks=TASKS,
    )


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write a folder for each picture, below one for its split; and ``categories.txt``.

    Raises
    ------
    DataError
        When two pictures or masks would have one name, or a category's name is none of a folder.
    """
    check_mode(images)
    names = _folder_names(dataset.categories)
    alone = len(names) == 1 and names[0] == OBJECT
    with pen.folder(target) as folder:
        put_all(dataset, pen, partial(_put, folder, images, dataset.categories, None if alone else names))
        text = "".join(f"{c.name}\n" for c in dataset.categories)
        place(folder / _LIST, text.encode())


def _put(folder: Path, images: str, categories: Categories, names: list[str] | None, at: Place) -> None:
    """Write the masks of a picture, each in the folder of its category if these have ``names``."""
    root = folder / at.split / at.stem
    (root / "masks").mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for segment, rle in drawn_segments(at.sample, categories, stuff=True):
        if rle is None:
            continue
        name = f"{_file_name(segment)}.png"
        name = name if names is None else f"{names[segment.category_id]}/{name}"
        if caseless(name) in taken:
            raise at.sample.error(f"two masks would be called {name!r}", f"segment {segment.id}")
        taken.add(caseless(name))
        place(root / "masks" / name, codec.encode_labels(rle.to_mask() * np.uint8(_INSIDE)))
    put_picture(root / "images", at, images)


def _file_name(segment: Segment) -> str:
    """The name that the source gave the mask, or its id."""
    name = segment.source_id
    if name is None or name.isdecimal() or "/" in name:
        return str(segment.id)
    return check_name(name, field=f"segment {segment.id}")


def _folder_names(categories: Categories) -> list[str]:
    for c in categories:
        if (
            "/" in c.name
            or c.name != c.name.strip()
            or len(c.name.splitlines()) != 1
            or c.name.startswith(".")
        ):
            raise DataError(
                f"the name {c.name!r} is none of a folder; rename it with --labels", field="categories"
            )
        check_name(c.name, field="categories")
    names = [c.name for c in categories]
    if len({caseless(name) for name in names}) < len(names):
        raise DataError("two categories have one name, or differ in case alone", field="categories")
    return names


def _categories(path: Path, masks: Mapping[Path, Mapping[str, Path]], single: str) -> Categories:
    """The names of the list, else those of the folders in ``masks``, sorted."""
    present = {name.rpartition("/")[0] or single for found in masks.values() for name in found}
    if (path / _LIST).is_file():
        names = list(dict.fromkeys(filter(None, map(str.strip, read_text(path / _LIST).splitlines()))))
        if lacking := sorted(present - set(names)):
            raise DataError(f"lacks the category {lacking[0]!r}", file=path / _LIST)
    else:
        names = sorted(present) or [single]
    return Categories(Category(i, name) for i, name in enumerate(names))


def _frame(path: Path, folder: Path, masks: Mapping[str, Path]) -> Frame:
    below = folder.relative_to(path)
    picture = None
    if (folder / "images").is_dir():
        found = find_files(folder / "images", SUFFIXES)
        if len(found) > 1:
            raise DataError(f"holds {len(found)} pictures; a folder has one", file=folder / "images")
        for file in found.values():
            picture = ImageFile(name=f"{below.name}{file.suffix}", path=file)
    split = below.parts[0] if len(below.parts) > 1 else "train"
    return Frame(name=below.name, split=split, files=masks, picture=picture)


def _sample(ids: Mapping[str, int], single: str, root: Path, truth: Dataset | None, frame: Frame) -> Sample:
    stems = [PurePosixPath(name).name for name in frame.files]
    numbers = [int(stem) for stem in stems if stem.isdecimal() and len(stem) < 16]
    are_ids = len(set(numbers)) == len(stems)
    segments: list[Segment] = []
    size = None
    for place_, (name, file) in enumerate(frame.files.items(), 1):
        where: dict[str, Any] = {"file": file, "image_id": frame.name}
        mask = codec.decode_any_runs(read_file(file, image_id=frame.name), **where).to_map() != 0
        size = size or mask.shape
        if mask.shape != size:
            shown = f"{mask.shape[1]}×{mask.shape[0]}"
            raise DataError(f"is {shown} pixels, the mask before {size[1]}×{size[0]}", field="mask", **where)
        segments.append(
            Segment(
                id=numbers[place_ - 1] if are_ids else place_,
                category_id=ids[name.rpartition("/")[0] or single],
                rle=Rle.from_mask(mask),
                source_kind="rle",
                source_id=None if are_ids else stems[place_ - 1],
            )
        )
    if size is None:
        size = _size(frame, root, truth)
    return Sample(
        image_id=frame.name,
        height=size[0],
        width=size[1],
        segments=tuple(segments),
        overlap=True,
        image_file=frame.picture,
        source_path=frame.name,
        ignore_index=255 if len(ids) <= 255 else 65_535,
    )


def _size(frame: Frame, root: Path, truth: Dataset | None) -> tuple[int, int]:
    """The size of an image without masks."""
    if frame.picture is not None:
        return picture_size(frame.picture, frame.name)
    if truth is None:
        raise DataError("has neither a mask nor a picture", file=root / frame.name, image_id=frame.name)
    known = truth.by_id(frame.name)
    return known.height, known.width


def _undrawn(sample: Sample, _: Categories) -> int:
    """Boxes without a mask, or a label map, which has no instances."""
    if sample.kind == "semantic":
        return 1
    return sum(s.rle is None and s.polygons is None for s in sample.segments) * (sample.kind == "instance")


def _renumbered(dataset: Dataset) -> list[str]:
    return [f"{c.name} is {c.key}" for c in dataset.categories if c.key != c.id]


LOSES: dict[str, Any] = {"instances": _undrawn, "category_ids": _renumbered}
