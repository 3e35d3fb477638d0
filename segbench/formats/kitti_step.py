"""KITTI-STEP and MOTChallenge-STEP: panoptic maps of videos, whose objects keep their number.

Source: deeplab2, ``g3doc/setup/kitti_step.md``, ``data/build_step_data.py`` and ``data/dataset.py`` (Weber et
al., NeurIPS Datasets 2021): R is the class, G * 256 + B the number; 0 is stuff, or of a thing a crowd; 255 is
void. There an object is ``class * 1000 + number``, which is its id and track here too: numbers end at 999.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical import images as codec
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.cityscapes_labels import LARGEST, Label, categories_of, read_labels
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.kitti_step_write import (
    LABELS_FILE,
    LOSES,
    MAPS,
    MOTCHALLENGE,
    NUMBERING,
    PICTURES,
    STEP,
    VOID,
    write,
    write_predictions,
)
from segbench.formats.label_maps import MAP, frames_of
from segbench.formats.labelled_maps import LabelReader
from segbench.formats.sequences import NAMES, frame_number
from segbench.formats.value_maps import ZERO_ID, read_segments
from segbench.kernels import LabelRuns

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PLACED",
    "PREDICTED_CLASSES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "KITTI-STEP and MOTChallenge-STEP (panoptic maps of videos)"
TASKS = ("panoptic", "semantic")
PREDICTIONS = {"semantic": "predictions", "panoptic": "predictions"}
PREDICTED_CLASSES = LARGEST + 1
PLACED = True
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "isthing", "tracks", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
panoptic_maps/train/0000/000000.png   R: class 0 to 18, 255 is void; G × 256 + B: number of the object, or 0
images/train/0000/000000.png          the picture; optional
labels.json                           where classes are not these 19: [{"name", "id", "hasInstances", …}]"""


def sniff(path: Path) -> bool:
    """Tell whether a folder has ``panoptic_maps`` with PNGs in folders of videos, in those of splits."""
    return next((path / MAPS).glob("*/*/*.png"), None) is not None


def read(path: Path, *, labels: Path | None = None, motchallenge: bool = False) -> Dataset:
    """Open a folder of STEP; image ids are ``video/frame``.

    Parameters
    ----------
    path
        The folder of ``panoptic_maps``.
    labels
        JSON of classes; by default ``labels.json`` in the folder, else the 19 of KITTI-STEP.
    motchallenge
        The classes are the 7 of MOTChallenge-STEP, where there is no such JSON.

    Raises
    ------
    DataError
        When there is no map, or one is damaged.
    """
    files = {n: f for n, f in find_ending(path / MAPS, ".png").items() if n.count("/") == 2}
    if not files:
        raise DataError(f"holds no {MAPS}/<split>/<video>/*.png", file=path)
    table = _labels(path, labels, motchallenge)
    reader = LabelReader("panoptic map", table, categories_of(table), NUMBERING, False, VOID)
    pictures = _pictures(path, {name.partition("/")[0] for name in files})
    return open_frames(
        frames_of(files, pictures),
        partial(_sample, reader, path),
        path=path,
        format="kitti-step",
        categories=reader.categories,
        tasks=TASKS,
        notes=note_left_out(pictures, files),
    )


def _labels(path: Path, labels: Path | None, motchallenge: bool) -> tuple[Label, ...]:
    file = labels or (path / LABELS_FILE if (path / LABELS_FILE).is_file() else None)
    return read_labels(file) if file is not None else MOTCHALLENGE if motchallenge else STEP


def _pictures(path: Path, splits: set[str]) -> dict[str, ImageFile]:
    found = find_pictures(path / PICTURES)
    return {name: image for name, image in found.items() if name.partition("/")[0] in splits}


def _sample(reader: LabelReader, root: Path, frame: Frame) -> Sample:
    where = frame.where(MAP)
    values = _values(codec.decode_segment_runs(frame.read(MAP), **where), where)
    runs, segments = read_segments(values, partial(reader.meaning, where))
    return Sample(
        image_id=frame.name,
        height=values.shape[0],
        width=values.shape[1],
        segments=tuple(map(_tracked, segments)),
        load_segment_map=lambda: runs,
        ignore_index=reader.categories.ignore_index,
        image_file=frame.picture,
        source_path=frame.files[MAP].relative_to(root).as_posix(),
        video_id=frame.name.partition("/")[0],
        frame=frame_number(frame.name),
    )


def _tracked(segment: Segment) -> Segment:
    is_object = segment.id != ZERO_ID and NUMBERING.parts(segment.id)[1] is not None
    return replace(segment, track_id=segment.id) if is_object else segment


def _values(colors: LabelRuns, where: dict[str, Any]) -> LabelRuns:
    """Classes and numbers as one value."""
    packed = colors.ids()
    classes, numbers = packed & 255, (packed >> 8 & 255) * 256 + (packed >> 16)
    over = numbers[(numbers >= NUMBERING.base) & (classes != VOID // NUMBERING.base)]
    if over.size:
        raise DataError(
            f"has the object {over[0]} of a class; the largest is {NUMBERING.base - 1}", field="G, B", **where
        )
    table = np.minimum(classes * NUMBERING.base + numbers, VOID).astype(np.int32)
    return colors.renamed(table[np.searchsorted(packed, colors.values)])
