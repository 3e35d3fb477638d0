"""The labels of Mapillary Vistas: what ``config.json`` says of each class.

Source: the README and ``config.json`` of the data set (Neuhold et al., ICCV 2017): a list of labels by index,
each with ``name``, ``readable``, ``instances``, ``evaluate`` and ``color``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.plain_json import need_items, read_object
from segbench.formats.value_maps import Numbering
from segbench.formats.voc_labels import COLORS

NUMBERING = Numbering(base=256, first=0, bare="zero")
"""``instances``: ``class * 256 + n``; of stuff n is 0."""
MOST = 255
"""Classes beside the one of void: a map of labels has 8 bits, its largest value is 255."""
VOID_NAME = "void--unlabeled"
_VOID_NAMES = (VOID_NAME, "unlabeled")


class Label(NamedTuple):
    """One class; pixels of a class that is not evaluated are ignored."""

    name: str
    is_thing: bool
    evaluated: bool
    color: tuple[int, int, int]

    @property
    def is_void(self) -> bool:
        """Whether it is the class of what nothing is said of."""
        return self.name.lower() in _VOID_NAMES


@dataclass(frozen=True, slots=True)
class Config:
    """The labels by index, and the JSON that says so."""

    labels: tuple[Label, ...]
    content: dict[str, Any]

    @property
    def categories(self) -> Categories:
        """The labels as categories, but for void."""
        kept = [(key, label) for key, label in enumerate(self.labels) if not label.is_void]
        return Categories(
            Category(
                id=i, name=label.name, source_id=None if key == i else key, isthing=label.is_thing,
                color=label.color,
            )
            for i, (key, label) in enumerate(kept)
        )  # fmt: skip

    @property
    def void(self) -> int:
        """Index of the class of void: the one of that name, or the next that is free."""
        return next((i for i, label in enumerate(self.labels) if label.is_void), len(self.labels))


def read_config(file: Path) -> Config:
    """Read a ``config.json``.

    Raises
    ------
    DataError
        When it is none, or a name stands twice.
    """
    content = read_object(file)
    rows = need_items(content, "labels", file=file)
    labels = tuple(_label(row, file, f"labels[{i}]") for i, row in enumerate(rows))
    if not labels or len(labels) > MOST + 1:
        raise DataError(f"has {len(labels)} labels; 1 to {MOST + 1} fit 8 bits", file=file, field="labels")
    if len({label.name for label in labels}) < len(labels):
        raise DataError("a name stands twice", file=file, field="labels")
    return Config(labels, content)


def _label(row: dict[str, Any], file: Path, field: str) -> Label:
    for key, kind in (("name", str), ("instances", bool)):
        if type(row.get(key)) is not kind:
            raise DataError(f"is missing, or no {kind.__name__}", file=file, field=f"{field}.{key}")
    color = row.get("color")
    if (
        not isinstance(color, list)
        or [type(v) for v in color] != [int] * 3
        or not all(0 <= v <= 255 for v in color)
    ):
        raise DataError("is no [r, g, b] of 0 to 255", file=file, field=f"{field}.color")
    evaluated = row.get("evaluate", True)
    return Label(row["name"], row["instances"], evaluated is True, (color[0], color[1], color[2]))


class Numbers(NamedTuple):
    """Index of each category, None for one without room; and that of void."""

    keys: tuple[int | None, ...]
    void: int


def number(categories: Categories) -> Numbers:
    """Number categories by their source ids where these are 0, 1, … with at most one gap, else by place."""
    keys = sorted(c.key for c in categories)
    gaps = sorted(set(range(len(keys) + 1)) - set(keys))
    if len(keys) <= MOST and len(gaps) == 1:
        return Numbers(tuple(c.key for c in categories), gaps[0])
    n = min(len(keys), MOST)
    return Numbers(tuple(c.id if c.id < n else None for c in categories), n)


def config_of(categories: Categories, kept: object) -> Config:
    """Return the config to write: the source's JSON where it names these categories, else a new one.

    Raises
    ------
    DataError
        When two categories have one name, or one is called as void is.
    """
    numbers = number(categories)
    void = Label(VOID_NAME, False, False, (0, 0, 0))
    labels = [void] * (sum(key is not None for key in numbers.keys) + 1)
    for category, key in zip(categories, numbers.keys, strict=True):
        if key is not None:
            color = category.color or _color(COLORS[(key + 1) % 256].tolist())
            labels[key] = Label(category.name, category.isthing is not False, True, color)
    if isinstance(kept, dict) and isinstance(kept.get("labels"), list):
        said = [row.get("name") if isinstance(row, dict) else None for row in kept["labels"]]
        ours = [said[i] if x is void and i < len(said) else x.name for i, x in enumerate(labels)]
        if said == ours[: len(said)] and len(said) >= len(labels) - 1:
            return Config(tuple(labels), kept)
    _check_names([c.name for c in categories])
    rows = [
        {
            "name": x.name,
            "readable": x.name,
            "instances": x.is_thing,
            "evaluate": x.evaluated,
            "color": [*x.color],
        }
        for x in labels
    ]
    return Config(tuple(labels), {"labels": rows, "version": "1.2"})


def _check_names(names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i] or name.lower() in _VOID_NAMES:
            raise DataError(f"{name!r} stands twice, or is void; rename it with --labels", field="categories")


def _color(color: list[int]) -> tuple[int, int, int]:
    r, g, b = color
    return r, g, b
