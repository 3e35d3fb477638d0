"""The folder that COCO publishes: ``annotations/<kind>_<split>.json`` and a folder of pictures a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from segbench.canonical.atomic import replace_folder
from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.paths import check_name, inside
from segbench.canonical.place import check_mode, place_image
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError

Progress = Callable[[Iterator[Sample]], Iterator[Sample]]


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
    write: Callable[[Dataset, Path, Progress], None],
    *,
    images: str,
    progress: Progress,
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
        write(dataset, target, progress)
        return
    with replace_folder(target) as folder:
        samples = progress(iter(dataset))
        for split, count in dataset.splits.items():
            check_name(split, file=dataset.path, field="split")
            pictures = _Pictures(folder / split, images)
            shown = partial(pictures.placing, islice(samples, count))
            write(dataset.split(split), folder / "annotations" / f"{kind}_{split}.json", shown)


class _Pictures:
    """The folder of pictures of one split."""

    def __init__(self, folder: Path, images: str) -> None:
        self._folder = folder
        self._images = images
        self._taken: dict[str, Path | None] = {}

    def placing(self, samples: Iterator[Sample], _: Iterator[Sample]) -> Iterator[Sample]:
        """Pass these samples on, instead of the split's own, putting each picture in its place on the way."""
        for sample in samples:
            if self._images != "none":
                self._place(sample)
            yield sample

    def _place(self, sample: Sample) -> None:
        image = sample.image_file
        if image is None:
            return
        file = inside(self._folder, image.name, image_id=sample.image_id, field="file_name")
        key = image.name.casefold()
        if key not in self._taken:
            put_picture(file, sample, self._images)
        elif image.path is None or self._taken[key] != image.path:
            raise DataError(
                f"two images are called {image.name!r} (or differ in case alone)",
                image_id=sample.image_id,
                field="file_name",
            )
        self._taken[key] = image.path


def put_picture(file: Path, sample: Sample, images: str) -> None:
    """Put the picture of a sample at ``file``: ``link`` or ``copy``.

    Raises
    ------
    DataError
        When it is missing or cannot be read.
    """
    if sample.image_file is None:
        return
    try:
        place_image(file, sample.image_file, images)
    except OSError as error:
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
