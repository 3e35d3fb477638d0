"""The writing half of STEP: panoptic maps and pictures of videos."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_segment_map
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.errors import LossError
from segbench.formats.cityscapes_labels import (
    LABELS,
    LARGEST,
    NO_TRAIN_ID,
    Chosen,
    Label,
    choose_labels,
)
from segbench.formats.flatten import Flat, flatten
from segbench.formats.labelled_maps import LabelWriter
from segbench.formats.sequences import InVideo, count_tracks, put_videos, value_of_track
from segbench.formats.value_maps import Numbering

NUMBERING = Numbering(base=1000, first=1, bare="zero", largest=254_999)
"""Class and object as one value, as deeplab2 has them; number 0 is no object."""
VOID = NO_TRAIN_ID * NUMBERING.base
MAPS, PICTURES, LABELS_FILE = "panoptic_maps", "images", "labels.json"
_TRACKED = ("person", "car")


def _step(names: list[str]) -> tuple[Label, ...]:
    """The labels of Cityscapes that are called so, by place; of two of them objects are told apart."""
    by_name = {label.name: label for label in LABELS}
    return tuple(
        by_name[name]._replace(id=i, train_id=i, is_thing=name in _TRACKED) for i, name in enumerate(names)
    )


STEP = _step([x.name for x in sorted(LABELS, key=lambda x: x.train_id) if 0 <= x.train_id < NO_TRAIN_ID])
MOTCHALLENGE = _step(["sidewalk", "building", "vegetation", "sky", "person", "rider", "bicycle"])


@lru_cache(maxsize=4)
def _labels_of(categories: Categories) -> Chosen:
    return choose_labels(categories, STEP, first=0, last_thing=LARGEST)


@lru_cache(maxsize=4)
def _predicted_labels_of(categories: Categories) -> Chosen:
    """Labels of their own, whatever categories are called: so none of the format's is amiss in the truth."""
    return choose_labels(categories, (), first=0, last_thing=LARGEST)


_WRITER = LabelWriter(_labels_of, NUMBERING, partial(value_of_track, numbering=NUMBERING))


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``panoptic_maps`` and ``images``, and ``labels.json`` where classes are not KITTI-STEP's 19.

    A picture that is in no video becomes a video of one frame, called like it.

    Raises
    ------
    DataError
        When two maps would have one name, or a picture is missing.
    """
    check_mode(images)
    chosen = _labels_of(dataset.categories)
    with pen.folder(target) as folder:
        deque(put_videos(dataset, pen, partial(_put, folder, images, chosen)), maxlen=0)
        if not chosen.own:
            place(folder / LABELS_FILE, chosen.to_json())


def write_predictions(dataset: Dataset, target: Path, *, images: str = "none", pen: Pen = PLAIN) -> None:
    """Write ``panoptic_maps`` and ``labels.json``; ``images`` are never written.

    Raises
    ------
    LossError
        When an image has more objects of a class than there are numbers.
    DataError
        When two maps would have one name.
    """
    check_mode(images)
    chosen = _predicted_labels_of(dataset.categories)
    with pen.folder(target) as folder:
        put = partial(_put_prediction, folder, dataset.categories)
        deque(put_videos(dataset, pen, put), maxlen=0)
        place(folder / LABELS_FILE, chosen.to_json())


def _put_prediction(folder: Path, categories: Categories, at: InVideo) -> None:
    labels = _predicted_labels_of(categories).labels
    flat = flatten(at.sample)
    known = [label for s in flat.segments if (label := labels[s.category_id]) is not None]
    values = NUMBERING.of_predictions([label.id for label in known], [not label.is_thing for label in known])
    if None in values:
        raise LossError(
            f"kitti-step has {NUMBERING.base - 1} numbers for the objects of a class, and image "
            f"{at.sample.image_id} more objects; save them as segbench"
        )
    _place_map(folder, flat, values, at)


def _put(folder: Path, images: str, chosen: Chosen, at: InVideo) -> None:
    flat = flatten(at.sample)
    _place_map(folder, flat, _WRITER.values(flat, chosen), at)
    at.put_picture(folder / PICTURES / at.split, images)


def _place_map(folder: Path, flat: Flat, values: Sequence[int | None], at: InVideo) -> None:
    colors = [None if v is None else _color(v) for v in values]
    data = encode_segment_map(flat.painted(colors, _color(VOID), np.int32))
    place(folder / MAPS / at.split / f"{at.stem}.png", data)


def _color(value: int) -> int:
    key, number = divmod(value, NUMBERING.base)
    return key + 256 * (number >> 8) + 65_536 * (number & 255)


def _tracks(sample: Sample, categories: Categories) -> int:
    return count_tracks(_WRITER.plan(sample, categories), sample)


LOSES: dict[str, Any] = {**_WRITER.losses(), "tracks": _tracks}
