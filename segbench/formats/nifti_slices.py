"""Slices of volumes: label maps and pictures, for which no whole volume is held.

Across the last axis a slice is read by itself. Slices across another axis are spread over the whole file, so
that as many of them as ``BAND`` bytes hold are read in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.calibration import calibrate
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError
from segbench.formats.nifti_volumes import Version, Volume, open_volume, version_of

LARGEST = 65_535
"""Largest value of a label."""
BAND = 1 << 25
"""Bytes of slices that are held of a volume, at least one slice."""

_SCALED = 8
"""Bytes of a value that a header scales."""


def label_slice(file: Path, axis: int, index: int) -> NDArray[np.uint16]:
    """Return a slice of a volume of labels, uint16 [H, W].

    Raises
    ------
    DataError
        When the volume is damaged, or the slice holds what is no integer of 0 to 65,535.
    """
    return _labels(_slice(file, axis, index, None), file)


def values_in(file: Path) -> set[int]:
    """Return the values of a volume of labels; errors as :func:`label_slice`."""
    found = np.zeros(LARGEST + 1, np.bool_)
    for block in open_volume(file).blocks():
        found[_labels(block, file)] = True
    return {*np.flatnonzero(found).tolist()}


def _labels(voxels: NDArray[Any], file: Path) -> NDArray[np.uint16]:
    if voxels.dtype.fields is not None:
        raise DataError("has colours where labels are expected", file=file)
    with np.errstate(invalid="ignore"):
        labels = voxels.astype(np.uint16)
    if voxels.dtype != np.uint16 and not np.array_equal(labels, voxels):
        wrong = voxels[labels != voxels].flat[0]
        raise DataError(f"has the value {wrong}, which is no label of 0 to {LARGEST}", file=file)
    return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFile(ImageFile):
    """A slice of a volume, as a picture of 8 bits that is made when it is read.

    Attributes
    ----------
    volume, axis, index, channel
        Which slice; of a volume with a fourth axis, which part.
    limits
        Intensities that become 0 and 255, which the picture says too; what lies outside is cut off. By
        default the least and the largest of the volume.
    """

    volume: Path
    axis: int
    index: int
    channel: int
    limits: tuple[float, float] | None

    def read(self, image_id: str | None = None) -> bytes:
        """Return the picture as a PNG.

        Raises
        ------
        DataError
            When the volume is damaged.
        """
        if self.data is not None:
            return self.data
        voxels = _slice(self.volume, self.axis, self.index, self.channel)
        if voxels.dtype.fields is not None:
            return codec.encode_image(np.stack([voxels[name] for name in "RGB"]))
        low, high = self.limits or _range(self.volume, version_of(self.volume), self.channel)
        grey = (voxels.astype(np.float64) - low) * (255 / (high - low)) + 0.5
        if not np.isfinite(grey).all():
            raise DataError(
                "has an intensity that is no number", file=self.volume, image_id=image_id, field="image"
            )
        return calibrate(codec.encode_labels(np.clip(grey, 0, 255).astype(np.uint8)), low, high)


@lru_cache(maxsize=64)
def _range(file: Path, _: Version, channel: int) -> tuple[float, float]:
    """The intensities that become 0 and 255: what 8 bits stand for, else the least and the largest."""
    volume = open_volume(file)
    if volume.dtype == np.uint8:
        return volume.inter, volume.inter + 255 * volume.slope
    low, high = np.inf, -np.inf
    for voxels in volume.blocks(channel):
        finite = voxels if voxels.dtype.kind in "iu" else voxels[np.isfinite(voxels)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    low, high = (low, high) if low <= high else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1)


def _slice(file: Path, axis: int, index: int, channel: int | None) -> NDArray[Any]:
    """A slice [H, W]: the first axis that is left goes to the right."""
    volume = open_volume(file)
    some = _slices_of_band(volume, axis)
    band = _band(file, version_of(file), axis, index // some, channel)
    return np.ascontiguousarray(np.moveaxis(band, axis, 0)[index % some].T)


def _slices_of_band(volume: Volume, axis: int) -> int:
    if axis == 2:
        return 1
    width, height, depth = volume.shape.size
    itemsize = _SCALED if volume.is_scaled else volume.dtype.itemsize
    return max(1, BAND // (width * height * depth // volume.shape.size[axis] * itemsize))


@lru_cache(maxsize=2)
def _band(file: Path, _: Version, axis: int, number: int, channel: int | None) -> NDArray[Any]:
    """Slices that follow each other, [X, Y, Z] of which one axis is shorter; one of labels is kept, and one
    of intensities."""
    volume = open_volume(file)
    if axis == 2:
        return volume.voxels(number, number + 1, channel)
    some = _slices_of_band(volume, axis)
    first, last = number * some, min((number + 1) * some, volume.shape.size[axis])
    where = (slice(first, last), slice(None)) if axis == 0 else (slice(None), slice(first, last))
    parts = [block[where].copy() for block in volume.blocks(channel)]  # a view would keep all of its block
    return np.concatenate(parts, axis=2)
