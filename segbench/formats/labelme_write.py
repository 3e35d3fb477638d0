"""The writing half of LabelMe: a JSON and a picture each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.atomic import replace_folder
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.formats.drawn import drawn_segments, pixelless, renumbered
from segbench.formats.labelme_shapes import IGNORE, write_shapes
from segbench.formats.pictures import Names, in_splits, picture_name, place_picture
from segbench.formats.plain_json import dump_json

LOSES = {"instances": pixelless, "ids": renumbered}
_VERSION = "5.5.0"


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    progress: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> None:
    """Write a JSON beside each picture, and ``labels.txt``; several splits are folders.

    Raises
    ------
    DataError
        When two files would have one name, or a picture is missing.
    """
    check_mode(images)
    taken, several = Names(), len(dataset.splits) > 1
    with replace_folder(target) as folder:
        for split, sample in zip(in_splits(dataset.splits), progress(iter(dataset)), strict=True):
            name = _name(sample)
            name = f"{split}/{name}" if several and not name.startswith(f"{split}/") else name
            file = taken.take(PurePosixPath(name).with_suffix(".json").as_posix(), sample)
            content = _content(sample, dataset.categories, PurePosixPath(name).name)
            place(folder / file, dump_json(content, indent=2, image_id=sample.image_id))
            place_picture(folder / name, sample, images)
        labels = [c.name for c in dataset.categories if c.name != IGNORE]
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


def _name(sample: Sample) -> str:
    """The name of the picture, or that of the JSON that it was read from with the picture's suffix."""
    name = picture_name(sample)
    stated = sample.extra.get("labelme", {}).get("imagePath")
    if sample.image_file is None and isinstance(stated, str):
        return PurePosixPath(name).with_suffix(PurePosixPath(stated).suffix or ".jpg").as_posix()
    return name


def _content(sample: Sample, categories: Categories, picture: str) -> dict[str, Any]:
    placed: list[tuple[int, int, Any]] = []
    for segment, rle in drawn_segments(sample, categories, stuff=True):
        label = categories[segment.category_id].name
        for at, shape in write_shapes(segment, sample, label, rle):
            placed.append((len(placed) if at is None else at, len(placed), shape))
    placed += [(at, -1, shape) for at, shape in sample.extra.get("shapes", [])]
    placed.sort(key=lambda row: row[:2])
    said = {key: value for key, value in sample.extra.get("labelme", {}).items() if key != "imagePath"}
    return {
        "version": _VERSION,
        "flags": {},
        **said,
        "shapes": [shape for _, _, shape in placed],
        "imagePath": picture,
        "imageData": None,
        "imageHeight": sample.height,
        "imageWidth": sample.width,
    }
