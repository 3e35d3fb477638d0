"""The writing half of NIfTI: slices put back into volumes with their header, and ``dataset.json``."""

from __future__ import annotations

import base64
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import deflate
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
                volume = opened.setdefault(cut.name, _Volume(cut))
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
    """A volume that slices are put into."""

    def __init__(self, cut: Cut) -> None:
        self.name, self.depth = cut.name, cut.shape[cut.axis]
        self.missing = self.depth
        self._first = cut
        self._seen: set[int] = set()
        self._labels = np.zeros(tuple(cut.shape), np.uint16)
        self._image: NDArray[np.uint8] | None = None

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
        at: list[Any] = [slice(None)] * 3
        at[cut.axis] = cut.index
        self._labels[tuple(at)] = decode_labels(cut.labels).T
        if cut.picture:
            self._draw(tuple(at), decode_image(cut.picture))

    def _draw(self, at: tuple[Any, ...], picture: NDArray[np.uint8]) -> None:
        """Put in a picture [3, H, W]; all are RGB from the first that is not grey."""
        channels = 1 if (picture == picture[:1]).all() else 3
        if self._image is None:
            self._image = np.zeros((*self._first.shape, channels), np.uint8)
        if self._image.shape[3] < channels:
            self._image = np.repeat(self._image, channels, axis=3)
        self._image[at] = picture[: self._image.shape[3]].transpose(2, 1, 0)

    def place(self, folder: Path, images: str) -> dict[str, str]:
        """Write the volume; return its row in ``dataset.json``."""
        library, original = nibabel(), self._first.original
        place(folder / "labelsTr" / f"{self.name}.nii.gz", _packed(self._label_image(library)))
        row = {"label": f"./labelsTr/{self.name}.nii.gz"}
        if original is not None:
            name = self.name + (".nii.gz" if original.lower().endswith(".gz") else ".nii")
            place_image(folder / "imagesTr" / name, ImageFile(name=name, path=Path(original)), images)
            row = {"image": f"./imagesTr/{name}", **row}
        elif self._image is not None:
            place(folder / "imagesTr" / f"{self.name}.nii.gz", _packed(self._picture_image(library)))
            row = {"image": f"./imagesTr/{self.name}.nii.gz", **row}
        return row

    def _label_image(self, library: Any) -> Any:
        image = self._image_of(library, self._labels)
        largest, stored = int(self._labels.max()), image.header.get_data_dtype()
        fits = stored.kind in "iu" and largest <= np.iinfo(stored).max
        if self._first.header is None or not (fits or (stored.kind == "f" and stored.itemsize > 2)):
            image.set_data_dtype(np.uint8 if largest < 256 else np.uint16)
        return image

    def _picture_image(self, library: Any) -> Any:
        assert self._image is not None
        if self._image.shape[3] == 3:
            image = self._image_of(library, self._image.view(_RGB)[..., 0])
            image.set_data_dtype(_RGB)
            return image
        image = self._image_of(library, self._image[..., 0])
        image.set_data_dtype(np.uint8)
        if self._first.limits is not None:
            low, high = self._first.limits
            image.header.set_slope_inter((high - low) / 255, low)
        return image

    def _image_of(self, library: Any, voxels: NDArray[Any]) -> Any:
        """An image of these voxels, with the header that the volume was read with."""
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


def _packed(image: Any) -> bytes:
    return bytes(deflate.gzip_compress(image.to_bytes(), 6))


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
