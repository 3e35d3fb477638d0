"""Bitmasks of BDD100K: what class, flags and number of each pixel mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.bdd100k_labels import CROWD, FLAGS, IGNORE, TASKS
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame
from segbench.formats.label_maps import MAP
from segbench.formats.value_maps import ZERO_ID


@dataclass(frozen=True, slots=True)
class Bitmasks:
    """What the words of a bitmask mean.

    Attributes
    ----------
    task, categories
        The task of BDD100K, and its classes.
    hint
        What an error says of a class that is none.
    """

    task: str
    categories: Categories
    hint: str = ""

    def segments(self, words: list[int], where: dict[str, Any]) -> Iterator[Segment | None]:
        """Yield the segment of each word, or None for the background.

        Raises
        ------
        DataError
            When a class or flags are none, or an object has two.
        """
        said: dict[int, int] = {}
        for word in words:
            key, flags, number = word >> 24, word >> 16 & 255, word & 65_535
            if key == 0:
                yield None
                continue
            category = self.categories.find(key)
            if category is None:
                raise DataError(f"has the class {key}, which is none{self.hint}", field="R", **where)
            if said.setdefault(number, word) != word:
                raise DataError(f"has the object {number} of two classes or flags", field="R, G", **where)
            if flags >= 16:
                raise DataError(f"has the flags {flags}, of which 15 is the largest", field="G", **where)
            yield Segment(
                id=number or ZERO_ID,
                category_id=category.id,
                iscrowd=bool(flags & CROWD),
                ignore=bool(flags & IGNORE),
                track_id=number if self.task == "seg_track" else None,
                attributes={name: True for name, bit in FLAGS.items() if flags & bit},
            )


def read_bitmask(reader: Bitmasks, root: Path, frame: Frame) -> Sample:
    """Read a bitmask: as a segment map of ``pan_seg``, as instances of other tasks.

    Raises
    ------
    DataError
        When it is damaged, or says what nothing means.
    """
    where = frame.where(MAP)
    words = codec.decode_words(frame.read(MAP), **where)
    present = words.ids()
    segments = list(reader.segments(present.tolist(), where))
    ids = np.array([0 if s is None else s.id for s in segments], np.int32)
    runs = words.renamed(ids[np.searchsorted(present, words.values)])
    sample = Sample(
        image_id=frame.name,
        height=words.shape[0],
        width=words.shape[1],
        segments=sorted((s for s in segments if s is not None), key=lambda s: s.id),
        load_segment_map=lambda: runs,
        ignore_index=reader.categories.ignore_index,
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
    )
    if TASKS[reader.task].kind == "instance":
        sample = separate(sample, reader.categories, stuff=True)
    if reader.task != "seg_track":
        return sample
    video, _, stem = frame.name.rpartition("/")
    number = stem.rpartition("-")[2]
    is_number = number.isascii() and number.isdecimal() and 0 < len(number) < 16
    return replace(sample, video_id=video, frame=int(number) - 1 if is_number and int(number) else None)
