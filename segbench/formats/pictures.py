"""Pictures of formats that are folders: found below one, measured, and put below another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.images import image_size
from segbench.canonical.paths import (
    caseless,
    check_name,
    check_splits,
    files_below,
    read_bytes,
    without_suffix,
)
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.coco_layout import put_picture

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jfif", ".jp2", ".ppm", ".pgm",
)  # fmt: skip
"""Endings of what is a picture in a folder; one of another ending is written where its name is told."""


def find_files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return ``{path below the folder without suffix: file}`` by rising path; hidden files are none.

    Raises
    ------
    DataError
        When two files differ in their suffix alone.
    """
    found: dict[str, Path] = {}
    for below in sorted(files_below(folder)):
        path = PurePosixPath(below)
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        name = path.with_suffix("").as_posix()
        if name in found:
            raise DataError(f"has the same name as {found[name].name!r}", file=folder / below, image_id=name)
        found[name] = folder / below
    return found


def picture_size(image: ImageFile, image_id: str) -> tuple[int, int]:
    """Return height and width of a picture as seen upright.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    where: dict[str, Any] = {"file": image.path or image.name, "image_id": image_id}
    return image_size(image.read(image_id), **where)[:2]


def read_text(file: Path, image_id: str | None = None) -> str:
    """Return the text of a file, which must be UTF-8, with or without a byte order mark.

    Raises
    ------
    DataError
        When it cannot be read, or is no UTF-8.
    """
    try:
        return read_bytes(file).decode("utf-8-sig")
    except OSError as error:
        message = f"cannot read the file: {error.strerror}"
    except UnicodeDecodeError as error:
        message = f"is no UTF-8 text: {error.reason} at byte {error.start}"
    raise DataError(message, file=file, image_id=image_id)


def picture_name(sample: Sample) -> str:
    """Return the name of a sample's picture, or what it would be called: the source's name, or the id."""
    if sample.image_file is not None:
        return check_name(sample.image_file.name, image_id=sample.image_id, field="file_name")
    name = sample.source_path or sample.image_id
    name = name if PurePosixPath(name).suffix.lower() in SUFFIXES else f"{name}.jpg"
    return check_name(name, image_id=sample.image_id, field="file_name")


def picture_stem(sample: Sample) -> str:
    """Return the name of a sample's picture without its suffix, or the id where there is no picture."""
    image = sample.image_file
    name = sample.image_id if image is None else without_suffix(image.name)
    return check_name(name, image_id=sample.image_id, field="file_name")


@dataclass(frozen=True, slots=True)
class Names:
    """Names that are given once: a second one, or one that differs in case alone, is refused."""

    taken: dict[str, str] = field(default_factory=dict)

    def take_all(self, names: Iterable[str], image_ids: Iterable[str]) -> list[str]:
        """Return the names of these samples, once all are taken; errors as those of :meth:`take`."""
        return [self.take(name, image_id) for image_id, name in zip(image_ids, names, strict=True)]

    def take(self, name: str, image_id: str) -> str:
        """Return the name.

        Raises
        ------
        DataError
            When another sample has it.
        """
        other = self.taken.setdefault(caseless(name), image_id)
        if other != image_id:
            raise DataError(
                f"its file would be called {name!r}, as that of image {other} (or differ in case alone)",
                image_id=image_id,
                field="file_name",
            )
        return name


def place_picture(file: Path, sample: Sample, images: str, *, named: bool = False) -> None:
    """Put the picture of a sample at ``file``, unless pictures are left out (``images`` is ``none``).

    Raises
    ------
    DataError
        When it is missing, or would not be found again by its ending: no file names (``named``) it.
    """
    if images == "none":
        return
    if sample.image_file is not None and not named and file.suffix.lower() not in SUFFIXES:
        raise sample.error(
            f"{sample.image_file.name!r} has none of the endings by which pictures are found again, "
            f"{' '.join(SUFFIXES)}; rename it, or pass images='none' (--images none)",
            "file_name",
        )
    put_picture(file, sample, images)


def in_splits(splits: Mapping[str, int]) -> list[str]:
    """Return the split of each sample, in order.

    Raises
    ------
    DataError
        When the name of a split is no name of a folder, or two differ in case alone.
    """
    names = zip(check_splits(splits), splits.values(), strict=True)
    return [name for split, n in names for name in [split] * n]
