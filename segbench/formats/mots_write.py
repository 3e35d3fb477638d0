"""The writing half of MOTS: maps and text files that mots_tools reads, pictures, and lists of videos."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import map_losses
from segbench.formats.flatten import Flat, flatten
from segbench.formats.label_maps import Chosen, Written
from segbench.formats.mots_text import Row, write_rows
from segbench.formats.sequences import InVideo, Put, count_tracks, put_videos, value_of_track
from segbench.formats.value_maps import Numbering
from segbench.kernels import LabelRuns

NUMBERING = Numbering(base=1000, first=0, bare="key")
"""Class and object as one value of 16 bits; a class by itself is none."""
IGNORED, IGNORED_NAME = 10, "ignored region"
MOST_CLASSES = 65
OWN = (
    Written("car", 1, True, None),
    Written("pedestrian", 2, True, None),
    Written(IGNORED_NAME, IGNORED, None, None),
)
MAPS, TEXTS, PICTURES, CLASSES = "instances", "instances_txt", "training/image_02", "classes.txt"


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``instances``, ``instances_txt``, pictures, and a ``.seqmap`` a split.

    Where classes are not MOTS' own, ``classes.txt`` names them, and that of regions to ignore where there is
    one. Stuff is left out. A picture that is in no video becomes a video of one frame, called like it.

    Raises
    ------
    DataError
        When two maps would have one name, one video is in two splits, or a picture is missing.
    """
    check_mode(images)
    chosen = _choose(dataset.categories)
    videos, classes = _Videos(), {row.value: row.name for row in chosen.rows if row is not None}
    with pen.folder(target) as folder:
        (folder / TEXTS).mkdir(exist_ok=True)
        for at in put_videos(dataset, pen, partial(_put, folder, images, dataset.categories)):
            lines, ignores = at.value
            mode = "w" if at.video not in videos else "a"
            with (folder / TEXTS / f"{at.video}.txt").open(mode, encoding="ascii", newline="\n") as text:
                text.writelines(lines)
            classes |= {IGNORED: IGNORED_NAME} if ignores else {}
            videos.add(at)
        for split, lines in videos.listed():
            place(folder / f"{split}.seqmap", lines.encode())
        if not chosen.own:
            named = (f"{value} {name}\n" for value, name in sorted(classes.items()))
            place(folder / CLASSES, "".join(named).encode())


def _put(folder: Path, images: str, categories: Categories, at: InVideo) -> tuple[list[str], bool]:
    """Write the map and the picture; return the lines of text, and whether a region is one to ignore."""
    flat = flatten(at.sample)
    values = flat.painted(_values(flat, categories), 0, np.uint16)
    place(folder / MAPS / f"{at.stem}.png", encode_labels(values))
    at.put_picture(folder / PICTURES, images)
    rows = _rows(values)
    return list(write_rows(rows, at.number)), any(row.key == IGNORED for row in rows)


class _Videos:
    """The videos of each split, and the first and last frame of each."""

    def __init__(self) -> None:
        self._frames: dict[str, tuple[str, int, int]] = {}

    def __contains__(self, video: str) -> bool:
        return video in self._frames

    def add(self, at: Put) -> None:
        split, first, last = self._frames.get(at.video, (at.split, at.number, at.number))
        if split != at.split:
            raise DataError(
                f"its video {at.video} is in two splits, {split} and {at.split}; make splits of whole videos",
                image_id=at.image_id, field="video_id",
            )  # fmt: skip
        self._frames[at.video] = split, min(first, at.number), max(last, at.number)

    def listed(self) -> Iterator[tuple[str, str]]:
        """Yield each split, and the lines of its list."""
        for split in dict.fromkeys(split for split, _, _ in self._frames.values()):
            rows = ((v, a, b) for v, (s, a, b) in sorted(self._frames.items()) if s == split)
            yield split, "".join(f"{video} empty {a:06d} {b:06d}\n" for video, a, b in rows)


def _rows(values: LabelRuns) -> list[Row]:
    ids = [value for value in values.ids().tolist() if value]
    masks = kernels.segment_rles(values.to_map(), np.array(ids, np.int64))
    rles = (Rle(*values.shape, counts) for counts in masks)
    return [Row(value, value // NUMBERING.base, rle) for value, rle in zip(ids, rles, strict=True)]


@lru_cache(maxsize=4)
def _choose(categories: Categories) -> Chosen:
    """MOTS' own classes for categories called so; others keep source ids where these are free.

    mots_tools takes 1 for cars and 2 for pedestrians, whatever their names: no other class is given these.
    """
    own = {row.name: row for row in OWN}
    if all(c.name in own for c in categories):
        return Chosen(tuple(own[c.name] for c in categories), own=True)
    for c in categories:
        if not c.name.strip() or c.name != c.name.strip() or len(c.name.splitlines()) != 1:
            raise DataError(f"the name {c.name!r} cannot stand in {CLASSES}; rename it", field="categories")
    values = {row.name: row.value for row in OWN} | ({} if _has(categories, "pedestrian") else {"person": 2})
    taken = {row.value for row in OWN}
    others = [c for c in categories if c.name not in values]
    kept = all(0 < c.key <= MOST_CLASSES and c.key not in taken for c in others)
    free = iter([n for n in range(1, MOST_CLASSES + 1) if n not in taken])
    given = {c.id: c.key if kept else next(free, None) for c in others}
    rows = ((c.name, given.get(c.id, values.get(c.name))) for c in categories)
    return Chosen(tuple(None if v is None else Written(n, v, None, None) for n, v in rows), own=False)


def _has(categories: Categories, name: str) -> bool:
    return any(c.name == name for c in categories)


def _is_ignored(category: Category) -> bool:
    return category.name == IGNORED_NAME


def _key(segment: Segment, categories: Categories) -> int | None:
    """The class of a segment; crowds and ignore regions are regions to ignore, stuff is none."""
    row, category = _choose(categories).rows[segment.category_id], categories[segment.category_id]
    if category.isthing is False:
        return None
    return IGNORED if segment.ignore or segment.iscrowd else None if row is None else row.value


def _values(flat: Flat, categories: Categories) -> list[int | None]:
    rows: list[tuple[int, int | None, bool]] = []
    for s in flat.segments:
        key = _key(s, categories)
        rows.append((s.id if key is None else value_of_track(s, key, NUMBERING), key, True))
    return NUMBERING.give(rows)


@map_losses.once
def _plan(sample: Sample, categories: Categories) -> map_losses.Plan:
    flat = flatten(sample)
    values = _values(flat, categories)
    tracked = [v is not None and v // NUMBERING.base != IGNORED for v in values]
    return map_losses.Plan(flat, values, tracked)


def _is_stuff(segment: Segment, categories: Categories) -> bool:
    return categories[segment.category_id].isthing is False


def _instances(sample: Sample, categories: Categories) -> int:
    stuff = sum(_is_stuff(s, categories) and not s.ignore for s in sample.segments)
    return map_losses.lost(_plan(sample, categories), lambda _: False) - stuff


def _own_region(segment: Segment, categories: Categories) -> bool:
    return segment.ignore and segment.iscrowd and _is_ignored(categories[segment.category_id])


def _crowds(sample: Sample, categories: Categories) -> int:
    return sum(s.iscrowd and not _own_region(s, categories) for s in sample.segments)


def _ignored(sample: Sample, categories: Categories) -> int:
    """Ignore regions of a class, which is lost, and objects of the class of regions to ignore."""
    return sum(
        (s.ignore or _is_ignored(categories[s.category_id])) and not _own_region(s, categories)
        for s in sample.segments
    )


def _tracks(sample: Sample, categories: Categories) -> int:
    return count_tracks(_plan(sample, categories), sample)


def _without_class(dataset: Dataset) -> list[str]:
    rows = _choose(dataset.categories).rows
    return [c.name for c in dataset.categories if rows[c.id] is None]


def _renumbered(dataset: Dataset) -> list[str]:
    pairs = zip(dataset.categories, _choose(dataset.categories).rows, strict=True)
    return [f"{c.name} is {c.key}" for c, row in pairs if row is not None and row.value != c.key]


LOSES: dict[str, Any] = {
    "instances": _instances,
    "crowd": _crowds,
    "ignore": _ignored,
    "ids": lambda sample, categories: map_losses.renumbered(_plan(sample, categories)),
    "isthing": lambda sample, categories: sum(_is_stuff(s, categories) for s in sample.segments),
    "tracks": _tracks,
    "wide_ids": _without_class,
    "category_ids": _renumbered,
}
