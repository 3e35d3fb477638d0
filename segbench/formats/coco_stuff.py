"""COCO-Stuff's pixel maps of things and stuff: the value is the label less one, 255 is unlabelled.

Source: the README of ``nightrome/cocostuff`` and its ``labels.txt``: labels 1 to 91 are COCO's things, 92 to
182 stuff. Categories have the labels as their source ids, which are COCO's category ids, and not the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats import label_maps
from segbench.formats.folders import find_ending, find_pictures
from segbench.formats.label_lists import COCO_STUFF
from segbench.formats.label_maps import Chosen, Values, Written
from segbench.formats.pictures import read_text

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "COCO-Stuff (maps of things and stuff)"
TASKS = ("semantic",)
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(1, 256)}
CARRIES = label_maps.CARRIES
NAMES = label_maps.NAMES
LAYOUT = """\
stuffthingmaps/val2017/000000000139.png   8 bit: label - 1, that is 0 to 181; 255 is ignored
images/val2017/000000000139.jpg           optional; also val2017/000000000139.jpg
labels.txt                                where labels are others: "1: person", a line each"""
VOID = 255
SAVED = "predictions"
"""The folder of predictions that a run saves, where truth has that of a split."""
_SHIFT = 1
_MAPS = ("stuffthingmaps", "stuffthingmaps_trainval2017")
_THINGS = 91
_OWN = tuple(Written(name, i - 1, i <= _THINGS, None) for i, name in enumerate(COCO_STUFF, 1))


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``stuffthingmaps`` with PNGs in it."""
    return any(next((path / name).glob("*/**/*.png"), None) for name in _MAPS if (path / name).is_dir())


def read(path: Path, *, labels: Path | None = None) -> Dataset:
    """Open a folder of COCO-Stuff; folders below ``stuffthingmaps`` are splits.

    Parameters
    ----------
    path
        The folder of ``stuffthingmaps``.
    labels
        List of labels; by default ``labels.txt`` in the folder, else the 182 of COCO-Stuff.

    Raises
    ------
    DataError
        When there is no map, or a file is damaged.
    """
    found = labels or (path / "labels.txt" if (path / "labels.txt").is_file() else None)
    categories = label_maps.own_categories(_OWN, _key) if found is None else _read_labels(found)
    values = Values(categories, {c.key - 1: c.id for c in categories}, frozenset({VOID}))
    folder = next((path / name for name in _MAPS if (path / name).is_dir()), path)
    files = {name: file for name, file in find_ending(folder, ".png").items() if "/" in name}
    if not files:
        raise DataError("holds no stuffthingmaps/*/*.png", file=path)
    pictures = _pictures(path, files)
    return label_maps.open_maps(path, files, pictures, values, format="coco-stuff")


def is_whole(path: Path, _: Dataset) -> bool:
    """Tell whether predictions are a whole folder of COCO-Stuff, whose labels are found by name.

    That which :func:`write_predictions` writes is none: its maps have the truth's numbers.
    """
    saved = [path / name / SAVED for name in _MAPS]
    return sniff(path) and not any(folder.is_dir() for folder in saved)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predicted maps of labels less one, in the folder or below it, or in that of the only split.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    splits = [split for name in _MAPS for split in (path / name).glob("*/")]
    return label_maps.read_predictions(splits[0] if len(splits) == 1 else path, truth, shift=_SHIFT)


def write_predictions(dataset: Dataset, target: Path, *, images: str = "none", pen: Pen = PLAIN) -> None:
    """Write maps of the source ids less one, called like the image ids; ``images`` are never written.

    Raises
    ------
    DataError
        When two maps would have one name.
    """
    check_mode(images)
    encode = partial(_encoded, label_maps.source_ids_of(dataset.categories, shift=_SHIFT))
    with pen.folder(target) as folder:
        label_maps.put_predictions(dataset, folder / _MAPS[0] / SAVED, encode, pen)


def _encoded(chosen: Chosen, sample: Sample) -> bytes:
    return encode_labels(label_maps.paint(sample, chosen, VOID))


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``stuffthingmaps`` and ``images`` with a folder a split, and ``labels.txt`` where not its own.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _choose(dataset.categories)
    with pen.folder(target) as folder:
        put = label_maps.MapWriter(folder / "stuffthingmaps", folder / "images", images, chosen, VOID)
        label_maps.put_all(dataset, pen, put)
        if not chosen.own:
            rows = [f"{row.value + 1}: {row.name}\n" for row in chosen.rows if row is not None]
            place(folder / "labels.txt", ("0: unlabeled\n" + "".join(rows)).encode())


def _pictures(path: Path, files: Mapping[str, Path]) -> dict[str, ImageFile]:
    """Pictures below ``images``, or in folders of the splits."""
    if (path / "images").is_dir():
        return find_pictures(path / "images")
    splits = {name.split("/", 1)[0] for name in files}
    found: dict[str, ImageFile] = {}
    for split in sorted(splits):
        for name, image in find_pictures(path / split).items():
            found[f"{split}/{name}"] = ImageFile(name=f"{split}/{image.name}", path=image.path)
    return found


def _key(row: Written) -> int:
    """The source id that a value is read with."""
    return row.value + 1


@lru_cache(maxsize=4)
def _choose(categories: Categories) -> Chosen:
    chosen = label_maps.choose(categories, _OWN, 0, VOID - 1)
    for c in () if chosen.own else categories:
        if not c.name.strip() or c.name != c.name.strip() or len(c.name.splitlines()) != 1:
            raise DataError(f"the name {c.name!r} cannot stand in labels.txt; rename it", field="categories")
    return chosen


LOSES = label_maps.losses(_choose, _key)


def _read_labels(file: Path) -> Categories:
    """Read ``label: name`` lines; 0 is unlabelled."""
    rows: dict[int, str] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        key, colon, name = line.partition(":")
        if not colon or not key.strip().isdecimal() or not name.strip():
            raise DataError('is no "label: name"', file=file, field=f"line {number}")
        if int(key) in rows or int(key) > VOID:
            raise DataError(
                f"the label {int(key)} stands twice, or is none of 0 to {VOID}",
                file=file,
                field=f"line {number}",
            )
        rows[int(key)] = name.strip()
    rows.pop(0, None)
    if tuple(rows[i] for i in sorted(rows)) == COCO_STUFF:
        return label_maps.own_categories(_OWN, _key)
    return Categories(Category(i, rows[key], source_id=key) for i, key in enumerate(sorted(rows)))
