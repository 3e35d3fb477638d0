"""The writing half of NIfTI: slices put back into volumes with their header, and ``dataset.json``."""

from __future__ import annotations

import base64
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_image, decode_labels
from segbench.canonical.pen import PLAIN, Pen, pack_bytes, unpack_bytes
from segbench.canonical.place import check_mode, place, place_image
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError
from segbench.formats.label_maps import Chosen, Written
from segbench.formats.nifti_cuts import EXTRA, Cut, cut_out, void_of
from segbench.formats.nifti_labels import IGNORE
from segbench.formats.nifti_scratch import Scratch, write_packed
from segbench.formats.nifti_slices import LARGEST
from segbench.formats.nifti_volumes import faults, nibabel
from segbench.formats.pictures import Names, in_splits
from segbench.formats.plain_json import dump_json

DATASET, TRAINING = "dataset.json", "training"
"""The file that lists volumes, and the list that the Decathlon's tools ask for."""
_FIRST = 348
"""Bytes of a header of NIfTI-1; NIfTI-2 has more."""
_RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def write(dataset: Dataset, target: Path, *, images: str = "link", pen: Pen = PLAIN) -> None:
    """Write ``labelsTr``, ``imagesTr`` and ``dataset.json``; a picture of no volume becomes one of one slice.

    Volumes of intensities are taken over as they are. Of pictures greys have 8 bits that are scaled to what
    they stood for, colours are RGB. ``training`` lists all volumes where no split is called so.

    Raises
    ------
    DataError
        When a volume lacks slices, two would have one name, or a picture is missing.
    UsageError
        When nibabel is not installed.
    """
    check_mode(images)
    chosen = _choose(dataset.categories)
    splits, names = in_splits(dataset.splits), {row.value: row.name for row in chosen.rows if row is not None}
    rows: dict[str, list[dict[str, str]]] = {split: [] for split in dataset.splits}
    opened: dict[str, _Volume] = {}
    taken, numbers = Names(), iter(range(len(dataset)))
    with pen.folder(target) as folder:
        for data in pen.chunks(dataset, partial(cut_out, chosen, images, splits), pack_bytes, large=True):
            for part in unpack_bytes(data):
                cut, number = Cut.unpack(part), next(numbers)
                if cut.name not in opened:
                    taken.take(cut.name, dataset.image_ids[number])
                    opened[cut.name] = _Volume(cut, folder / f".{number}")
                volume = opened[cut.name]
                volume.put(cut, dataset.image_ids[number])
                names |= {void_of(chosen): IGNORE} if cut.ignores else {}
                if volume.missing == 0:
                    rows[splits[number]].append(opened.pop(cut.name).place(folder, images))
        for name, volume in opened.items():
            raise DataError(
                f"lacks {volume.missing} of its {volume.depth} slices; write png or segbench instead",
                image_id=name, field="volume",
            )  # fmt: skip
        place(folder / DATASET, dump_json(_listing(dataset, rows, names), indent=1))


def _listing(
    dataset: Dataset, rows: dict[str, list[dict[str, str]]], names: dict[int, str]
) -> dict[str, Any]:
    """``dataset.json``, as the Decathlon has it."""
    every = [row for split in rows.values() for row in split]
    lists = rows if TRAINING in rows else {TRAINING: every, **rows}
    content: dict[str, Any] = {
        "name": dataset.name,
        "tensorImageSize": "3D",
        "modality": {"0": "image"},
        "labels": {str(value): name for value, name in sorted(names.items())},
        "numTraining": len(lists[TRAINING]),
    }
    for split in lists.keys() & content.keys():
        raise DataError(f"the split {split!r} cannot stand in {DATASET}; rename it", field="split")
    return content | lists


class _Volume:
    """A volume that slices are put into, in files that are removed once it is whole.

    Parameters
    ----------
    cut
        The first slice.
    scratch
        Path of its files, but for their suffixes.
    """

    def __init__(self, cut: Cut, scratch: Path) -> None:
        self.name, self.depth = cut.name, cut.shape[cut.axis]
        self.missing = self.depth
        self._first, self._scratch = cut, scratch
        self._seen: set[int] = set()
        self._largest = 0
        self._labels = Scratch(scratch.with_suffix(".labels"), (1, *cut.shape), np.uint16)
        self._image: Scratch | None = None

    def put(self, cut: Cut, image_id: str) -> None:
        """Put in one slice.

        Raises
        ------
        DataError
            When it stands twice, or is of another volume of this name.
        """
        same = (*cut.shape, cut.axis) == (*self._first.shape, self._first.axis)
        if cut.index in self._seen or not same:
            message = f"stands twice in the volume {cut.name}, or is of another one"
            raise DataError(message, image_id=image_id, field="volume")
        self._seen.add(cut.index)
        self.missing -= 1
        labels = decode_labels(cut.labels)
        self._largest = max(self._largest, int(labels.max()))
        self._labels.put(cut.axis, cut.index, labels.T[None])
        if cut.picture:
            self._draw(cut, decode_image(cut.picture))

    def _draw(self, cut: Cut, picture: NDArray[np.uint8]) -> None:
        """Put in a picture [3, H, W]; all are RGB from the first that is not grey."""
        channels = 1 if (picture == picture[:1]).all() else 3
        if self._image is None:
            self._image = self._new_image(channels)
        if self._image.channels < channels:
            grey, self._image = self._image, self._new_image(channels)
            self._image.put_all(grey)
            grey.remove()
        values = picture[: self._image.channels].transpose(0, 2, 1)
        self._image.put(cut.axis, cut.index, values)

    def _new_image(self, channels: int) -> Scratch:
        file = self._scratch.with_suffix(f".{channels}")
        return Scratch(file, (channels, *self._first.shape), np.uint8)

    def place(self, folder: Path, images: str) -> dict[str, str]:
        """Write the volume; return its row in ``dataset.json``."""
        library, original = nibabel(), self._first.original
        file = folder / "labelsTr" / f"{self.name}.nii.gz"
        write_packed(file, self._label_image(library), self._labels.blocks())
        self._labels.remove()
        row = {"label": f"./labelsTr/{self.name}.nii.gz"}
        if original is not None:
            name = self.name + (".nii.gz" if original.lower().endswith(".gz") else ".nii")
            place_image(folder / "imagesTr" / name, ImageFile(name=name, path=Path(original)), images)
            row = {"image": f"./imagesTr/{name}", **row}
        if self._image is not None:
            if original is None:
                file = folder / "imagesTr" / f"{self.name}.nii.gz"
                write_packed(file, self._picture_image(library, self._image), self._image.blocks())
                row = {"image": f"./imagesTr/{self.name}.nii.gz", **row}
            self._image.remove()
        return row

    def _label_image(self, library: Any) -> Any:
        image = self._image_of(library, np.uint16)
        largest, stored = self._largest, image.header.get_data_dtype()
        fits = stored.kind in "iu" and largest <= np.iinfo(stored).max
        if self._first.header is None or not (fits or (stored.kind == "f" and stored.itemsize > 2)):
            image.set_data_dtype(np.uint8 if largest < 256 else np.uint16)
        return image

    def _picture_image(self, library: Any, drawn: Scratch) -> Any:
        image = self._image_of(library, np.uint8 if drawn.channels == 1 else _RGB)
        image.set_data_dtype(np.uint8 if drawn.channels == 1 else _RGB)
        if drawn.channels == 1 and self._first.limits is not None:
            low, high = self._first.limits
            image.header.set_slope_inter((high - low) / 255, low)
        return image

    def _image_of(self, library: Any, dtype: Any) -> Any:
        """An image of the size of the volume, all 0, with the header that the volume was read with."""
        voxels = np.broadcast_to(np.zeros((), dtype), tuple(self._first.shape))
        if self._first.header is None:
            return library.Nifti1Image(voxels, np.eye(4))
        stored = base64.b64decode(self._first.header)
        kind = library.Nifti1Image if len(stored) == _FIRST else library.Nifti2Image
        try:
            header = kind.header_class(stored, self._first.endianness)
            header.set_slope_inter(None, None)
            return kind(voxels, None, header)
        except faults(library) as error:
            raise DataError(f"its header is damaged: {error}", image_id=self.name, field="header") from None


@lru_cache(maxsize=4)
def _choose(categories: Categories) -> Chosen:
    """Source ids where these are values, else dense ids."""
    for c in categories:
        if c.name == IGNORE:
            raise DataError(f"a category called {c.name!r} would be ignored; rename it", field="categories")
    kept = all(0 <= c.key < LARGEST for c in categories)
    rows = (Written(c.name, c.key if kept else c.id, None, None) for c in categories)
    return Chosen(tuple(rows), own=False)


def _renumbered(dataset: Dataset) -> list[str]:
    pairs = zip(dataset.categories, _choose(dataset.categories).rows, strict=True)
    return [f"{c.name} is {c.key}" for c, row in pairs if row is not None and row.value != c.key]


LOSES: dict[str, Any] = {
    "ignore": lambda sample, _: sum(s.ignore for s in sample.segments),
    "extra": lambda sample, _: int(bool(sample.extra.keys() - {EXTRA})),
    "category_ids": _renumbered,
}
