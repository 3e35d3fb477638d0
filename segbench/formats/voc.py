"""Pascal VOC: a picture's classes and objects as two palette PNGs, and lists of the pictures of each split.

Sources: the VOC2012 development kit, section 3.3 and its ``VOCinit.m``; exports of labelme and CVAT, of which
the latter are RGB pictures in the colours of ``labelmap.txt``. Class 0 is the background, which is scored;
255 is void, exactly: boundaries are ignored, and are no object. Which pairs of class and object mean what
stands in :mod:`segbench.formats.voc_objects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats import png
from segbench.formats.aligned import goes_by_names
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame, find_ending, find_pictures, open_frames, read_list
from segbench.formats.png_write import write as write_predictions
from segbench.formats.voc_labels import OBJECTS_BY_COLOR, OWN, VOID, Classes, read_classes
from segbench.formats.voc_objects import read_pairs
from segbench.formats.voc_write import LOSES, NAMES, write
from segbench.kernels import LabelRuns

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "is_whole",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "Pascal VOC (palette PNGs of classes and of objects)"
TASKS = ("panoptic", "semantic")
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(65_535)}
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "isthing", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
JPEGImages/2007_000032.jpg              optional
SegmentationClass/2007_000032.png       classes: palette, or RGB in the colours of labelmap.txt; 255 is void
SegmentationObject/2007_000032.png      objects 1 to 254, of the class that is in the other map; optional
ImageSets/Segmentation/train.txt        names, a line each; without lists all are read
labelmap.txt or class_names.txt         where classes are not VOC's own: name:r,g,b::, or a name a line
VOCdevkit/VOC2012/…                     the folder of all this, or one that holds it"""
_CLASS, _OBJECT = "SegmentationClass", "SegmentationObject"
_LISTS = "ImageSets/Segmentation"
_INNER = ("VOCdevkit/VOC*", "VOC[0-9]*")


def sniff(path: Path) -> bool:
    """Tell whether a folder, or one of VOC's in it, has maps of classes."""
    return path.is_dir() and next((_root(path) / _CLASS).glob("*.png"), None) is not None


def read(path: Path, *, labels: Path | None = None, instances: bool = False) -> Dataset:
    """Open a folder of VOC.

    Parameters
    ----------
    path
        The folder of ``SegmentationClass``, or one that holds it as ``VOCdevkit/VOC2012``.
    labels
        ``labelmap.txt`` or ``class_names.txt``; by default the one in the folder, else VOC's 21 classes.
    instances
        Objects have masks of their own, which can be scored as instances, and stuff is left out.

    Raises
    ------
    DataError
        When there is no map, one is damaged or lacks a picture's objects, or a list names what is not there.
    """
    root = _root(path)
    files = find_ending(root / _CLASS, ".png")
    objects = find_ending(root / _OBJECT, ".png")
    if not files:
        raise DataError(f"holds no {_CLASS}/*.png", file=root)
    found = labels or _list_of_classes(root)
    reader = _Reader(OWN if found is None else read_classes(found), instances)
    splits, notes = _splits(root / _LISTS, files)
    pictures = find_pictures(root / "JPEGImages")
    return open_frames(
        (
            Frame(name=name, split=split, files=_files(name, files, objects), picture=pictures.get(name))
            for name, split in splits.items()
        ),
        partial(_sample, reader),
        path=path,
        format="voc",
        categories=reader.classes.categories,
        tasks=("instance",) if instances else TASKS if objects else ("semantic",),
        notes=notes,
    )


def is_whole(path: Path, truth: Dataset) -> bool:
    """Tell whether predictions are a whole folder of VOC that lists classes.

    Else, or where only the numbers of these are the truth's, values are its source ids.
    """
    found = _list_of_classes(_root(path))
    return found is not None and sniff(path) and goes_by_names(truth, read_classes(found).categories)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predicted maps of classes, in ``SegmentationClass`` or in the folder itself.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    root = _root(path)
    return png.read_predictions(root / _CLASS if (root / _CLASS).is_dir() else path, truth)


def _list_of_classes(root: Path) -> Path | None:
    return next((f for n in ("labelmap", "class_names") if (f := root / f"{n}.txt").is_file()), None)


def _root(path: Path) -> Path:
    if (path / _CLASS).is_dir():
        return path
    inner = [folder for pattern in _INNER for folder in sorted(path.glob(pattern))]
    return next((folder for folder in inner if (folder / _CLASS).is_dir()), path)


def _files(name: str, classes: Mapping[str, Path], objects: Mapping[str, Path]) -> dict[str, Path]:
    files = {_CLASS: classes[name]}
    if objects:
        if name not in objects:
            raise DataError(f"there is no {_OBJECT}/{name}.png", file=classes[name], image_id=name)
        files[_OBJECT] = objects[name]
    return files


def _splits(folder: Path, files: Mapping[str, Path]) -> tuple[dict[str, str], list[str]]:
    """The split of each picture: that of the smallest list that names it; and what is to be noted."""
    lists = {file.stem: [*read_list(file, files)] for file in sorted(folder.glob("*.txt"))}
    splits: dict[str, str] = {}
    notes: list[str] = []
    for split, names in sorted(lists.items(), key=lambda item: len(item[1])):
        absent = [name for name in names if name not in files]
        if absent and len(absent) < len(names):
            raise DataError(f"names {absent[0]}, of which there is no map", file=folder / f"{split}.txt")
        if absent:
            notes.append(f"pictures of {split}.txt have no map, and are left out: {len(absent)}")
            continue
        for name in names:
            splits.setdefault(name, split)
    if not splits:
        return dict.fromkeys(files, "train"), notes
    if lone := [name for name in files if name not in splits]:
        some = ", ".join(lone[:3]) + ", …" * (len(lone) > 3)
        notes.append(f"maps that no list names, which are left out: {len(lone)} ({some})")
    return splits, notes


@dataclass(frozen=True, slots=True)
class _Reader:
    classes: Classes
    instances: bool

    def map(self, frame: Frame, kind: str, by_color: Mapping[int, int]) -> NDArray[np.uint8]:
        """Indices of a palette or grey PNG as they are, or those of its colours."""
        data, where = frame.read(kind), frame.where(kind)
        runs = codec.decode_any_runs(data, **where)
        if runs.values.dtype == np.uint16:
            raise DataError("has 16 bits; maps of VOC have 8", field=kind, **where)
        if runs.values.dtype == np.uint8:
            return runs.to_map()
        values = runs.ids()
        if unknown := [v for v in values.tolist() if v not in by_color]:
            color = [unknown[0] & 255, unknown[0] >> 8 & 255, unknown[0] >> 16]
            raise DataError(f"has the colour {color}, which is none of a class", field=kind, **where)
        table = np.array([by_color[v] for v in values.tolist()], np.uint8)
        return runs.renamed(table[np.searchsorted(values, runs.values)]).to_map()


def _sample(reader: _Reader, frame: Frame) -> Sample:
    categories = reader.classes.categories
    classes = reader.map(frame, _CLASS, reader.classes.by_color)
    given: dict[str, Any] = {
        "image_id": frame.name,
        "height": classes.shape[0],
        "width": classes.shape[1],
        "image_file": frame.picture,
        "source_path": f"{_CLASS}/{frame.name}.png",
    }
    where = frame.where(_CLASS)
    if _OBJECT not in frame.files:
        return Sample(load_mask=partial(_checked, classes, len(categories), where), **given)
    objects = reader.map(frame, _OBJECT, OBJECTS_BY_COLOR)
    if objects.shape != classes.shape:
        size = f"{objects.shape[1]}×{objects.shape[0]}"
        raise DataError(
            f"is {size} pixels, the map of classes {classes.shape[1]}×{classes.shape[0]}",
            field=_OBJECT,
            **frame.where(_OBJECT),
        )
    runs, segments = read_pairs(classes, objects, categories, **where)
    sample = Sample(segments=segments, load_segment_map=lambda: runs, **given)
    return separate(sample, categories) if reader.instances else sample


def _checked(classes: NDArray[np.uint8], n: int, where: dict[str, Any]) -> LabelRuns:
    runs = LabelRuns.of(classes)
    known = np.arange(VOID + 1) < n
    known[VOID] = True
    value = runs.first_unknown(known)
    if value is not None:
        raise DataError(f"has the class {value}, which is none of {n}", field=_CLASS, **where)
    return runs
