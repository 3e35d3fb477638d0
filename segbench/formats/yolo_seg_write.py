"""The writing half of YOLO-seg: pictures, label files and ``data.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from segbench.canonical.atomic import replace_folder
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample, Segment
from segbench.formats.drawn import drawn_segments, pixelless, renumbered
from segbench.formats.pictures import Names, in_splits, picture_name, place_picture
from segbench.formats.yolo_seg_lines import LineWriter
from segbench.formats.yolo_seg_yaml import write_config

LOSES = {"instances": pixelless, "ids": renumbered}


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> None:
    """Write ``images``, ``labels`` and ``data.yaml``; crowds, ignore regions and stuff are left out.

    A hole is cut out by a seam of no width, and parts are tied by such seams.

    Raises
    ------
    DataError
        When two label files would have one name, or a picture is missing.
    """
    check_mode(images)
    class_ids, names = _classes(dataset)
    writer, taken = LineWriter(class_ids), Names()
    with replace_folder(target) as folder:
        for split, sample in zip(in_splits(dataset.splits), progress(iter(dataset)), strict=True):
            name = picture_name(sample)
            label = taken.take(f"{split}/{PurePosixPath(name).with_suffix('.txt')}", sample)
            place(folder / "labels" / label, _text(sample, dataset.categories, writer).encode())
            place_picture(folder / "images" / split / name, sample, images)
        write_config(folder / "data.yaml", names, list(dataset.splits), dataset.extra.get("yolo", {}))


def write_predictions(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "none",
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> None:
    """Write a label file an image, named by its id, whose lines end with the score; ``images`` never are.

    Raises
    ------
    DataError
        When two files would have one name.
    """
    check_mode(images)
    writer, taken = LineWriter(_classes(dataset)[0]), Names()
    with replace_folder(target) as folder:
        for sample in progress(iter(dataset)):
            label = taken.take(f"{sample.image_id}.txt", sample)
            place(folder / "labels" / label, _text(sample, dataset.categories, writer).encode())


def _text(sample: Sample, categories: Categories, writer: LineWriter) -> str:
    drawn = drawn_segments(sample, categories)
    lines = [writer.line(segment, sample, rle) for segment, rle in drawn if _is_written(segment)]
    return "".join(f"{line}\n" for line in lines if line is not None)


def _is_written(segment: Segment) -> bool:
    return not segment.iscrowd and not segment.ignore


def _classes(dataset: Dataset) -> tuple[dict[int, int], dict[int, str]]:
    """``{dense id: class}`` and ``{class: name}``: those of a YOLO source as they are, else 0, 1, …"""
    own = "yolo" in dataset.extra
    class_ids = {c.id: c.key if own else c.id for c in dataset.categories}
    return class_ids, {class_ids[c.id]: c.name for c in dataset.categories}
