"""The writing half of PNG label maps: images, masks and ``id2label.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import caseless, check_name, without_suffix
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.place import check_mode, place
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.image_names import ImageNames, whole
from segbench.formats.pictures import in_splits, place_picture
from segbench.formats.split_names import folder_split


def write(
    dataset: Dataset,
    target: Path,
    *,
    images: str = "link",
    pen: Pen = PLAIN,
) -> None:
    """Write ``images``, ``masks`` and ``id2label.json``; ids are those of the source where they fit.

    A mask is named like its picture, or like the image id where there is no picture. Several splits are
    folders below ``images`` and ``masks``.

    Raises
    ------
    DataError
        When two masks or splits would have one name, a mask has an id that is no category, or a picture is
        missing.
    """
    check_mode(images)
    lookup, id2label = _source_ids(dataset.categories)
    with pen.folder(target) as folder:
        put = _Put(folder, in_splits(dataset.splits), len(dataset.splits) > 1, images, lookup)
        taken: set[str] = set()
        for image_id, mask in zip(dataset.image_ids, pen.each(dataset, put), strict=True):
            if caseless(mask) in taken:
                raise DataError(
                    f"two masks are called {mask!r} (or differ in case alone)",
                    image_id=image_id,
                    field="file_name",
                )
            taken.add(caseless(mask))
        text = json.dumps(id2label, indent=1, ensure_ascii=False)
        (folder / "id2label.json").write_text(text + "\n", encoding="utf-8")


def list_renumbered(dataset: Dataset) -> list[str]:
    """Name the categories whose source id is not written, since one of the data set does not fit 16 bits."""
    keys = [c.key for c in dataset.categories]
    return [] if _fit(keys) else [f"{c.name} is {c.key}" for c in dataset.categories if c.key != c.id]


def _fit(keys: list[int]) -> bool:
    return all(0 <= key < 65_535 for key in keys)


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes a mask and its picture; returns the name of the mask."""

    folder: Path
    splits: Sequence[str]
    several: bool
    images: str
    lookup: NDArray[np.int32]

    def __call__(self, index: int, sample: Sample) -> str:
        name = _name(sample, self.splits[index], self.several)
        mask = f"{_stem(name, sample)}.png"
        place(self.folder / "masks" / mask, _encoded(sample, self.lookup))
        place_picture(self.folder / "images" / name, sample, self.images)
        return mask


def _name(sample: Sample, split: str, several: bool) -> str:
    """The name of the picture, or the image id where there is none, in the folder of a split if several."""
    prefix = f"{split}/" if several else ""
    name = sample.image_id if sample.image_file is None else sample.image_file.name
    name = name if name.startswith(prefix) else prefix + name
    return check_name(name, image_id=sample.image_id, field="file_name")


def _stem(name: str, sample: Sample) -> str:
    return name if sample.image_file is None else without_suffix(name)


def _called(sample: Sample, split: str, splits: Sequence[str]) -> str:
    return _stem(_name(sample, split, len(splits) > 1), sample)


NAMES = ImageNames(_called, whole, folder_split)


def _encoded(sample: Sample, lookup: NDArray[np.int32]) -> bytes:
    """The mask as a PNG of the ids to write, in 8 bits where ignore is 255."""
    runs = sample.mask_runs
    stored = lookup[runs.values]
    if stored.min() < 0:
        value = int(runs.values[stored < 0][0])
        raise sample.error(f"has the id {value}, which is no category", "mask")
    return codec.encode_labels(
        runs.renamed(stored.astype(np.uint8 if lookup[sample.ignore_index] == 255 else np.uint16))
    )


def _source_ids(categories: Categories) -> tuple[NDArray[np.int32], dict[str, str]]:
    """Lookup table from masks to the ids to write (-1 for what is no category), and what these mean.

    The source's ids where they fit 16 bits, else the dense ids. Where 255 is a category, the table says that
    65,535 is ignore.
    """
    keys = [c.key for c in categories]
    if not _fit(keys):
        keys = [c.id for c in categories]
    ignore = 255 if max(keys, default=0) < 255 else 65_535
    lookup = np.full(65_536, -1, np.int32)
    lookup[: len(keys)] = keys
    lookup[categories.ignore_index] = ignore
    id2label = {str(key): c.name for key, c in zip(keys, categories, strict=True)}
    return lookup, id2label | ({str(ignore): "ignore"} if 255 in keys else {})
