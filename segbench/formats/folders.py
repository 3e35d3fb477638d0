"""Folders of maps: which picture has which files, in which split; listed once, and read one by one."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import files_below, read_bytes
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError
from segbench.formats.image_names import apart
from segbench.formats.pictures import SUFFIXES, find_files, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture and its files.

    Attributes
    ----------
    name
        Its image id, unless another split has the name too.
    split
        Name of the split.
    files
        Annotations by kind: ``{"labelIds": …}``.
    picture
        The picture, where there is one.
    """

    name: str
    split: str = "train"
    files: Mapping[str, Path] = field(default_factory=dict)
    picture: ImageFile | None = None

    def where(self, kind: str) -> dict[str, Any]:
        """What a message about one of the files names: the file and the image."""
        return {"file": self.files[kind], "image_id": self.name}

    def read(self, kind: str) -> bytes:
        """Return the bytes of one of the files.

        Raises
        ------
        DataError
            When it cannot be read.
        """
        return read_file(self.files[kind], image_id=self.name)


def read_file(file: Path, **where: Any) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    DataError
        When it cannot be read; ``where`` goes into its message.
    """
    try:
        return read_bytes(file)
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", **{"file": file, **where}) from None


@dataclass(frozen=True, slots=True)
class Frames:
    """Reads the frame of an index as a sample; it can be sent to another process."""

    frames: Sequence[Frame]
    read: Callable[[Frame], Sample]
    image_ids: Sequence[str] | None = None

    def __call__(self, index: int) -> Sample:
        """Read one sample."""
        sample = self.read(self.frames[index])
        if self.image_ids is None or self.image_ids[index] == sample.image_id:
            return sample
        return replace(sample, image_id=self.image_ids[index])


def open_frames(
    frames: Iterable[Frame],
    read: Callable[[Frame], Sample],
    *,
    path: Path,
    format: str,  # noqa: A002 - the field's word
    categories: Categories,
    tasks: Sequence[str],
    notes: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return a data set of frames, by split and name; ids are ``split/name`` where splits share a name.

    Raises
    ------
    DataError
        When there is none, or two have one name.
    """
    ordered = sorted(frames, key=lambda frame: (frame.split, frame.name))
    image_ids = apart([f.name for f in ordered], [f.split for f in ordered])
    splits: dict[str, int] = {}
    for frame in ordered:
        splits[frame.split] = splits.get(frame.split, 0) + 1
    return Dataset(
        name=path.resolve().name,
        categories=categories,
        image_ids=image_ids,
        load=Frames(ordered, read, image_ids),
        tasks=tasks,
        format=format,
        path=path,
        splits=splits,
        notes=notes,
        extra=extra,
    )


def find_ending(folder: Path, ending: str) -> dict[str, Path]:
    """Return ``{path below the folder without the ending: file}`` by rising path; hidden files are none.

    A folder that is not there holds nothing.
    """
    if not folder.is_dir():
        return {}
    return {
        below.removesuffix(ending): folder / below
        for below in sorted(files_below(folder))
        if below.endswith(ending) and not below.rpartition("/")[2].startswith(".")
    }


def find_pictures(folder: Path, ending: str = "") -> dict[str, ImageFile]:
    """Return ``{path below the folder without ending and suffix: picture}``.

    Raises
    ------
    DataError
        When two differ in their suffix alone.
    """
    if not folder.is_dir():
        return {}
    return {
        name.removesuffix(ending): ImageFile(name=file.relative_to(folder).as_posix(), path=file)
        for name, file in find_files(folder, SUFFIXES).items()
        if name.endswith(ending)
    }


def note_left_out(pictures: Mapping[str, ImageFile], names: Iterable[str]) -> tuple[str, ...]:
    """Say which pictures have no annotation, and are left out."""
    known = set(names)
    lone = [image.name for name, image in pictures.items() if name not in known]
    if not lone:
        return ()
    some = ", ".join(lone[:3]) + ", …" * (len(lone) > 3)
    return (f"pictures without annotation, which are left out: {len(lone)} ({some})",)


def read_list(file: Path, known: Container[str] = ()) -> Iterator[str]:
    """Yield the first word of each line that is not empty, or all of the line where that is ``known``.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    for line in read_text(file).splitlines():
        if words := line.split():
            yield name if (name := line.strip()) in known else words[0]
