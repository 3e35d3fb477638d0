"""The labels of Cityscapes, and of data sets that are written in its form with labels of their own.

Source of the table: cityscapesScripts 2.3.0, ``helpers/labels.py`` (Cordts et al., The Cityscapes dataset,
CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.plain_json import dump_json, read_json
from segbench.formats.value_maps import Numbering
from segbench.formats.voc_labels import COLORS

Color = tuple[int, int, int]

NUMBERING = Numbering(base=1000, first=0, bare="key")
"""``instanceIds``: a thing is ``label * 1000 + n`` in 16 bits; a label by itself is stuff, or a group."""

UNLABELED = 0
"""Label of what nothing is said of; on a map of train ids it is 255."""
NO_TRAIN_ID = 255
LARGEST = 254
"""Largest label: maps of labels have 8 bits, in which 255 is no label."""
MOST_THINGS = 65
"""Largest label of things: 65,999 does not fit 16 bits, but 65,000 to 65,535 do."""


class Label(NamedTuple):
    """One label; id -1 is never drawn, ``ignored`` are labels that no evaluation looks at."""

    name: str
    id: int
    train_id: int
    group: str
    is_thing: bool
    ignored: bool
    color: Color


def _rows() -> tuple[Label, ...]:
    return (
        #      name                   id  train  group          thing  ignored  color
        Label("unlabeled",             0, 255, "void",         False, True,  (0, 0, 0)),
        Label("ego vehicle",           1, 255, "void",         False, True,  (0, 0, 0)),
        Label("rectification border",  2, 255, "void",         False, True,  (0, 0, 0)),
        Label("out of roi",            3, 255, "void",         False, True,  (0, 0, 0)),
        Label("static",                4, 255, "void",         False, True,  (0, 0, 0)),
        Label("dynamic",               5, 255, "void",         False, True,  (111, 74, 0)),
        Label("ground",                6, 255, "void",         False, True,  (81, 0, 81)),
        Label("road",                  7,   0, "flat",         False, False, (128, 64, 128)),
        Label("sidewalk",              8,   1, "flat",         False, False, (244, 35, 232)),
        Label("parking",               9, 255, "flat",         False, True,  (250, 170, 160)),
        Label("rail track",           10, 255, "flat",         False, True,  (230, 150, 140)),
        Label("building",             11,   2, "construction", False, False, (70, 70, 70)),
        Label("wall",                 12,   3, "construction", False, False, (102, 102, 156)),
        Label("fence",                13,   4, "construction", False, False, (190, 153, 153)),
        Label("guard rail",           14, 255, "construction", False, True,  (180, 165, 180)),
        Label("bridge",               15, 255, "construction", False, True,  (150, 100, 100)),
        Label("tunnel",               16, 255, "construction", False, True,  (150, 120, 90)),
        Label("pole",                 17,   5, "object",       False, False, (153, 153, 153)),
        Label("polegroup",            18, 255, "object",       False, True,  (153, 153, 153)),
        Label("traffic light",        19,   6, "object",       False, False, (250, 170, 30)),
        Label("traffic sign",         20,   7, "object",       False, False, (220, 220, 0)),
        Label("vegetation",           21,   8, "nature",       False, False, (107, 142, 35)),
        Label("terrain",              22,   9, "nature",       False, False, (152, 251, 152)),
        Label("sky",                  23,  10, "sky",          False, False, (70, 130, 180)),
        Label("person",               24,  11, "human",        True,  False, (220, 20, 60)),
        Label("rider",                25,  12, "human",        True,  False, (255, 0, 0)),
        Label("car",                  26,  13, "vehicle",      True,  False, (0, 0, 142)),
        Label("truck",                27,  14, "vehicle",      True,  False, (0, 0, 70)),
        Label("bus",                  28,  15, "vehicle",      True,  False, (0, 60, 100)),
        Label("caravan",              29, 255, "vehicle",      True,  True,  (0, 0, 90)),
        Label("trailer",              30, 255, "vehicle",      True,  True,  (0, 0, 110)),
        Label("train",                31,  16, "vehicle",      True,  False, (0, 80, 100)),
        Label("motorcycle",           32,  17, "vehicle",      True,  False, (0, 0, 230)),
        Label("bicycle",              33,  18, "vehicle",      True,  False, (119, 11, 32)),
        Label("license plate",        -1,  -1, "vehicle",      False, True,  (0, 0, 142)),
    )  # fmt: skip


LABELS = _rows()

_FIELDS: dict[str, tuple[str, type]] = {
    "name": ("name", str),
    "id": ("id", int),
    "trainId": ("train_id", int),
    "category": ("group", str),
    "hasInstances": ("is_thing", bool),
    "ignoreInEval": ("ignored", bool),
}
"""The names that Cityscapes' table has for what :class:`Label` holds."""


def read_labels(file: Path) -> tuple[Label, ...]:
    """Read ``labels.json``: a list of ``{"name", "id", "trainId", "category", "hasInstances", …}``.

    Raises
    ------
    DataError
        When it is none, or two labels have one id.
    """
    rows = read_json(file)
    if not isinstance(rows, list):
        raise DataError("is no list of labels", file=file)
    labels = tuple(_label(row, file, f"[{i}]") for i, row in enumerate(rows))
    if len({label.id for label in labels}) < len(labels):
        raise DataError("two labels have one id", file=file, field="id")
    return labels


def _label(row: Any, file: Path, field: str) -> Label:
    if not isinstance(row, dict):
        raise DataError("is no object", file=file, field=field)
    for name, (_, kind) in _FIELDS.items():
        if type(row.get(name)) is not kind:
            raise DataError(f"is missing, or no {kind.__name__}", file=file, field=f"{field}.{name}")
    color = row.get("color")
    if not isinstance(color, list) or [type(v) for v in color] != [int] * 3 or not _is_color(color):
        raise DataError("is no [r, g, b] of 0 to 255", file=file, field=f"{field}.color")
    if not -1 <= row["id"] <= LARGEST:
        raise DataError(f"is {row['id']}; labels are -1 to {LARGEST}", file=file, field=f"{field}.id")
    values = {ours: row[theirs] for theirs, (ours, _) in _FIELDS.items()}
    return Label(**values, color=(color[0], color[1], color[2]))


def _is_color(color: Iterable[int]) -> bool:
    return all(0 <= v <= 255 for v in color)


def categories_of(labels: Iterable[Label]) -> Categories:
    """Return the labels that are drawn as categories, by rising id."""
    drawn = sorted((label for label in labels if label.id >= 0), key=lambda label: label.id)
    return Categories(
        Category(
            id=i,
            name=label.name,
            source_id=None if label.id == i else label.id,
            isthing=label.is_thing,
            color=label.color,
            parent=label.group,
        )
        for i, label in enumerate(drawn)
    )


def train_categories(labels: Iterable[Label]) -> Categories:
    """Return the labels that have a train id of their own as categories, by rising train id."""
    by_id: dict[int, Label] = {}
    for label in labels:
        if 0 <= label.train_id < NO_TRAIN_ID:
            by_id.setdefault(label.train_id, label)
    drawn = [by_id[i]._replace(id=i) for i in sorted(by_id)]
    return categories_of(drawn)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The labels that a data set is written with.

    Attributes
    ----------
    labels
        That of each category, by dense id; None where there is no room for it.
    own
        Whether they are Cityscapes' own, and need not be told.
    """

    labels: tuple[Label | None, ...]
    own: bool

    def to_json(self) -> bytes:
        """The file that tells them, as :func:`read_labels` reads it."""
        rows = [
            {theirs: getattr(label, ours) for theirs, (ours, _) in _FIELDS.items()}
            | {"color": list(label.color)}
            for label in self.labels
            if label is not None
        ]
        return dump_json(rows, indent=1)


def choose_labels(
    categories: Categories,
    own: Sequence[Label] = LABELS,
    *,
    first: int = UNLABELED + 1,
    last_thing: int = MOST_THINGS,
) -> Chosen:
    """Choose labels: a format's own where every category is called like one of them, else new ones.

    New labels are the source ids where these fit, else things come first. Categories of which the source does
    not say whether they are things are things, as instances are told apart.
    """
    by_name = {label.name: label for label in own}
    if len(categories) and all(c.name in by_name for c in categories):
        return Chosen(tuple(by_name[c.name] for c in categories), own=True)

    def fits(category: Category, label: int) -> bool:
        return first <= label <= (LARGEST if category.isthing is False else last_thing)

    ids = {c.id: c.key for c in categories}
    if not all(fits(c, c.key) for c in categories):
        ordered = sorted(categories, key=lambda c: (c.isthing is False, c.id))
        ids = {c.id: i for i, c in enumerate(ordered, first)}
    return Chosen(tuple(_new(c, ids[c.id]) if fits(c, ids[c.id]) else None for c in categories), own=False)


def _new(category: Category, label: int) -> Label:
    is_thing = category.isthing is not False
    r, g, b = category.color or COLORS[label].tolist()
    return Label(category.name, label, category.id, category.parent or "", is_thing, False, (r, g, b))
