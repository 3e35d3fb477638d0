"""The writing half of Cityscapes: maps as its evaluations read them, and polygons where still true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.paths import check_name
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.formats.cityscapes_labels import (
    NO_TRAIN_ID,
    NUMBERING,
    UNLABELED,
    Chosen,
    choose_labels,
)
from segbench.formats.cityscapes_polygons import digest
from segbench.formats.flatten import flatten
from segbench.formats.image_names import ImageNames
from segbench.formats.labelled_maps import LabelWriter
from segbench.formats.pictures import Names, in_splits, picture_name, picture_stem, place_picture
from segbench.formats.plain_json import dump_json

EXTRA = "cityscapes"
"""Key of ``Sample.extra``: the polygons of the source, and the hash of the map that was read with them."""
UNNUMBERED = "_000000_000000"
"""Put behind names without numbers of sequence and frame, which Cityscapes' tools look for."""

_CORE = re.compile(r"[^_]+_\d+_\d+")
_labels_of = lru_cache(maxsize=4)(choose_labels)
_WRITER = LabelWriter(_labels_of, NUMBERING)


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``gtFine`` and ``leftImg8bit``, and ``labels.json`` where labels are not Cityscapes' own.

    Data without objects has ``labelIds`` and ``labelTrainIds`` alone.

    Raises
    ------
    DataError
        When two files would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _labels_of(dataset.categories)
    with pen.folder(target) as folder:
        put = _Put(folder, in_splits(dataset.splits), images, chosen)
        Names().take_all(pen.each(dataset, put), dataset.image_ids)
        if not chosen.own:
            place(folder / "labels.json", chosen.to_json())


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the maps and the picture of a sample; returns the beginning of their names."""

    folder: Path
    splits: Sequence[str]
    images: str
    chosen: Chosen

    def __call__(self, index: int, sample: Sample) -> str:
        name = f"{self.splits[index]}/{_name(sample)}"
        for ending, data in _files(sample, self.chosen):
            place(self.folder / f"gtFine/{name}_gtFine_{ending}", data)
        suffix = PurePosixPath(picture_name(sample)).suffix
        place_picture(self.folder / f"leftImg8bit/{name}_leftImg8bit{suffix}", sample, self.images)
        return name


def _name(sample: Sample) -> str:
    """``city/city_000000_000019`` of a name of that form; any other name gets numbers of 0."""
    if _CORE.fullmatch(sample.image_id):
        core = sample.image_id
        return check_name(f"{core.split('_', 1)[0]}/{core}", image_id=sample.image_id, field="image_id")
    name = picture_stem(sample).replace("/", "-").replace("_", "-")
    return f"images/{name}{UNNUMBERED}"


def core_of(name: str) -> str:
    """Return the image id of files whose names begin so: without city and numbers of 0."""
    return name.rpartition("/")[2].removesuffix(UNNUMBERED)


def _core(sample: Sample, *_: object) -> str:
    return core_of(_name(sample))


NAMES = ImageNames(_core)


def _files(sample: Sample, chosen: Chosen) -> Iterator[tuple[str, bytes]]:
    flat = flatten(sample)
    labels = [_WRITER.label(chosen, segment) for segment in flat.segments]
    ids = [None if label is None else label.id for label in labels]
    yield "labelIds.png", encode_labels(flat.painted(ids, UNLABELED, np.uint8))
    trained = [None if label is None or label.train_id < 0 else label.train_id for label in labels]
    yield "labelTrainIds.png", encode_labels(flat.painted(trained, NO_TRAIN_ID, np.uint8))
    if sample.kind == "semantic":
        return
    objects = flat.painted(_WRITER.values(flat, chosen), UNLABELED, np.uint16)
    yield "instanceIds.png", encode_labels(objects)
    kept = sample.extra.get(EXTRA)
    if isinstance(kept, dict) and "polygons" in kept and kept.get("map") == digest(objects):
        yield "polygons.json", dump_json(kept["polygons"], image_id=sample.image_id)


def _extra(sample: Sample, _: Categories) -> int:
    return int(bool(sample.extra.keys() - {EXTRA}))


LOSES: dict[str, Any] = {**_WRITER.losses(), "extra": _extra}
