"""The writing half of Mapillary Vistas: maps of labels and of objects, pictures, and ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats import label_maps, map_losses
from segbench.formats.flatten import Flat, flatten
from segbench.formats.mapillary_labels import NUMBERING, Numbers, config_of, number
from segbench.formats.plain_json import dump_json
from segbench.formats.value_maps import ZERO_ID

EXTRA = "mapillary"
"""Key of ``Dataset.extra``: the config of the source."""


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``labels``, ``instances`` and ``images`` of each split as in v1.2, and ``config.json``.

    Data without objects has no ``instances``.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    config = config_of(dataset.categories, dataset.extra.get(EXTRA))
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(config.labels)] = [label.color for label in config.labels]
    numbers = number(dataset.categories)
    with pen.folder(target) as folder:
        label_maps.put_all(dataset, pen, _Put(folder, images, dataset.categories, numbers, colors))
        place(folder / "config.json", dump_json(config.content, indent=1))


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the maps and the picture of a sample."""

    folder: Path
    images: str
    categories: Categories
    numbers: Numbers
    colors: NDArray[np.uint8]

    def __call__(self, at: label_maps.Place) -> None:
        flat, numbers = flatten(at.sample), self.numbers
        keys = [_key(s, numbers) for s in flat.segments]
        labels = encode_labels(flat.painted(keys, numbers.void, np.uint8), self.colors)
        place(self.folder / f"{at.split}/labels/{at.stem}.png", labels)
        if at.sample.kind != "semantic":
            values = _values(flat, self.categories, numbers)
            objects = flat.painted(values, numbers.void * NUMBERING.base, np.uint16)
            place(self.folder / f"{at.split}/instances/{at.stem}.png", encode_labels(objects))
        label_maps.put_picture(self.folder / at.split / "images", at, self.images)


def _key(segment: Segment, numbers: Numbers) -> int | None:
    """The label of a segment; None for ignore regions, which are void."""
    return None if segment.ignore else numbers.keys[segment.category_id]


def _values(flat: Flat, categories: Categories, numbers: Numbers) -> list[int | None]:
    """The value of each segment in ``instances``; an object for which there is none joins the first."""
    rows: list[tuple[int, int | None, bool]] = []
    for s in flat.segments:
        key, value = _key(s, numbers), 0 if s.id == ZERO_ID else s.id
        numbered = s.source_kind == "map" and NUMBERING.parts(value)[0] == key
        rows.append((value, key, categories[s.category_id].isthing is not False or numbered))
    given = NUMBERING.give(rows)
    return [
        value if value is not None or key is None else NUMBERING.bare_value(key)
        for value, (_, key, _) in zip(given, rows, strict=True)
    ]


@map_losses.once
def _plan(sample: Sample, categories: Categories) -> map_losses.Plan:
    flat = flatten(sample)
    values = _values(flat, categories, number(categories))
    read = [ZERO_ID if value == 0 else value for value in values]
    return map_losses.Plan(flat, read, [value is not None for value in values])


def _instances(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.lost(_plan(sample, categories), lambda _: False)


def _ids(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.renumbered(_plan(sample, categories))


def _without_label(dataset: Dataset) -> list[str]:
    keys = number(dataset.categories).keys
    return [c.name for c in dataset.categories if keys[c.id] is None]


def _renumbered_categories(dataset: Dataset) -> list[str]:
    keys = number(dataset.categories).keys
    return [f"{c.name} is {c.key}" for c in dataset.categories if keys[c.id] not in (None, c.key)]


def _fields(dataset: Dataset) -> list[str]:
    others = dataset.extra.get("category_fields", {})
    return [
        c.name for c in dataset.categories if c.parent or c.synset or c.frequency or others.get(str(c.key))
    ]


def _about(dataset: Dataset) -> list[str]:
    return sorted(dataset.extra.keys() - {EXTRA, "category_fields", "string_ids", "split_extra"})


LOSES: dict[str, Any] = {
    "instances": _instances,
    "ids": _ids,
    "ignore": lambda sample, _: sum(s.ignore for s in sample.segments),
    "wide_ids": _without_label,
    "category_ids": _renumbered_categories,
    "category_fields": _fields,
    "about": _about,
}
