"""The classes of BDD100K's tasks, and of data sets that are written in its form with classes of their own.

Sources: ``bdd100k/label/label.py`` and ``bdd100k/configs`` of bdd100k 1.0.1 (Yu et al., BDD100K, CVPR 2020).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.cityscapes_labels import LABELS, NO_TRAIN_ID
from segbench.formats.label_maps import Chosen, Written, choose
from segbench.formats.pictures import read_text

CONFIG = "config.toml"
"""Names other classes, in the form of bdd100k's own configurations."""
IGNORE, CROWD = 1, 2
FLAGS = {"occluded": 4, "truncated": 8}
"""Bits of G, beside those of regions to ignore and of crowds."""

_PANOPTIC = """
    dynamic, ego vehicle, ground, static, parking, rail track, road, sidewalk, bridge, building, fence,
    garage, guard rail, tunnel, wall, banner, billboard, lane divider, parking sign, pole, polegroup,
    street light, traffic cone, traffic device, traffic light, traffic sign, traffic sign frame, terrain,
    vegetation, sky, person, rider, bicycle, bus, car, caravan, motorcycle, trailer, train, truck
"""
_LAST_STUFF = 30
_OBJECTS = "pedestrian, rider, car, truck, bus, train, motorcycle, bicycle"


@dataclass(frozen=True, slots=True)
class Task:
    """One of BDD100K's tasks.

    Attributes
    ----------
    kind
        What its annotations are: ``instance``, ``panoptic`` or ``semantic``.
    folders
        Names of its folder, the first that is there is read; and of the pictures.
    own
        Its classes.
    void
        Value of what is not scored; of bitmasks 0.
    """

    kind: str
    folders: tuple[str, ...]
    pictures: tuple[str, ...]
    own: tuple[Written, ...]
    void: int = 0

    @property
    def first(self) -> int:
        """Value of the first class."""
        return 0 if self.kind == "semantic" else 1

    @property
    def form(self) -> str:
        """Folder of its PNGs."""
        return "masks" if self.kind == "semantic" else "bitmasks"


def _numbered(names: str, last_stuff: int = 0) -> tuple[Written, ...]:
    listed = enumerate(" ".join(names.split()).split(", "), 1)
    return tuple(Written(name, i, i > last_stuff, None) for i, name in listed)


_TRAINED = sorted((x for x in LABELS if 0 <= x.train_id < NO_TRAIN_ID), key=lambda x: x.train_id)
TASKS = {
    "pan_seg": Task("panoptic", ("pan_seg",), ("10k",), _numbered(_PANOPTIC, _LAST_STUFF)),
    "seg_track": Task("instance", ("seg_track_20", "seg_track"), ("seg_track_20",), _numbered(_OBJECTS)),
    "ins_seg": Task("instance", ("ins_seg",), ("10k",), _numbered(_OBJECTS)),
    "sem_seg": Task(
        "semantic", ("sem_seg",), ("10k",),
        tuple(Written(x.name, x.train_id, x.is_thing, x.color) for x in _TRAINED), NO_TRAIN_ID,
    ),
    "drivable": Task(
        "semantic", ("drivable",), ("100k",),
        (
            Written("direct", 0, False, (219, 94, 86)),
            Written("alternative", 1, False, (86, 211, 219)),
        ),
        2,
    ),
}  # fmt: skip
"""By name. The background of ``drivable``, 2, is not looked at by its evaluation."""


def categories_of(task: Task, path: Path) -> Categories:
    """Return the classes of a task: those of ``config.toml`` in a folder, else its own.

    Raises
    ------
    DataError
        When that file is damaged, or has more classes than fit.
    """
    file = path / CONFIG
    rows = list(_rows(file, task.first)) if file.is_file() else task.own
    if len(rows) > 255:
        raise DataError(f"has {len(rows)} classes; at most 255 fit 8 bits", file=file, field="categories")
    return Categories(
        Category(i, r.name, source_id=None if r.value == i else r.value, isthing=r.isthing, color=r.color)
        for i, r in enumerate(rows)
    )


def choose_classes(categories: Categories, task: Task) -> Chosen:
    """Choose the values of categories: a task's own where all are called so, else by place."""
    chosen = choose(categories, task.own, task.first, 255 if task.first else 254)
    if chosen.own:
        return chosen
    pairs = zip(categories, chosen.rows, strict=True)
    return Chosen(tuple(row and row._replace(isthing=c.isthing) for c, row in pairs), own=False)


def dump_config(categories: Categories, chosen: Chosen) -> bytes:
    """Return ``config.toml`` of the classes that there are values for."""
    lines = ["[scalabel]\n"] if any(chosen.rows) else ["[scalabel]\ncategories = []\n"]
    for category, row in zip(categories, chosen.rows, strict=True):
        if row is None:
            continue
        name = json.dumps(category.name, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"\n[[scalabel.categories]]\nname = {name}\n")
        if category.isthing is not None:
            lines.append(f"isThing = {str(category.isthing).lower()}\n")
        if category.color is not None:
            lines.append(f"color = {[*category.color]}\n")
    return "".join(lines).encode()


def _rows(file: Path, first: int) -> Iterator[Written]:
    """The classes of a configuration: those that have none below them, numbered by place."""
    try:
        content = tomllib.loads(read_text(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"is not valid TOML: {error}", file=file) from None
    scalabel = content.get("scalabel")
    found = scalabel.get("categories") if isinstance(scalabel, dict) else None
    if not isinstance(found, list):
        raise DataError("is missing, or no list", file=file, field="scalabel.categories")
    for value, row in enumerate(leaves(found, file), first):
        name, is_thing, color = row.get("name"), row.get("isThing"), row.get("color")
        where: dict[str, Any] = {"file": file, "field": f"scalabel.categories: {name!r}"}
        if not isinstance(name, str) or type(is_thing) not in (bool, type(None)):
            raise DataError("has no name, or an isThing that is no bool", **where)
        if color is not None and not _is_color(color):
            raise DataError("color: is no [r, g, b] of 0 to 255", **where)
        yield Written(name, value, is_thing, None if color is None else (color[0], color[1], color[2]))


def leaves(rows: list[Any], file: Path) -> Iterator[dict[str, Any]]:
    """Yield the classes of a configuration that have none below them.

    Raises
    ------
    DataError
        When one is no table.
    """
    for row in rows:
        if not isinstance(row, dict):
            raise DataError("holds what is no table", file=file, field="scalabel.categories")
        below = row.get("subcategories")
        if isinstance(below, list) and below:
            yield from leaves(below, file)
        else:
            yield row


def _is_color(color: Any) -> bool:
    return (
        isinstance(color, list)
        and [type(v) for v in color] == [int] * 3
        and all(0 <= v <= 255 for v in color)
    )
