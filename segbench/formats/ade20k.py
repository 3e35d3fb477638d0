"""ADE20K as SceneParse150 has it: maps of 1 to 150, 0 for everything else, which is ignored.

Source: the toolkit ``sceneparsing`` of CSAILVision and its ``objectInfo150.txt``. mmsegmentation reads such
files with ``reduce_zero_label``; here no id is moved: the value 1 is the class 1.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.errors import DataError
from segbench.formats import label_maps
from segbench.formats.aligned import goes_by_names
from segbench.formats.folders import find_ending, find_pictures
from segbench.formats.label_lists import ADE20K, ADE20K_STUFF
from segbench.formats.label_maps import Chosen, Values, Written
from segbench.formats.pictures import read_text
from segbench.formats.png_write import write as write_predictions

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

TITLE = "ADE20K (SceneParse150: maps of 150 classes)"
TASKS = ("semantic",)
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(1, 65_535)}
CARRIES = label_maps.CARRIES
NAMES = label_maps.NAMES
LAYOUT = """\
annotations/validation/ADE_val_00000001.png   8 bit: 1 to 150, 0 is ignored; also without folders of splits
images/validation/ADE_val_00000001.jpg        optional
objectInfo150.txt                             the classes: Idx Ratio Train Val Name, by tabs; optional"""
VOID = 0
_LARGEST = 255
_INFO = "objectInfo150.txt"
_COLUMNS = 5
_OWN = tuple(Written(name, i, i not in ADE20K_STUFF, None) for i, name in enumerate(ADE20K, 1))


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``annotations`` and the list of classes, or maps of ADE20K's names."""
    folder = path / "annotations"
    if not folder.is_dir():
        return False
    if (path / _INFO).is_file():
        return True
    return any(next(folder.glob(pattern), None) for pattern in ("ADE_*.png", "*/ADE_*.png"))


def read(path: Path, *, labels: Path | None = None) -> Dataset:
    """Open a folder of SceneParse150; folders below ``annotations`` are splits.

    Parameters
    ----------
    path
        The folder of ``annotations``.
    labels
        List of classes; by default ``objectInfo150.txt`` in the folder, else the 150 classes.

    Raises
    ------
    DataError
        When there is no map, or a file is damaged.
    """
    info = labels or (path / _INFO if (path / _INFO).is_file() else None)
    categories = label_maps.own_categories(_OWN, _key) if info is None else _read_info(info)
    values = Values(categories, {c.key: c.id for c in categories}, frozenset({VOID}))
    files = find_ending(path / "annotations", ".png")
    if not files:
        raise DataError("holds no annotations/*.png", file=path)
    pictures = find_pictures(path / "images")
    return label_maps.open_maps(path, files, pictures, values, format="ade20k")


def is_whole(path: Path, truth: Dataset) -> bool:
    """Tell whether predictions are a whole folder of ADE20K that lists classes.

    Else, or where only the numbers of these are the truth's, values are its source ids.
    """
    info = path / _INFO
    return info.is_file() and sniff(path) and goes_by_names(truth, _read_info(info))


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predicted maps of the values of the truth, in the folder or below it; 0 is no class.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    return label_maps.read_predictions(path, truth, void=VOID)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``annotations`` and ``images`` with a folder a split, and ``objectInfo150.txt``.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _choose(dataset.categories)
    with pen.folder(target) as folder:
        put = label_maps.MapWriter(folder / "annotations", folder / "images", images, chosen, VOID)
        label_maps.put_all(dataset, pen, put)
        rows = _OWN if chosen.own else chosen.rows
        lines = [f"{row.value}\t0\t0\t0\t{row.name}\n" for row in rows if row is not None]
        place(folder / _INFO, ("Idx\tRatio\tTrain\tVal\tName\n" + "".join(lines)).encode())


def _key(row: Written) -> int:
    """The source id that a value is read with."""
    return row.value


@lru_cache(maxsize=4)
def _choose(categories: Categories) -> Chosen:
    chosen = label_maps.choose(categories, _OWN, 1, _LARGEST)
    for c in () if chosen.own else categories:
        if c.name != c.name.strip() or len(c.name.splitlines()) != 1 or "\t" in c.name:
            raise DataError(f"the name {c.name!r} cannot stand in {_INFO}; rename it", field="categories")
    return chosen


LOSES = label_maps.losses(_choose, _key)


def _read_info(file: Path) -> Categories:
    """Read ``Idx Ratio Train Val Name``, by tabs; the file of the 150 classes is known by some names."""
    rows: dict[int, str] = {}
    for number, line in enumerate(read_text(file).splitlines()[1:], 2):
        words = line.split("\t")
        if not line.strip():
            continue
        if len(words) != _COLUMNS or not words[0].strip().isdecimal() or not words[4].strip():
            raise DataError(
                "is no row of Idx, Ratio, Train, Val, Name by tabs", file=file, field=f"line {number}"
            )
        key = int(words[0])
        if key in rows or not 0 < key <= _LARGEST:
            raise DataError(
                f"the class {key} stands twice, or is none of 1 to {_LARGEST}",
                file=file,
                field=f"line {number}",
            )
        rows[key] = words[4].strip()
    if len(rows) == len(ADE20K) and all(rows[i].split(",")[0] == _first(i) for i in (1, 2, 150)):
        return label_maps.own_categories(_OWN, _key)
    return Categories(Category(i, rows[key], source_id=key) for i, key in enumerate(sorted(rows)))


def _first(value: int) -> str:
    return ADE20K[value - 1]
