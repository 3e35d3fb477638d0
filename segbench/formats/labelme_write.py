"""The writing half of LabelMe: a JSON and a picture each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name, without_suffix
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.drawn import drawn_segments, pixelless, renumbered
from segbench.formats.image_names import ImageNames, whole
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
    pen: Pen = PLAIN,
) -> None:
    """Write a JSON beside each picture, and ``labels.txt``; splits are folders, but for training alone.

    Raises
    ------
    DataError
        When two files would have one name, a picture is missing, or a name is no line of ``labels.txt``.
    """
    check_mode(images)
    with pen.folder(target) as folder:
        labels = [_line(c.name) for c in dataset.categories if c.name != IGNORE]
        put = _Put(folder, in_splits(dataset.splits), _is_alone(dataset.splits), images, dataset.categories)
        Names().take_all(pen.each(dataset, put), dataset.image_ids)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes a JSON and its picture; returns the name of the JSON."""

    folder: Path
    splits: Sequence[str]
    alone: bool
    images: str
    categories: Categories

    def __call__(self, index: int, sample: Sample) -> str:
        name = _picture(sample, self.splits[index], self.alone)
        file = f"{without_suffix(name)}.json"
        content = _content(sample, self.categories, PurePosixPath(name).name)
        place(self.folder / file, dump_json(content, indent=2, image_id=sample.image_id))
        place_picture(self.folder / name, sample, self.images, named=True)
        return file


def _picture(sample: Sample, split: str, alone: bool) -> str:
    """The name of the picture in the folder of its split; at the top if the only split is of training."""
    name = _name(sample)
    return f"{split}/{name}" if not name.startswith(f"{split}/") and (not alone or "/" in name) else name


def _stem(sample: Sample, split: str, splits: Sequence[str]) -> str:
    return without_suffix(_picture(sample, split, _is_alone(splits)))


NAMES = ImageNames(_stem, whole)


def _is_alone(splits: Iterable[str]) -> bool:
    return list(splits) == ["train"]


def _line(name: str) -> str:
    if name.strip() != name or name.splitlines() != [name]:
        raise DataError(
            f"the name {name!r} cannot stand in labels.txt; rename it with --labels", field="categories"
        )
    return name


def _name(sample: Sample) -> str:
    """The name of the picture, or that of the JSON that it was read from with the picture's suffix."""
    stated = sample.extra.get("labelme", {}).get("imagePath")
    if sample.image_file is None and isinstance(stated, str):
        name = check_name(sample.source_path or sample.image_id, image_id=sample.image_id, field="file_name")
        return f"{name.removesuffix('.json')}{PurePosixPath(stated).suffix or '.jpg'}"
    return picture_name(sample)


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
