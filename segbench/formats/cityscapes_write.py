"""The writing half of Cityscapes: maps as its evaluations read them, and polygons where still true."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segbench.canonical.atomic import replace_folder
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.paths import check_name
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample, Segment
from segbench.formats import map_losses
from segbench.formats.cityscapes_labels import (
    NO_TRAIN_ID,
    NUMBERING,
    UNLABELED,
    Chosen,
    Label,
    choose_labels,
    to_rows,
)
from segbench.formats.cityscapes_polygons import digest
from segbench.formats.flatten import Flat, flatten
from segbench.formats.pictures import Names, in_splits, picture_name, picture_stem, place_picture
from segbench.formats.plain_json import dump_json

EXTRA = "cityscapes"
"""Key of ``Sample.extra``: the polygons of the source, and the hash of the map that was read with them."""
UNNUMBERED = "_000000_000000"
"""Put behind names without numbers of sequence and frame, which Cityscapes' tools look for."""

_CORE = re.compile(r"[^_]+_\d+_\d+")
_labels_of = lru_cache(maxsize=4)(choose_labels)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> None:
    """Write ``gtFine`` and ``leftImg8bit``, and ``labels.json`` where labels are not Cityscapes' own.

    Data without objects has ``labelIds`` and ``labelTrainIds`` alone.

    Raises
    ------
    DataError
        When two files would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen, taken = _labels_of(dataset.categories), Names()
    with replace_folder(target) as folder:
        for split, sample in zip(in_splits(dataset.splits), progress(iter(dataset)), strict=True):
            name = taken.take(f"{split}/{_name(sample)}", sample)
            for ending, data in _files(sample, chosen):
                place(folder / f"gtFine/{name}_gtFine_{ending}", data)
            suffix = PurePosixPath(picture_name(sample)).suffix
            place_picture(folder / f"leftImg8bit/{name}_leftImg8bit{suffix}", sample, images)
        if not chosen.own:
            rows = to_rows(label for label in chosen.labels if label is not None)
            place(folder / "labels.json", dump_json(rows, indent=1))


def _name(sample: Sample) -> str:
    """``city/city_000000_000019`` of a name of that form; any other name gets numbers of 0."""
    if _CORE.fullmatch(sample.image_id):
        core = sample.image_id
        return check_name(f"{core.split('_', 1)[0]}/{core}", image_id=sample.image_id, field="image_id")
    name = picture_stem(sample).replace("/", "-").replace("_", "-")
    return f"images/{name}{UNNUMBERED}"


def _files(sample: Sample, chosen: Chosen) -> Iterator[tuple[str, bytes]]:
    flat = flatten(sample)
    labels = [_label(chosen, segment) for segment in flat.segments]
    ids = [None if label is None else label.id for label in labels]
    yield "labelIds.png", encode_labels(flat.painted(ids, UNLABELED, np.uint8))
    trained = [None if label is None or label.train_id < 0 else label.train_id for label in labels]
    yield "labelTrainIds.png", encode_labels(flat.painted(trained, NO_TRAIN_ID, np.uint8))
    if sample.kind == "semantic":
        return
    objects = flat.painted(_values(flat, chosen), UNLABELED, np.uint16)
    yield "instanceIds.png", encode_labels(objects)
    kept = sample.extra.get(EXTRA)
    if isinstance(kept, dict) and "polygons" in kept and kept.get("map") == digest(objects):
        yield "polygons.json", dump_json(kept["polygons"], image_id=sample.image_id)


def _label(chosen: Chosen, segment: Segment) -> Label | None:
    """The label of a segment, None for void: ignore regions of labels that are looked at are void too."""
    label = chosen.labels[segment.category_id]
    if label is None or label.id < 0 or (segment.ignore and not label.ignored):
        return None
    return label


def _values(flat: Flat, chosen: Chosen) -> list[int | None]:
    """The value of each segment in ``instanceIds``; objects for which there is no number join the class."""
    rows: list[tuple[int, int | None, bool]] = []
    for segment in flat.segments:
        label = _label(chosen, segment)
        key = None if label is None else label.id
        numbered = key is not None and NUMBERING.parts(segment.id)[0] == key and segment.id >= NUMBERING.base
        is_thing = label is not None and label.is_thing
        rows.append((segment.id, key, not segment.iscrowd and (is_thing or numbered)))
    given = NUMBERING.give(rows)
    return [
        value if value is not None or key is None else NUMBERING.bare_value(key)
        for value, (_, key, _) in zip(given, rows, strict=True)
    ]


def _planned(sample: Sample, categories: Categories) -> map_losses.Plan:
    flat, chosen = flatten(sample), _labels_of(categories)
    values = _values(flat, chosen)
    objects = [value is not None and value >= NUMBERING.base for value in values]
    return map_losses.Plan(flat, values, objects)


def _instances(sample: Sample, categories: Categories) -> int:
    if sample.kind == "semantic":
        return 0
    chosen = _labels_of(categories)

    def is_object(category_id: int) -> bool:
        label = chosen.labels[category_id]
        return label is not None and label.is_thing

    return map_losses.lost(_planned(sample, categories), is_object)


def _ids(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.renumbered(_planned(sample, categories))


def _ignored(sample: Sample, categories: Categories) -> int:
    """Ignore regions that become void, and others whose label no evaluation looks at."""
    labels = _labels_of(categories).labels
    return sum(
        s.ignore != label.ignored for s in sample.segments if (label := labels[s.category_id]) is not None
    )


def _crowds(sample: Sample, categories: Categories) -> int:
    """Groups of what is no thing here."""
    labels = _labels_of(categories).labels
    return sum(
        s.iscrowd and not label.is_thing
        for s in sample.segments
        if (label := labels[s.category_id]) is not None
    )


def _isthing(sample: Sample, categories: Categories) -> int:
    labels = _labels_of(categories).labels
    return sum(
        categories[s.category_id].isthing is (not label.is_thing)
        for s in sample.segments
        if (label := labels[s.category_id]) is not None
    )


def _extra(sample: Sample, _: Categories) -> int:
    return int(bool(sample.extra.keys() - {EXTRA}))


def _without_label(dataset: Dataset) -> list[str]:
    labels = _labels_of(dataset.categories).labels
    pairs = zip(dataset.categories, labels, strict=True)
    return [c.name for c, label in pairs if label is None or label.id < 0]


def _renumbered_categories(dataset: Dataset) -> list[str]:
    labels = _labels_of(dataset.categories).labels
    pairs = zip(dataset.categories, labels, strict=True)
    return [f"{c.name} is {c.key}" for c, label in pairs if label is not None and label.id != c.key]


def _fields(dataset: Dataset) -> list[str]:
    """Categories of which more is said than a label holds, or something else."""
    others = dataset.extra.get("category_fields", {})
    pairs = zip(dataset.categories, _labels_of(dataset.categories).labels, strict=True)
    return [c.name for c, label in pairs if others.get(str(c.key)) or not _is_said(c, label)]


def _is_said(category: Category, label: Label | None) -> bool:
    if category.synset or category.frequency:
        return False
    return label is None or (category.color in (None, label.color) and category.parent in (None, label.group))


LOSES: dict[str, Any] = {
    "instances": _instances,
    "ids": _ids,
    "ignore": _ignored,
    "crowd": _crowds,
    "isthing": _isthing,
    "extra": _extra,
    "wide_ids": _without_label,
    "category_ids": _renumbered_categories,
    "category_fields": _fields,
}
