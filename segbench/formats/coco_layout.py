"""The folder that COCO publishes: ``annotations/<kind>_<split>.json`` and a folder of pictures a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC, EROFS
from pathlib import Path

from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.paths import caseless, check_splits, inside
from segbench.canonical.pen import Pen
from segbench.canonical.place import check_mode, place_image
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError

_NO_ROOM = (ENOSPC, EDQUOT, EROFS)


def is_layout(path: Path, kind: str) -> bool:
    """Tell whether a folder has ``annotations/<kind>_*.json``."""
    return path.is_dir() and next((path / "annotations").glob(f"{kind}_*.json"), None) is not None


def read_layout(path: Path, kind: str, read: Callable[[Path], Dataset]) -> Dataset:
    """Open every split of such a folder as one data set.

    Raises
    ------
    DataError
        When there is none, their categories differ, or an image id stands in two of them.
    """
    files = sorted((path / "annotations").glob(f"{kind}_*.json"))
    if not files:
        raise DataError(f"has no annotations/{kind}_<split>.json", file=path)
    parts = [read(file) for file in files]
    _refuse_shared_ids(parts)
    joined = concat(parts, path.resolve().name, path)
    if any(part.extra != joined.extra for part in parts):
        joined.extra["split_extra"] = {split: part.extra for part in parts for split in part.splits}
    return joined


def write_layout(
    dataset: Dataset,
    target: Path,
    kind: str,
    write: Callable[[Dataset, Path, Pen, Pictures], None],
    *,
    images: str,
    pen: Pen,
) -> None:
    """Write one JSON, where the target is named ``*.json``, or the whole folder with its pictures.

    Raises
    ------
    UsageError
        When several splits are to go into one JSON.
    DataError
        When a picture is missing, or two have one name.
    """
    check_mode(images)
    if target.suffix == ".json":
        if len(dataset.splits) > 1:
            raise UsageError(
                f"{target} holds one split; choose one of {', '.join(dataset.splits)}, or name a folder"
            )
        write(dataset, target, pen, Pictures(None))
        return
    check_splits(dataset.splits, file=dataset.path)
    with pen.folder(target) as folder:
        for split in dataset.splits:
            pictures = Pictures(None if images == "none" else folder / split, images)
            write(dataset.split(split), folder / "annotations" / f"{kind}_{split}.json", pen, pictures)


Placed = tuple[str, str | None] | None
"""Name and original of a picture that was put in its place."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The folder of pictures of one split, None where none are written."""

    folder: Path | None
    images: str = "link"

    def put(self, sample: Sample) -> Placed:
        """Put the picture of a sample in its place."""
        image = sample.image_file
        if self.folder is None or image is None:
            return None
        put_picture(
            inside(self.folder, image.name, image_id=sample.image_id, field="file_name"), sample, self.images
        )
        return image.name, None if image.path is None else str(image.path)


class Taken:
    """Names of pictures; one may stand again where it is the same file."""

    def __init__(self) -> None:
        self._originals: dict[str, str | None] = {}

    def add(self, placed: Placed, image_id: str) -> None:
        """Take the name of a picture that :meth:`Pictures.put` has put in its place.

        Raises
        ------
        DataError
            When another one has it, or one that differs in case alone.
        """
        if placed is None:
            return
        name, original = placed
        key = caseless(name)
        if key in self._originals and (original is None or self._originals[key] != original):
            raise DataError(
                f"two images are called {name!r} (or differ in case alone)",
                image_id=image_id,
                field="file_name",
            )
        self._originals[key] = original


def put_picture(file: Path, sample: Sample, images: str) -> None:
    """Put the picture of a sample at ``file``: ``link`` or ``copy``.

    Raises
    ------
    DataError
        When it is missing or cannot be read.
    OSError
        When there is no room for it.
    """
    if sample.image_file is None:
        return
    try:
        place_image(file, sample.image_file, images)
    except OSError as error:
        if error.errno in _NO_ROOM:  # nothing is wrong with the picture
            raise OSError(error.errno, error.strerror, str(file)) from None
        raise DataError(
            f"cannot take over the picture: {error.strerror}; mend it, or pass images='none' (--images none)",
            file=sample.image_file.path,
            image_id=sample.image_id,
            field="image",
        ) from None


def _refuse_shared_ids(parts: list[Dataset]) -> None:
    seen: dict[str, Dataset] = {}
    for part in parts:
        for image_id in part.image_ids:
            if image_id in seen:
                raise DataError(
                    f"this image id stands in {seen[image_id].path} too; open one of the two files by itself",
                    file=part.path,
                    image_id=image_id,
                    field="images",
                )
            seen[image_id] = part
