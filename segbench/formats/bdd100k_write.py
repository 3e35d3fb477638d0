"""The writing half of BDD100K: bitmasks of pictures or videos, label maps, pictures, and ``config.toml``."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels, encode_words
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import label_maps, map_losses, png_write
from segbench.formats.bdd100k_labels import (
    CONFIG,
    CROWD,
    FLAGS,
    IGNORE,
    TASKS,
    choose_classes,
    dump_config,
)
from segbench.formats.flatten import Flat, flatten
from segbench.formats.image_names import ImageNames
from segbench.formats.label_maps import Chosen, Written
from segbench.formats.pictures import picture_name, place_picture
from segbench.formats.sequences import InVideo, is_frame, loses_place, put_videos, video_name
from segbench.formats.value_maps import ZERO_ID, Numbering

_OBJECTS = Numbering(base=65_536, first=1, bare="zero")
"""The numbers of a picture's objects, whatever their class."""


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write the annotations of one task, pictures, and ``config.toml`` where classes are not BDD100K's.

    Segment maps become ``pan_seg``, instances ``ins_seg``, or ``seg_track_20`` where they are of videos, and
    label maps ``sem_seg``, or ``drivable`` where all categories are its own.

    Raises
    ------
    DataError
        When two files would have one name, a picture is missing, or some images are in a video, others not.
    """
    check_mode(images)
    name = _task(dataset.categories, dataset[0]) if len(dataset) else "ins_seg"
    chosen = _choose(dataset.categories, name)
    with pen.folder(target) as folder:
        put = _Put(folder, images, dataset.categories, name, chosen)
        if name == "seg_track":
            deque(put_videos(dataset, pen, put.frame), maxlen=0)
        else:
            label_maps.put_all(dataset, pen, put.picture)
        if not chosen.own:
            place(folder / CONFIG, dump_config(dataset.categories, chosen))


def write_predictions(dataset: Dataset, target: Path, *, images: str = "none", pen: Pen = PLAIN) -> None:
    """Write label maps, or bitmasks of segment maps, of the source ids; they are called like the image ids.

    ``images`` are never written.

    Raises
    ------
    DataError
        When two files would have one name, or an image has more segments than there are numbers.
    """
    if "panoptic" not in dataset.tasks:
        png_write.write(dataset, target, images=images, pen=pen)
        return
    check_mode(images)
    encode, task = partial(_bitmask, label_maps.source_ids_of(dataset.categories)), TASKS["pan_seg"]
    with pen.folder(target) as folder:
        below = folder / "labels" / task.folders[0] / task.form / "predictions"
        label_maps.put_predictions(dataset, below, encode, pen)


def _bitmask(chosen: Chosen, sample: Sample) -> bytes:
    if len(sample.segments) >= _OBJECTS.base:
        raise sample.error(
            f"are {len(sample.segments)}; a bitmask has {_OBJECTS.base - 1} numbers", "segments"
        )
    return _png(sample, chosen, 0)


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes the map and the picture of a sample."""

    folder: Path
    images: str
    categories: Categories
    task: str
    chosen: Chosen

    def frame(self, at: InVideo) -> None:
        """Write a frame of a video."""
        self._put(at.sample, f"{at.split}/{_frame(at.video, at.number)}")

    def picture(self, at: label_maps.Place) -> None:
        """Write a picture by itself."""
        self._put(at.sample, f"{at.split}/{at.stem}")

    def _put(self, sample: Sample, below: str) -> None:
        if _task(self.categories, sample) != self.task:
            raise DataError(
                "is in a video, or is not, unlike the first image; choose one kind of them",
                image_id=sample.image_id, field="video_id",
            )  # fmt: skip
        task = TASKS[self.task]
        png = _png(sample, self.chosen, task.void)
        place(self.folder / "labels" / task.folders[0] / task.form / f"{below}.png", png)
        suffix = PurePosixPath(picture_name(sample)).suffix
        place_picture(self.folder / "images" / task.pictures[0] / f"{below}{suffix}", sample, self.images)


def _frame(video: str, number: int) -> str:
    return f"{video}/{video}-{number + 1:07d}"


def _name(sample: Sample, split: str, _: Sequence[str]) -> str:
    if sample.kind == "instance" and is_frame(sample):
        return _frame(video_name(sample, split), sample.frame or 0)
    return label_maps.stem_in(sample, split)


NAMES = ImageNames(_name)


def _png(sample: Sample, chosen: Chosen, void: int) -> bytes:
    if sample.kind == "semantic":
        return encode_labels(label_maps.paint(sample, chosen, void))
    flat = flatten(sample)
    numbers = _numbers(flat, chosen)
    words = [
        None if row is None or number is None else row.value << 24 | _flags(segment) << 16 | number
        for segment, row, number in zip(flat.segments, _rows(flat, chosen), numbers, strict=True)
    ]
    return encode_words(flat.painted(words, 0, np.uint32))


def _task(categories: Categories, sample: Sample) -> str:
    """The task whose annotations a sample is written in."""
    if sample.kind == "panoptic":
        return "pan_seg"
    if sample.kind == "instance":
        return "seg_track" if is_frame(sample) else "ins_seg"
    return _semantic(categories)


def _semantic(categories: Categories) -> str:
    own = {row.name for row in TASKS["drivable"].own}
    return "drivable" if all(c.name in own for c in categories) else "sem_seg"


@lru_cache(maxsize=4)
def _choose(categories: Categories, task: str) -> Chosen:
    return choose_classes(categories, TASKS[task])


def _rows(flat: Flat, chosen: Chosen) -> list[Written | None]:
    return [chosen.rows[s.category_id] for s in flat.segments]


def _numbers(flat: Flat, chosen: Chosen) -> list[int | None]:
    """The number of each segment: its track, or its id, or one that is free; None without a class.

    An object of number 0, which the evaluation passes over, keeps it, and no other is given it.
    """
    pairs = list(zip(flat.segments, _rows(flat, chosen), strict=True))
    wanted = [
        (s.id if s.track_id is None else s.track_id, None if row is None else 0, True) for s, row in pairs
    ]
    kept = [row is not None and s.id == ZERO_ID and s.track_id in (None, 0) for s, row in pairs]
    return [0 if zero else number for zero, number in zip(kept, _OBJECTS.give(wanted), strict=True)]


def _flags(segment: Segment) -> int:
    said = sum(bit for name, bit in FLAGS.items() if segment.attributes.get(name) is True)
    return said + CROWD * segment.iscrowd + IGNORE * segment.ignore


@map_losses.once
def _plan(sample: Sample, categories: Categories) -> map_losses.Plan:
    flat = flatten(sample)
    numbers = _numbers(flat, _choose(categories, _task(categories, sample)))
    return map_losses.Plan(
        flat, [ZERO_ID if n == 0 else n for n in numbers], [number is not None for number in numbers]
    )


def _instances(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.lost(_plan(sample, categories), lambda _: False)


def _ids(sample: Sample, categories: Categories) -> int:
    return 0 if sample.kind == "semantic" else map_losses.renumbered(_plan(sample, categories))


def _attributes(sample: Sample, _: Categories) -> int:
    """Segments of which something else is said than what the flags can say."""
    return sum(
        any(name not in FLAGS or value is not True for name, value in s.attributes.items())
        for s in sample.segments
    )


def _tracks(sample: Sample, categories: Categories) -> int:
    """Tracks that are not the number; outside of videos all, and the place in a video."""
    if _task(categories, sample) != "seg_track":
        tracked = sum(s.track_id is not None for s in sample.segments)
        return tracked or int((sample.video_id, sample.frame) != (None, None))
    plan = _plan(sample, categories)
    rows = ((plan.flat.segments[i].track_id, plan.values[i]) for i in plan.flat.seen)
    differ = sum(track not in (None, 0 if number == ZERO_ID else number) for track, number in rows)
    return differ or int(loses_place(sample))


def _isthing(sample: Sample, categories: Categories) -> int:
    rows = _choose(categories, _task(categories, sample)).rows
    pairs = ((categories[s.category_id].isthing, rows[s.category_id]) for s in sample.segments)
    return sum(said is not None and row is not None and row.isthing is not said for said, row in pairs)


def _pairs(dataset: Dataset) -> list[tuple[Any, Written | None]]:
    kind = next((k for k in ("panoptic", "instance") if k in dataset.tasks), "semantic")
    task = {"panoptic": "pan_seg", "instance": "ins_seg"}.get(kind) or _semantic(dataset.categories)
    return list(zip(dataset.categories, _choose(dataset.categories, task).rows, strict=True))


def _renumbered(dataset: Dataset) -> list[str]:
    return [f"{c.name} is {c.key}" for c, row in _pairs(dataset) if row is not None and row.value != c.key]


def _fields(dataset: Dataset) -> list[str]:
    others = dataset.extra.get("category_fields", {})
    return [
        c.name
        for c, row in _pairs(dataset)
        if c.parent or c.synset or c.frequency or others.get(str(c.key))
        or (row is not None and c.color not in (None, row.color))
    ]  # fmt: skip


LOSES: dict[str, Any] = {
    "instances": _instances,
    "ids": _ids,
    "attributes": _attributes,
    "tracks": _tracks,
    "isthing": _isthing,
    "wide_ids": lambda dataset: [c.name for c, row in _pairs(dataset) if row is None],
    "category_ids": _renumbered,
    "category_fields": _fields,
}
