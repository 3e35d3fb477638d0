"""The classes of Pascal VOC, its colour map, and the class lists that other data sets have beside its maps.

Sources: the VOC2012 development kit (``VOCinit.m``, ``VOClabelcolormap.m``); ``labelmap.txt`` as CVAT and
datumaro write it, ``name:r,g,b:parts:actions``; ``class_names.txt`` as labelme does, a name a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.pictures import read_text

Color = tuple[int, int, int]
BACKGROUND, VOID = 0, 255
LARGEST = 254
NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
_BACKGROUNDS = ("background", "_background_", "__background__")
_FIELDS = 2


def colormap() -> NDArray[np.uint8]:
    """Return VOC's colours, uint8 [256, 3]: bits 0, 3, 6 of an index are the high bits of red, …"""
    index = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((index >> channel & 1) << (7 - bit)).astype(np.uint8)
        index = index >> 3
    return colors


COLORS = colormap()


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a folder, by index in its maps; class 0 is the background.

    Attributes
    ----------
    rows
        ``(name, colour)`` by index.
    own
        Whether they are VOC's own, and need not be told.
    """

    rows: tuple[tuple[str, Color], ...]
    own: bool = False

    @property
    def categories(self) -> Categories:
        """The classes as categories; the background is stuff, and VOC's own classes are things."""
        thing = True if self.own else None
        return Categories(
            Category(i, name, isthing=thing if i else False, color=color)
            for i, (name, color) in enumerate(self.rows)
        )

    @property
    def by_color(self) -> dict[int, int]:
        """``{r + 256 g + 65536 b: index}``, for maps that are stored as colours; white-ish void too."""
        found = {_packed(color): i for i, (_, color) in reversed(list(enumerate(self.rows)))}
        found.setdefault(_packed(_color(VOID)), VOID)
        return found


OWN = Classes(
    tuple((name, (int(r), int(g), int(b))) for name, (r, g, b) in zip(NAMES, COLORS, strict=False)), True
)
OBJECTS_BY_COLOR = {int(r) + 256 * int(g) + 65_536 * int(b): i for i, (r, g, b) in enumerate(COLORS)}
"""Index of each colour of ``COLORS``."""


def _packed(color: Color) -> int:
    return color[0] + 256 * color[1] + 65_536 * color[2]


def _color(index: int) -> Color:
    r, g, b = COLORS[index].tolist()
    return r, g, b


def read_classes(file: Path) -> Classes:
    """Read ``labelmap.txt`` (lines ``name:r,g,b:parts:actions``) or ``class_names.txt`` (a name a line).

    In a label map ``background`` is class 0 wherever it stands, as it is where nothing is called so.

    Raises
    ------
    DataError
        When a line is none, a name stands twice, or there are more than 254.
    """
    rows: list[tuple[str, Color | None]] = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            rows.append(_row(line.strip(), file=file, field=f"line {number}"))
    at = next((i for i, (name, _) in enumerate(rows) if name in _BACKGROUNDS), None)
    rows.insert(0, ("background", None) if at is None else rows.pop(at))
    if len({name for name, _ in rows}) < len(rows):
        raise DataError("a name stands twice", file=file)
    if len(rows) > LARGEST + 1:
        raise DataError(f"has {len(rows)} classes; 0 to {LARGEST} fit 8 bits beside void", file=file)
    return Classes(tuple((n, _color(i) if c is None else c) for i, (n, c) in enumerate(rows)))


def _row(line: str, **where: object) -> tuple[str, Color | None]:
    fields = line.split(":")
    if len(fields) < _FIELDS or not fields[1].strip():
        return fields[0].strip(), None
    try:
        r, g, b = (int(v) for v in fields[1].split(","))
        bytes([r, g, b])
    except ValueError:
        raise DataError(f"has {fields[1]!r}, no colour r,g,b of 0 to 255", **where) from None  # type: ignore[arg-type]
    return fields[0].strip(), (r, g, b)


def to_text(classes: Classes) -> str:
    """Return the text of ``labelmap.txt``."""
    lines = [f"{name}:{','.join(map(str, color))}::\n" for name, color in classes.rows]
    return "# label:color_rgb:parts:actions\n" + "".join(lines)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The classes that a data set is written with, and the class of each category, None for one without."""

    classes: Classes
    index: tuple[int | None, ...]


def choose_classes(categories: Categories) -> Chosen:
    """Choose classes: VOC's own where every category is called like one of them, else the source's ids.

    Class 0 is a category called background, or one that no category is; where the source's ids do not fit,
    classes are numbered from 1.

    Raises
    ------
    DataError
        When a name cannot stand in ``labelmap.txt``, or stands twice.
    """
    names = [c.name for c in categories]
    if set(names) <= set(NAMES) and len(set(names)) == len(names):
        return Chosen(OWN, tuple(NAMES.index(name) for name in names))
    _check_names(names)
    background = next((c.id for c in categories if c.name in _BACKGROUNDS), None)
    keys = {c.id: BACKGROUND if c.id == background else c.key for c in categories}
    others = [key for i, key in keys.items() if i != background]
    if not others or not _are_numbers(others):
        rest = [c.id for c in categories if c.id != background]
        keys |= {category_id: i for i, category_id in enumerate(rest, 1)}
    index = tuple(key if key <= LARGEST else None for key in (keys[c.id] for c in categories))
    return Chosen(_classes(categories, index), index)


def _are_numbers(keys: Sequence[int]) -> bool:
    """Whether ids are 1 … N, as the lines of a label map number them."""
    return sorted(keys) == list(range(1, len(keys) + 1))


def _check_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if ":" in name or name != name.strip() or name.startswith("#") or len(name.splitlines()) != 1:
            raise DataError(
                f"the name {name!r} cannot stand in labelmap.txt; rename it with --labels", field="categories"
            )
        if name in seen:
            raise DataError(
                f"two categories are called {name!r}; rename one with --labels", field="categories"
            )
        seen.add(name)


def _classes(categories: Categories, index: Sequence[int | None]) -> Classes:
    """Names by class, with the source's colours where all have one and all differ."""
    by_class = {i: c for c, i in zip(categories, index, strict=True) if i is not None}
    colors = {i: c.color for i, c in by_class.items() if i}
    given = set(colors.values()) | {(0, 0, 0), _color(VOID)}
    own = None not in given and len(given) == len(colors) + 2
    rows = [("background", _color(0))]
    if BACKGROUND in by_class:
        rows[0] = (by_class[BACKGROUND].name, _color(0))
    rows += [(by_class[i].name, (own and colors[i]) or _color(i)) for i in sorted(colors)]
    return Classes(tuple(rows))
