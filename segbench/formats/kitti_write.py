"""The writing half of KITTI: maps of labels, also in colours, maps of objects, and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels, encode_segment_map
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.formats import label_maps
from segbench.formats.cityscapes_labels import LARGEST, UNLABELED, Chosen, Label, choose_labels
from segbench.formats.flatten import flatten
from segbench.formats.labelled_maps import LabelWriter
from segbench.formats.value_maps import Numbering

NUMBERING = Numbering(base=256, first=1, bare="zero")
"""``instance``: ``label * 256 + n``; 0 where no object is told."""
LABELS_FILE, PICTURES = "labels.json", "image_2"


@lru_cache(maxsize=4)
def _labels_of(categories: Categories) -> Chosen:
    return choose_labels(categories, last_thing=LARGEST)


_WRITER = LabelWriter(_labels_of, NUMBERING)
LOSES: dict[str, Any] = _WRITER.losses()


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``semantic``, ``semantic_rgb``, ``instance`` and ``image_2`` of each split.

    Data without objects has no ``instance``; ``labels.json`` stands where labels are not Cityscapes' own.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _labels_of(dataset.categories)
    with pen.folder(target) as folder:
        label_maps.put_all(dataset, pen, partial(_put, folder, images, chosen))
        if not chosen.own:
            place(folder / LABELS_FILE, chosen.to_json())


def _put(folder: Path, images: str, chosen: Chosen, at: label_maps.Place) -> None:
    for kind, data in _maps(at.sample, chosen):
        place(folder / at.split / kind / f"{at.stem}.png", data)
    label_maps.put_picture(folder / at.split / PICTURES, at, images)


def _maps(sample: Sample, chosen: Chosen) -> Iterator[tuple[str, bytes]]:
    flat = flatten(sample)
    labels = [_WRITER.label(chosen, segment) for segment in flat.segments]
    ids = [None if label is None else label.id for label in labels]
    yield "semantic", encode_labels(flat.painted(ids, UNLABELED, np.uint8))
    yield "semantic_rgb", encode_segment_map(flat.painted([_packed(x) for x in labels], 0, np.int32))
    if sample.kind != "semantic":
        values = _WRITER.values(flat, chosen)
        yield "instance", encode_labels(flat.painted(values, UNLABELED, np.uint16))


def _packed(label: Label | None) -> int:
    r, g, b = (0, 0, 0) if label is None else label.color
    return r + 256 * g + 65_536 * b
