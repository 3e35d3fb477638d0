"""BDD100K: RGBA bitmasks of objects, of videos and of whole pictures, and label maps.

Sources: ``doc/source/format.rst`` and ``common/bitmask.py`` of bdd100k 1.0.1 (Yu et al., CVPR 2020): R is the
class, from 1; G holds truncated, occluded, crowd and ignore, as 8, 4, 2 and 1; B * 256 + A is the number of
an object, which is another for each of a picture, and in a video its track. The class 0 is the background; an
object of number 0 is one, as for ``to_coco``, though the evaluation passes over it. Its JSON is the
format ``scalabel``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats import label_maps
from segbench.formats.aligned import goes_by_names
from segbench.formats.bdd100k_bitmasks import Bitmasks, read_bitmask
from segbench.formats.bdd100k_labels import CONFIG, Task, categories_of
from segbench.formats.bdd100k_labels import TASKS as BDD_TASKS
from segbench.formats.bdd100k_results import find_bitmasks, read_bitmasks
from segbench.formats.bdd100k_write import LOSES, NAMES, write, write_predictions
from segbench.formats.folders import find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.label_maps import Values, frames_of

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "BDD100K (bitmasks of objects, and label maps)"
TASKS = ("panoptic", "semantic", "instance")
PREDICTIONS = {"semantic": "predictions", "panoptic": "predictions"}
PREDICTED_IDS = {"semantic": range(255), "panoptic": range(1, 256)}
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "wide_ids", "isthing", "attributes", "tracks", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
images/10k/train/x.jpg                  the picture; optional
labels/pan_seg/bitmasks/train/x.png     RGBA: R class; G flags; B × 256 + A object; else
labels/seg_track_20/bitmasks/train/v/v-0000001.png    so of videos, pictures in images/seg_track_20; else
labels/ins_seg/bitmasks/train/x.png     so of objects alone; else
labels/sem_seg/masks/train/x.png        8 bit: 0 to 18, 255 is ignored; else
labels/drivable/masks/train/x.png       8 bit: 0, 1; 2 is ignored; pictures in images/100k
config.toml                             for other classes: [[scalabel.categories]] name, isThing, color"""


def sniff(path: Path) -> bool:
    """Tell whether a folder has PNGs of a task of BDD100K."""
    return any(_files(path, task) for task in BDD_TASKS.values())


def read(path: Path, *, annotation: str | None = None) -> Dataset:
    """Open a folder of BDD100K.

    Parameters
    ----------
    path
        The folder of ``labels``.
    annotation
        ``pan_seg``, ``seg_track``, ``ins_seg``, ``sem_seg`` or ``drivable``; by default the first that is
        there.

    Raises
    ------
    DataError
        When there is no such PNG, or a file is damaged.
    UsageError
        When ``annotation`` is unknown.
    """
    if annotation is not None and annotation not in BDD_TASKS:
        hint = did_you_mean(annotation, BDD_TASKS)
        raise UsageError(f"annotation must be one of {', '.join(BDD_TASKS)}, not {annotation!r}.{hint}")
    name, files = _choose(path, annotation)
    task = BDD_TASKS[name]
    categories, pictures = categories_of(task, path), _pictures(path, task, files)
    if task.kind == "semantic":
        values = Values(categories, {c.key: c.id for c in categories}, frozenset({task.void, 255}))
        reader: Any = partial(label_maps.read_sample, values, None, path)
    else:
        reader = partial(read_bitmask, Bitmasks(name, categories), path)
    return open_frames(
        frames_of(files, pictures),
        reader,
        path=path,
        format="bdd100k",
        categories=categories,
        tasks=("panoptic", "semantic") if task.kind == "panoptic" else (task.kind,),
        notes=note_left_out(pictures, files),
    )


def is_whole(path: Path, truth: Dataset) -> bool:
    """Tell whether predictions are a whole folder of BDD100K that lists classes, and no scores beside them.

    Else, or where only the numbers of these are the truth's, values are its source ids.
    """
    found = next((task for task in BDD_TASKS.values() if _files(path, task)), None)
    if found is None or not (path / CONFIG).is_file() or next(path.glob("*.json"), None) is not None:
        return False
    return goes_by_names(truth, categories_of(found, path))


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predictions named like the images of the truth: bitmasks, or label maps, in which 255 is no class.

    Objects have the scores that a JSON beside the bitmasks lists for their numbers.

    Raises
    ------
    DataError
        When a prediction is missing or damaged.
    """
    found = find_bitmasks(path, truth)
    return read_bitmasks(path, truth, found) if found else label_maps.read_predictions(path, truth, void=255)


def _choose(path: Path, annotation: str | None) -> tuple[str, dict[str, Path]]:
    """The task, and ``{split/…/stem: file}``."""
    for name in BDD_TASKS if annotation is None else (annotation,):
        if files := _files(path, BDD_TASKS[name]):
            return name, files
    wanted = annotation or "pan_seg"
    raise DataError(f"holds no labels/{wanted}/{BDD_TASKS[wanted].form}/<split>/*.png", file=path)


def _files(path: Path, task: Task) -> dict[str, Path]:
    for folder in task.folders:
        found = find_ending(path / "labels" / folder / task.form, ".png")
        if files := {name: file for name, file in found.items() if "/" in name}:
            return files
    return {}


def _pictures(path: Path, task: Task, files: dict[str, Path]) -> dict[str, ImageFile]:
    """The pictures of splits that have annotations."""
    splits = {name.partition("/")[0] for name in files}
    return {
        name: image
        for folder in task.pictures
        for name, image in find_pictures(path / "images" / folder).items()
        if name.partition("/")[0] in splits
    }
