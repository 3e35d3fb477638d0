"""NIfTI volumes as slices: the Medical Segmentation Decathlon, nnU-Net's folders, or plain ones, by nibabel.

Sources: ``dataset.json`` of the Decathlon (Antonelli et al., Nature Communications 2022) and of nnU-Net v2,
and nibabel 5. A slice across the last axis is an image: the first axis goes to the right, the second down.
The canonical form has pictures of 8 bits: of intensities, HU of CT for one, 256 levels are kept, from the
least to the largest of a volume, or of ``window``; a picture says in ``pCAL`` what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import inside
from segbench.canonical.sample import ImageFile, Sample
from segbench.errors import DataError, UsageError
from segbench.formats.aligned import NUMBERS_OF_TRUTH, goes_by_names, in_order_of
from segbench.formats.folders import find_ending
from segbench.formats.label_maps import Values
from segbench.formats.nifti_cuts import EXTRA, NAMES, slice_id
from segbench.formats.nifti_labels import categories_of, ignored_of, labels_of, values_of
from segbench.formats.nifti_slices import LARGEST, SliceFile, label_slice
from segbench.formats.nifti_volumes import ENDINGS, Shape, nibabel, read_shape, stem
from segbench.formats.nifti_write import DATASET, LOSES, write
from segbench.formats.plain_json import read_object
from segbench.kernels import LabelRuns

__all__ = [
    "CARRIES",
    "LAYOUT",
    "LOSES",
    "NAMES",
    "PLACED",
    "PREDICTED_IDS",
    "PREDICTIONS",
    "TASKS",
    "TITLE",
    "read",
    "read_predictions",
    "ready",
    "sniff",
    "write",
]

TITLE = "NIfTI volumes as slices (Medical Segmentation Decathlon, nnU-Net, plain)"
TASKS = ("semantic",)
PREDICTIONS = {"semantic": "predictions"}
PREDICTED_IDS = {"semantic": range(LARGEST)}
PLACED = True
CARRIES = frozenset(
    {"stuff", "holes", "parts", "ignore", "category_ids", "wide_ids", "extra", "splits", "images"}
)
LAYOUT = """\
dataset.json               {"labels": {"0": "background", …}, "training": [{"image", "label"}, …]}; optional
labelsTr/case.nii.gz       labels, three axes; or labels/, the folder itself, or one file
imagesTr/case.nii.gz       intensities; or images/, case_0000.nii.gz; optional"""
_LABELS, _IMAGES = ("labelsTr", "labels", "."), ("imagesTr", "images")
"""Folders of labels, the first that has some is read; and of images."""
_CHANNEL = "_0000"
_SPATIAL = "affine, spacing and header of a volume are among the other fields of its images"


@dataclass(frozen=True, slots=True)
class _Volume:
    """Files of a volume, its name and its split."""

    name: str
    split: str
    label: Path
    image: Path | None


@dataclass(frozen=True, slots=True)
class _Cut:
    """One slice of a volume."""

    volume: _Volume
    shape: Shape
    index: int
    axis: int

    @property
    def image_id(self) -> str:
        return slice_id(self.volume.name, self.index, self.shape.size[self.axis])


def sniff(path: Path) -> bool:
    """Tell whether a path is a volume, or a folder that has some in a folder of labels."""
    if path.is_file():
        return path.name.endswith(ENDINGS)
    return any(next((path / folder).glob("*.nii*"), None) is not None for folder in _LABELS[:2])


def read(
    path: Path,
    *,
    labels: Path | None = None,
    axis: int = 2,
    channel: int = 0,
    window: str | None = None,
) -> Dataset:
    """Open volumes of labels; image ids are ``volume/slice``.

    Parameters
    ----------
    path
        The folder of ``dataset.json``, of ``labelsTr`` or of volumes; or one volume.
    labels
        JSON whose ``labels`` name the values; by default ``dataset.json`` in the folder. Without one all
        volumes are read for their values.
    axis
        The axis that is cut across: 0, 1 or 2.
    channel
        Which part of images with a fourth axis is shown, from 0.
    window
        ``low,high``: intensities that become black and white; by default the range of each volume.

    Raises
    ------
    DataError
        When there is no volume, or one is damaged.
    UsageError
        When an option is none, or nibabel is not installed.
    """
    if axis not in (0, 1, 2):
        raise UsageError(f"axis must be 0, 1 or 2, not {axis}")
    limits = None if window is None else _limits(window)
    file = labels or path / DATASET
    content = read_object(file) if labels is not None or file.is_file() else {}
    volumes = list(_listed(path, content) if "training" in content else _found(path))
    if not volumes:
        raise DataError("holds no labelsTr/*.nii.gz", file=path)
    named = labels_of(content, file) if content else values_of([v.label for v in volumes])
    return _open(path, volumes, categories_of(named), axis=axis, channel=channel, limits=limits)


def ready() -> None:
    """Check that nibabel is there.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    nibabel()


def is_whole(path: Path, truth: Dataset) -> bool:
    """Tell whether predictions are a whole folder of volumes that lists classes.

    Else, or where only the numbers of these are the truth's, values are its source ids.
    """
    file = path / DATASET
    if not file.is_file() or not sniff(path):
        return False
    return goes_by_names(truth, categories_of(labels_of(read_object(file), file)).categories)


def read_predictions(path: Path, truth: Dataset, *, axis: int = 2) -> Dataset:
    """Open predicted volumes, called as those of the truth, whose values are its source ids.

    What ``dataset.json`` beside them calls ``ignore`` is no class.

    Raises
    ------
    DataError
        When a volume is missing or damaged, or is for none of the truth.
    """
    volumes = list(_found(path))
    if not volumes:
        raise DataError("holds no *.nii.gz", file=path)
    known, file = {c.key: c.id for c in truth.categories}, path / DATASET
    void = ignored_of(read_object(file)) if file.is_file() else frozenset[int]()
    values = Values(truth.categories, known, void - known.keys(), NUMBERS_OF_TRUTH)
    return in_order_of(truth, _open(path, volumes, values, axis=axis, channel=0, limits=None))


def _limits(window: str) -> tuple[float, float]:
    try:
        low, high = map(float, window.split(","))
    except ValueError:
        raise UsageError(f"window must be low,high, not {window!r}") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise UsageError(f"window must rise from low to high, not {window!r}")
    return low, high


def _listed(path: Path, content: Mapping[str, Any]) -> Iterator[_Volume]:
    """The volumes that ``dataset.json`` lists; one that stands twice is of the smaller list."""
    lists = {key: rows for key, rows in content.items() if _is_list(rows)}
    seen: dict[str, _Volume] = {}
    for split, rows in sorted(lists.items(), key=lambda item: (len(item[1]), item[0] == "training")):
        for i, row in enumerate(rows):
            where: dict[str, Any] = {"file": path / DATASET, "field": f"{split}[{i}]"}
            files = [row.get(key) for key in ("label", "image")]
            if not isinstance(files[0], str) or not isinstance(files[1], (str, type(None))):
                raise DataError("has no label and image", **where)
            label = inside(path, files[0], **where)
            image = None if files[1] is None else inside(path, files[1], **where)
            name = stem(label.name)
            shown = image if image is not None and image.is_file() else None
            seen.setdefault(name, _Volume(name, split, label, shown))
    yield from seen.values()


def _is_list(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows)


def _found(path: Path) -> Iterator[_Volume]:
    """The volumes of the first folder that has some, or the one that the path is."""
    if path.is_file():
        yield _Volume(stem(path.name), "train", path, None)
        return
    images = {name: file for folder in reversed(_IMAGES) for name, file in _volumes(path / folder).items()}
    for folder in _LABELS:
        for name, file in _volumes(path / folder).items():
            yield _Volume(name, "train", file, images.get(name, images.get(name + _CHANNEL)))
        if _volumes(path / folder):
            return


def _volumes(folder: Path) -> dict[str, Path]:
    found = {name: f for ending in reversed(ENDINGS) for name, f in find_ending(folder, ending).items()}
    return {name: file for name, file in sorted(found.items()) if "/" not in name}


def _open(
    path: Path,
    volumes: list[_Volume],
    values: Values,
    *,
    axis: int,
    channel: int,
    limits: tuple[float, float] | None,
) -> Dataset:
    cuts: list[_Cut] = []
    splits: dict[str, int] = {}
    for volume in sorted(volumes, key=lambda v: (v.split, v.name)):
        shape = read_shape(volume.label)
        cuts += [_Cut(volume, shape, index, axis) for index in range(shape.size[axis])]
        splits[volume.split] = splits.get(volume.split, 0) + shape.size[axis]
    shown = any(volume.image is not None for volume in volumes)
    return Dataset(
        name=stem(path.resolve().name),
        categories=values.categories,
        image_ids=[cut.image_id for cut in cuts],
        load=_Slices(cuts, values, path, channel, limits),
        tasks=TASKS,
        format="nifti",
        path=path,
        splits=splits,
        notes=(_SPATIAL, *((_note(limits),) if shown else ())),
    )


def _note(limits: tuple[float, float] | None) -> str:
    span = "the range of each volume" if limits is None else f"{limits[0]:g} to {limits[1]:g}"
    return f"of intensities (HU of CT) pictures of slices keep 256 levels of {span}, and lose the rest"


@dataclass(frozen=True, slots=True)
class _Slices:
    """Reads the slice of an index as a sample; it can be sent to another process."""

    cuts: list[_Cut]
    values: Values
    root: Path
    channel: int
    limits: tuple[float, float] | None

    def __call__(self, index: int) -> Sample:
        cut = self.cuts[index]
        height, width = cut.shape.slice_size(cut.axis)
        picture = None if cut.volume.image is None else self._picture(cut, cut.volume.image)
        said = {"volume": cut.volume.name, "slice": cut.index, "axis": cut.axis, **cut.shape.header}
        label = cut.volume.label
        return Sample(
            image_id=cut.image_id,
            height=height,
            width=width,
            ignore_index=self.values.categories.ignore_index,
            load_mask=partial(_mask, self.values, cut),
            image_file=picture,
            source_path=label.name if label == self.root else label.relative_to(self.root).as_posix(),
            extra={EXTRA: {**said, "shape": [*cut.shape.size]}},
        )

    def _picture(self, cut: _Cut, file: Path) -> ImageFile:
        size = read_shape(file).size
        if size != cut.shape.size:
            raise DataError(
                f"the image has {size} voxels, its labels {cut.shape.size}", file=file, image_id=cut.image_id
            )
        return SliceFile(
            name=f"{cut.image_id}.png", volume=file, axis=cut.axis, index=cut.index, channel=self.channel,
            limits=self.limits,
        )  # fmt: skip


def _mask(values: Values, cut: _Cut) -> LabelRuns:
    where: dict[str, Any] = {"file": cut.volume.label, "image_id": cut.image_id}
    labels = label_slice(cut.volume.label, cut.axis, cut.index)
    return values.mask(LabelRuns.of(labels), **where)
