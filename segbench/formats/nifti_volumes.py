"""Volumes: NIfTI files through nibabel, and their slices as label maps and as pictures."""

from __future__ import annotations

import base64
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical import images as codec
from segbench.canonical.calibration import calibrate
from segbench.canonical.sample import ImageFile
from segbench.errors import DataError, UsageError
from segbench.kernels import MAX_PIXELS

MAX_VOXELS = 1 << 30
"""Voxels of a volume that are read at most."""
ENDINGS = (".nii.gz", ".nii")
LARGEST = 65_535
"""Largest value of a label."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the header of a volume says: how large it is, and the header itself."""

    size: tuple[int, int, int]
    header: Mapping[str, Any]

    def slice_size(self, axis: int) -> tuple[int, int]:
        """Return height and width of a slice: of the axes that are left the first goes to the right."""
        width, height = (n for i, n in enumerate(self.size) if i != axis)
        return height, width


def nibabel() -> Any:
    """Return the library.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    try:
        import nibabel as library
    except ModuleNotFoundError:
        raise UsageError("nibabel is not installed: pip install 'segbench[medical]'") from None
    return library


def stem(name: str) -> str:
    """Return the name of a volume without ``.nii`` or ``.nii.gz``."""
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


def read_shape(file: Path) -> Shape:
    """Read the header of a volume of three axes, or of pictures with a fourth; one of two is a single slice.

    Raises
    ------
    DataError
        When it is damaged, too large, or has other axes.
    """
    return _shape(file, _version(file))


@lru_cache(maxsize=64)
def _shape(file: Path, _: tuple[int, int]) -> Shape:
    where = {"file": file}
    image = _opened(file, where)
    size = _size(image, where)
    header = image.header
    said = {
        "affine": np.asarray(image.affine, np.float64).tolist(),
        "spacing": [float(v) for v in header.get_zooms()[:3]],
        "header": base64.b64encode(header.binaryblock).decode("ascii"),
        "endianness": header.endianness,
    }
    if not np.isfinite([*np.ravel(said["affine"]), *said["spacing"]]).all():
        raise DataError("is not finite", field="affine, spacing", **where)
    return Shape(size, said)


def all_labels(file: Path) -> NDArray[np.uint16]:
    """Return a volume of labels, uint16 [X, Y, Z]; errors as :func:`label_slice`."""
    return _labels(file, _version(file))


def label_slice(file: Path, axis: int, index: int) -> NDArray[np.uint16]:
    """Return a slice of a volume of labels, uint16 [H, W].

    Raises
    ------
    DataError
        When the volume is damaged, or holds what is no integer of 0 to 65,535.
    """
    return _cut(all_labels(file), axis, index)


@lru_cache(maxsize=1)
def _labels(file: Path, _: tuple[int, int]) -> NDArray[np.uint16]:
    voxels = _voxels(file, {"file": file})
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
        version = _version(self.volume)
        voxels = _cut(_intensities(self.volume, version, self.channel), self.axis, self.index)
        if voxels.dtype.fields is not None:
            return codec.encode_image(np.stack([voxels[name] for name in "RGB"]))
        low, high = self.limits or _range(self.volume, version, self.channel)
        grey = (voxels.astype(np.float64) - low) * (255 / (high - low)) + 0.5
        if not np.isfinite(grey).all():
            raise DataError(
                "has an intensity that is no number", file=self.volume, image_id=image_id, field="image"
            )
        return calibrate(codec.encode_labels(np.clip(grey, 0, 255).astype(np.uint8)), low, high)


@lru_cache(maxsize=64)
def _range(file: Path, version: tuple[int, int], channel: int) -> tuple[float, float]:
    """The intensities that become 0 and 255: what 8 bits stand for, else the least and the largest."""
    image = _opened(file, {})
    if image.get_data_dtype() == np.uint8:
        low = float(image.dataobj.inter)
        return low, low + 255 * float(image.dataobj.slope)
    voxels = _intensities(file, version, channel)
    finite = voxels if voxels.dtype.kind in "iu" else voxels[np.isfinite(voxels)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1)


@lru_cache(maxsize=1)
def _intensities(file: Path, _: tuple[int, int], channel: int) -> NDArray[Any]:
    return _voxels(file, {"file": file}, channel)


def _cut(voxels: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    return np.ascontiguousarray(np.take(voxels, index, axis).T)


def _version(file: Path) -> tuple[int, int]:
    """What tells a file from one that was there before, for the memory of volumes."""
    try:
        status = file.stat()
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", file=file) from None
    return status.st_mtime_ns, status.st_size


def _opened(file: Path, where: Mapping[str, Any]) -> Any:
    library = nibabel()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = library.load(file, mmap=False)
            image.affine, image.header.get_zooms()
    except faults(library) as error:
        raise DataError(f"is no readable volume: {_reason(error)}", **{**where, "file": file}) from None
    if not isinstance(image, (library.Nifti1Image, library.Nifti2Image)):
        raise DataError(f"is no NIfTI but {type(image).__name__}", **{**where, "file": file})
    return image


def _size(image: Any, where: Mapping[str, Any]) -> tuple[int, int, int]:
    shape = (*image.shape, 1) if len(image.shape) == 2 else image.shape
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DataError(f"has the axes {[*image.shape]}; three are read", field="dim", **where)
    x, y, z = (int(n) for n in shape[:3])
    if x * y * z > MAX_VOXELS or max(x * y, y * z, x * z) > MAX_PIXELS:
        raise DataError(f"declares {x}×{y}×{z} voxels; at most {MAX_VOXELS} are read", field="dim", **where)
    return x, y, z


def _voxels(file: Path, where: Mapping[str, Any], channel: int | None = None) -> NDArray[Any]:
    """The values of a volume [X, Y, Z], scaled as its header asks; one part of a fourth axis."""
    image = _opened(file, where)
    size = _size(image, where)
    parts = image.shape[3] if len(image.shape) == 4 else 1
    if parts > 1 and channel is None:
        raise DataError(f"has a fourth axis of {parts} where labels have three", field="dim", **where)
    if channel is not None and not 0 <= channel < parts:
        raise UsageError(f"channel {channel} is none of the {parts} of {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            part = image.dataobj if len(image.shape) < 4 else image.dataobj[..., channel or 0]
            voxels = np.asanyarray(part).reshape(size)
    except faults(nibabel()) as error:
        raise DataError(f"cannot read the voxels: {_reason(error)}", **{**where, "file": file}) from None
    if voxels.dtype.kind not in "iufV":
        raise DataError(f"holds {voxels.dtype}, no real numbers or colours", field="datatype", **where)
    return voxels


def faults(library: Any) -> tuple[type[Exception], ...]:
    """Return what nibabel raises for damaged files."""
    return (
        library.filebasedimages.ImageFileError,
        library.spatialimages.HeaderDataError,
        library.wrapstruct.WrapStructError,
        *(OSError, EOFError, ValueError, TypeError, KeyError, ArithmeticError, MemoryError),
        *(zlib.error, np.linalg.LinAlgError),
    )


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
