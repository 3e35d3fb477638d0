"""YOLO-seg: a text file a picture, a line an object: its class and a polygon relative to the picture's size.

Source: Ultralytics' documentation and its label reader. Here each line is read by itself: five numbers are a
box, more are a polygon, and one more number than either is a confidence; Ultralytics takes boxes for polygons
of two points where a file holds polygons too. Polygons are filled even-odd, as everywhere here, so that a
seam of no width cuts out a hole or ties parts together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name, inside, without_suffix
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UnpairedError, UsageError
from segbench.formats import pictures
from segbench.formats.image_names import below_splits
from segbench.formats.yolo_seg_lines import read_lines
from segbench.formats.yolo_seg_write import LOSES, NAMES, write, write_predictions
from segbench.formats.yolo_seg_yaml import Config, find_config, is_config, read_config

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "sniff",
    "write",
    "write_predictions",
]

TITLE = "YOLO segmentation (text files and data.yaml)"
TASKS = ("instance",)
PREDICTIONS = {"instance": "predictions"}
CARRIES = frozenset({"instances", "overlap", "holes", "parts", "polygons", "scores", "splits", "images"})
LAYOUT = """\
data.yaml                   path: .   train: images/train   val: images/val   names: {0: cat, 1: dog}
images/train/0001.jpg       or train/images/0001.jpg; the split may also be a text file that lists pictures
labels/train/0001.txt       class x y x y x y …   relative to the picture's size; empty: no object
predictions/0001.txt        class x y x y x y … confidence"""
_LOOKED_AT = 16
_NUMBER = re.compile(rb"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?")
_Pair = tuple[ImageFile, Path | None]


def sniff(path: Path) -> bool:
    """Tell whether a path has a ``data.yaml`` with names and splits, or is a folder of label files."""
    config = find_config(path)
    if config is not None:
        return is_config(config)
    return path.is_dir() and _are_labels(path)


def read(path: Path, *, images: Path | None = None) -> Dataset:
    """Open a ``data.yaml``, or the folder that holds it.

    Parameters
    ----------
    path
        The YAML file or its folder.
    images
        Folder of the pictures, in the place of the one that the YAML names for its only split there is.

    Raises
    ------
    DataError
        When a file is damaged, names no class that has a name, or there are labels without a picture.
    UsageError
        When pictures are named for several splits.
    """
    file = find_config(path)
    if file is None:
        raise DataError("has no data.yaml; label files alone mean something beside their truth", file=path)
    config = read_config(file)
    splits = _find_splits(config, images)
    rows = [(split, name, *files) for split, found in splits.items() for name, files in found.items()]
    image_ids = below_splits([name for _, name, *_ in rows], [split for split, *_ in rows])
    entries = [
        _Entry(image_id, image, labels)
        for image_id, (_, _, image, labels) in zip(image_ids, rows, strict=True)
    ]
    class_ids = {c.key: c.id for c in config.categories}
    unlabelled = sum(entry.labels is None for entry in entries)
    notes = [f"{unlabelled} pictures have no label file, and count as without objects"] if unlabelled else []
    return Dataset(
        name=file.parent.resolve().name,
        categories=config.categories,
        image_ids=image_ids,
        load=lambda index: _sample(entries[index], class_ids, config.categories),
        size=lambda index: pictures.picture_size(entries[index].image, entries[index].image_id),
        tasks=TASKS,
        format="yolo-seg",
        path=path,
        splits={split: len(found) for split, found in splits.items()},
        extra={"yolo": config.extra},
        notes=notes,
    )


def read_predictions(path: Path, truth: Dataset, *, ids: str | None = None) -> Dataset:
    """Open a folder of label files named like the pictures of the truth; without one, nothing is found there.

    Parameters
    ----------
    path
        The folder, or the one above its ``labels``.
    truth
        What is predicted.
    ids
        Whether classes are the truth's ids as its ``source`` has them, or 0, 1, … in the order of these
        (``dense``), as models are trained; by default the former where the truth is in this format.

    Raises
    ------
    DataError
        When a file is damaged, or belongs to no picture of the truth.
    UsageError
        When ``ids`` is neither.
    """
    if ids not in (None, "dense", "source"):
        raise UsageError(f"ids must be dense or source, not {ids!r}")
    source = ids == "source" or (ids is None and truth.format == "yolo-seg")
    folder = path / "labels" if (path / "labels").is_dir() else path
    files = pictures.find_files(folder, (".txt",))
    if not files and not path.is_dir():
        raise DataError("is no folder of label files", file=path)
    owners = _owners(truth, files)
    for name, file in files.items():
        if name not in owners:
            raise UnpairedError(
                "the prediction is for an image that the truth does not have", file=file, image_id=name
            )
    by_image = {owners[name]: file for name, file in files.items()}
    class_ids = {c.key if source else c.id: c.id for c in truth.categories}
    return Dataset(
        name=path.resolve().name,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: _prediction(truth[index], by_image.get(index), class_ids),
        tasks=TASKS,
        format="yolo-seg",
        path=path,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One picture and its label file, None where there is none."""

    image_id: str
    image: ImageFile
    labels: Path | None


def _sample(entry: _Entry, class_ids: Mapping[int, int], categories: Categories) -> Sample:
    size = pictures.picture_size(entry.image, entry.image_id)
    return Sample(
        image_id=entry.image_id,
        height=size[0],
        width=size[1],
        segments=_segments(entry.labels, entry.image_id, size, class_ids),
        overlap=True,
        ignore_index=categories.ignore_index,
        image_file=entry.image,
        source_path=entry.image.name,
    )


def _prediction(truth: Sample, file: Path | None, class_ids: Mapping[int, int]) -> Sample:
    size = truth.height, truth.width
    return Sample(
        image_id=truth.image_id,
        height=size[0],
        width=size[1],
        segments=_segments(file, truth.image_id, size, class_ids, scored=True),
        overlap=True,
        ignore_index=truth.ignore_index,
        source_path=None if file is None else str(file),
    )


def _segments(
    file: Path | None,
    image_id: str,
    size: tuple[int, int],
    class_ids: Mapping[int, int],
    scored: bool = False,
) -> tuple[Segment, ...]:
    if file is None:
        return ()
    where: dict[str, Any] = {"file": file, "image_id": image_id}
    segments = tuple(read_lines(pictures.read_text(file, image_id), size, class_ids, **where))
    for segment in segments if scored else ():
        if segment.score is None:
            raise DataError("lacks the confidence of a prediction", field=f"line {segment.id}", **where)
    return segments


def _owners(truth: Dataset, names: Iterable[str]) -> dict[str, int]:
    """``{name of a label file: index of its image}``: by image id, its last part, or the picture's name."""
    owners: dict[str, int] = {}
    for index, image_id in enumerate(truth.image_ids):
        for name in (image_id, image_id.rpartition("/")[2]):
            owners.setdefault(name, index)
    if any(name not in owners for name in names):  # ids are numbers, say, and files are named otherwise
        for index, sample in enumerate(truth):
            for name in (stem := without_suffix(pictures.picture_name(sample)), stem.rpartition("/")[2]):
                owners.setdefault(name, index)
    return owners


def _are_labels(path: Path) -> bool:
    """Tell whether the first text file with content, in a folder or below its ``labels``, is a label file."""
    pattern = "labels/**/*.txt" if (path / "labels").is_dir() else "*.txt"
    for file in islice(sorted(path.glob(pattern)), _LOOKED_AT):
        with file.open("rb") as handle:
            words = handle.readline(1 << 16).split()
        if words:
            return len(words) >= 5 and all(_NUMBER.fullmatch(word) for word in words[:-1])
    return False


def _find_splits(config: Config, images: Path | None) -> dict[str, dict[str, _Pair]]:
    """``{split: {name: (picture, label file)}}`` for those that are there.

    Raises
    ------
    DataError
        When none is.
    """
    if images is not None and not images.is_dir():
        raise DataError("the folder of pictures is no folder", file=images)
    found: dict[str, dict[str, _Pair]] = {}
    for split, values in config.splits.items():
        pairs: dict[str, _Pair] = {}
        for value in values:
            for name, image, labels in _listed(config, value, images):
                if labels.is_file():
                    pairs[name] = image, labels
                elif not config.skip_unlabelled:
                    pairs[name] = image, None
        if pairs:
            found[split] = pairs
    if not found:
        named = ", ".join(value for values in config.splits.values() for value in values)
        raise DataError(
            f"has no pictures where it says they are ({named}); name their folder with images=FOLDER",
            file=config.file,
        )
    if images is not None and len(found) > 1:
        raise UsageError(f"images names one folder, and {config.file} has the splits {', '.join(found)}")
    return found


def _listed(config: Config, value: str, images: Path | None) -> Iterator[tuple[str, ImageFile, Path]]:
    """Yield name, picture and place of the label file of each picture of a folder, or of a text file."""
    place = _resolve(config, value)
    if place.suffix == ".txt" and place.is_file():
        for line in filter(None, map(str.strip, pictures.read_text(place).splitlines())):
            file = inside(place.parent, line, file=place)
            name = check_name(line).rpartition("images/")[2]
            yield without_suffix(name), ImageFile(name=name, path=file), _labels_of(file).with_suffix(".txt")
        return
    labels, root = _labels_of(place), images or place
    if not root.is_dir() or (images is not None and not labels.is_dir()):
        return
    found = pictures.find_files(root, pictures.SUFFIXES)
    for name, file in pictures.find_files(labels, (".txt",)).items() if labels.is_dir() else ():
        if name not in found:
            raise DataError("the label file has no picture", file=file, image_id=name, field="image")
    for name, file in found.items():
        yield name, ImageFile(name=file.relative_to(root).as_posix(), path=file), labels / f"{name}.txt"


def _resolve(config: Config, value: str) -> Path:
    """Where the folder of a split is: below ``path``, or beside the YAML, also where it says one level up.

    What other machines call their folders (``path: /content/data``) is passed over.
    """
    root = config.file.parent
    above = value.removeprefix("../").removeprefix("./")
    tried = [f"{config.path}/{above}", above, value]
    places = [root / name for name in tried if not _leads_away(name)]
    if not places:
        raise DataError(f"names the folder {value!r}, which is not below it", file=config.file)
    return next((place for place in places if place.exists()), places[-1])


def _leads_away(name: str) -> bool:
    try:
        check_name(name.removeprefix("./") or ".")
    except DataError:
        return True
    return False


def _labels_of(images: Path) -> Path:
    """The place of labels: the last folder called ``images`` on the way is ``labels`` instead."""
    parts = list(images.parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            return Path(*parts)
    return images
