"""KITTI's semantic and instance segmentation of 2015: maps of Cityscapes' labels, and of objects.

Source: the README of ``devkit_semantics``: ``semantic`` holds labels in 8 bits, ``instance`` holds
``label * 256 + n`` in 16; n begins at 1, also of stuff, and 0 means that objects are not told apart there,
which is to be ignored: of a thing that is a crowd. Which labels are looked at, and what 0 is, are as in
Cityscapes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segbench.canonical import images as codec
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.formats.cityscapes_labels import LABELS, Label, categories_of, read_labels
from segbench.formats.cityscapes_results import open_results
from segbench.formats.cityscapes_results_write import write_predictions
from segbench.formats.drawn import separate
from segbench.formats.folders import Frame, find_ending, find_pictures, note_left_out, open_frames
from segbench.formats.kitti_write import LABELS_FILE, LOSES, NUMBERING, PICTURES, write
from segbench.formats.label_maps import MAP, NAMES, frames_of
from segbench.formats.labelled_maps import LabelReader
from segbench.formats.value_maps import read_segments

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "is_whole",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "KITTI semantic and instance segmentation (maps of labels and of objects)"
TASKS = ("panoptic", "semantic")
PREDICTIONS = {"semantic": "predictions", "instance": "predictions"}
PREDICTED_IDS = {"semantic": range(255)}
CARRIES = frozenset(
    {
        "stuff", "instances", "holes", "parts", "crowd", "ignore", "ids", "repeated_ids", "category_ids",
        "category_fields", "isthing", "splits", "images",
    }
)  # fmt: skip
LAYOUT = """\
training/image_2/000000_10.png        the picture; optional
training/instance/000000_10.png       16 bit: label × 256 + n, n from 1, 0 where no object is told; else
training/semantic/000000_10.png       8 bit: labels 0 to 33
training/semantic_rgb/000000_10.png   the same in colours, not read
labels.json                           where labels are not Cityscapes' own: [{"name", "id", …}]"""
KINDS = ("instance", "semantic")


def sniff(path: Path) -> bool:
    """Tell whether a split has maps of objects or labels, and beside these another folder of KITTI's."""
    for kind in KINDS:
        for file in path.glob(f"*/{kind}/*.png"):
            others = {PICTURES, "semantic_rgb", *KINDS} - {kind}
            return any((file.parent.parent / other).is_dir() for other in others)
    return False


def read(
    path: Path,
    *,
    annotation: str | None = None,
    labels: Path | None = None,
    scored_only: bool | None = None,
    instances: bool = False,
) -> Dataset:
    """Open a folder of KITTI.

    Parameters
    ----------
    path
        The folder of ``training``.
    annotation
        ``instance`` or ``semantic``; by default the first that is there.
    labels
        JSON of labels; by default ``labels.json`` in the folder, else Cityscapes' own.
    scored_only
        Labels that no evaluation looks at are ignore regions: by default of ``instance``. With True in maps
        of labels too, which then are 255 there.
    instances
        Objects have masks of their own, which can be scored as instances, and stuff is left out.

    Raises
    ------
    DataError
        When there is no map, or one is damaged.
    UsageError
        When ``annotation`` is unknown, or objects are asked for of maps that do not tell them apart.
    """
    kind, files = _choose(path, annotation)
    if instances and kind != "instance":
        raise UsageError(f"instances=true needs the annotation instance; here is {kind}")
    reader = _reader(kind, _labels(path, labels), scored_only)
    pictures = _pictures(path, files)
    return open_frames(
        frames_of(files, pictures),
        partial(_instances if instances else _sample, reader, path),
        path=path,
        format="kitti",
        categories=reader.categories,
        tasks=("instance",) if instances else TASKS if kind == "instance" else ("semantic",),
        notes=note_left_out(pictures, files),
    )


def is_whole(path: Path, _: Dataset) -> bool:
    """Tell whether predictions are a whole folder of KITTI, whose labels are found by name."""
    return sniff(path)


def read_predictions(path: Path, truth: Dataset) -> Dataset:
    """Open predictions: text files that list masks with their scores, or maps of objects, or of labels.

    Raises
    ------
    DataError
        As :func:`segbench.formats.cityscapes_results.read_predictions`.
    """
    return open_results(path, truth, NUMBERING, "kitti")


def _choose(path: Path, annotation: str | None) -> tuple[str, dict[str, Path]]:
    """The annotation, and ``{split/stem: file}``."""
    if annotation is not None and annotation not in KINDS:
        hint = did_you_mean(annotation, KINDS)
        raise UsageError(f"annotation must be one of {', '.join(KINDS)}, not {annotation!r}.{hint}")
    for kind in KINDS if annotation is None else (annotation,):
        files = {
            f"{folder.parent.name}/{name}": file
            for folder in sorted(path.glob(f"*/{kind}"))
            for name, file in find_ending(folder, ".png").items()
        }
        if files:
            return kind, files
    raise DataError(f"holds no <split>/{annotation or 'instance'}/*.png", file=path)


def _labels(path: Path, labels: Path | None) -> tuple[Label, ...]:
    file = labels or (path / LABELS_FILE if (path / LABELS_FILE).is_file() else None)
    return LABELS if file is None else read_labels(file)


def _reader(kind: str, labels: tuple[Label, ...], scored_only: bool | None) -> LabelReader:
    tells = kind == "instance"
    return LabelReader(
        kind=kind,
        labels=labels,
        categories=categories_of(labels),
        numbering=NUMBERING if tells else None,
        scored_only=tells if scored_only is None else scored_only,
    )


def _pictures(path: Path, files: dict[str, Path]) -> dict[str, ImageFile]:
    return {
        f"{split}/{name}": ImageFile(name=f"{split}/{image.name}", path=image.path)
        for split in sorted({name.partition("/")[0] for name in files})
        for name, image in find_pictures(path / split / PICTURES).items()
    }


def _instances(reader: LabelReader, root: Path, frame: Frame) -> Sample:
    return separate(_sample(reader, root, frame), reader.categories)


def _sample(reader: LabelReader, root: Path, frame: Frame) -> Sample:
    where = frame.where(MAP)
    values = codec.decode_label_runs(frame.read(MAP), **where)
    given: dict[str, Any] = {
        "image_id": frame.name,
        "height": values.shape[0],
        "width": values.shape[1],
        "ignore_index": reader.categories.ignore_index,
        "image_file": frame.picture,
        "source_path": frame.files[MAP].relative_to(root).as_posix(),
    }
    if reader.numbering is None:
        mask = reader.mask(values, where)
        return Sample(load_mask=lambda: mask, **given)
    runs, segments = read_segments(values, partial(reader.meaning, where))
    return Sample(segments=segments, load_segment_map=lambda: runs, **given)
