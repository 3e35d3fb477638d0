"""Volumes: the headers of NIfTI files by nibabel, and their voxels some slices at a time, packed or not.

A header may be followed by extensions of any size; they are passed over.
"""

from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.pen import chunks_of
from segbench.errors import DataError, UsageError
from segbench.formats.gzip_parts import GzipParts, Parts, PlainParts
from segbench.kernels import MAX_PIXELS

MAX_VOXELS = 1 << 30
"""Voxels of a volume that are read at most."""
ENDINGS = (".nii.gz", ".nii")
BLOCK = 1 << 24
"""Bytes of a volume that are read at a time, at least a slice."""

_MAX_BEGIN = 1 << 24
"""Where voxels begin at most."""
_HEADERS = {348: "Nifti1Image", 540: "Nifti2Image"}
"""Bytes of a header, which are its first number, and nibabel's kind of image."""

Version = tuple[int, int]
"""What tells a file from one that was there before."""


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


def version_of(file: Path) -> Version:
    """Return what tells a file from one that was there before, for the memory of volumes.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", file=file) from None
    return status.st_mtime_ns, status.st_size


def read_shape(file: Path) -> Shape:
    """Read the header of a volume of three axes, or of pictures with a fourth; one of two is a single slice.

    Raises
    ------
    DataError
        When it is damaged, too large, or has other axes.
    """
    return open_volume(file).shape


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume that is open.

    Attributes
    ----------
    shape
        What its header says.
    dtype, slope, inter
        What is stored, and how that is scaled.
    channels
        The size of its fourth axis.
    """

    file: Path
    shape: Shape
    dtype: np.dtype[Any]
    slope: float
    inter: float
    channels: int
    _begin: int
    _parts: Parts

    @property
    def is_scaled(self) -> bool:
        """Whether values are not those that are stored."""
        return (self.slope, self.inter) != (1, 0)

    def voxels(self, first: int, last: int, channel: int | None = None) -> NDArray[Any]:
        """Return these slices of the last axis [X, Y, last - first], scaled as the header asks.

        Parameters
        ----------
        first, last
            The slices from ``first`` up to ``last``.
        channel
            Which part of a fourth axis; None where there is to be none.

        Raises
        ------
        DataError
            When the file is damaged, or holds no real numbers or colours.
        UsageError
            When there is no such channel.
        """
        self.check_channel(channel)
        width, height, depth = self.shape.size
        area = width * height * self.dtype.itemsize
        start = self._begin + ((channel or 0) * depth + first) * area
        wanted = (last - first) * area
        try:
            data = self._parts.read(start, wanted)
        except faults(nibabel()) as error:
            raise self._unreadable(_reason(error)) from None
        if len(data) < wanted:
            raise self._unreadable("the file ends before they do")
        stored = np.frombuffer(data, self.dtype).reshape((width, height, last - first), order="F")
        return self._scaled(stored) if self.is_scaled else stored

    def blocks(self, channel: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield all slices of the last axis, some at a time; errors as those of :meth:`voxels`."""
        width, height, depth = self.shape.size
        for slices in blocks_of(depth, width * height * self.dtype.itemsize):
            yield self.voxels(slices.start, slices.stop, channel)

    def check_channel(self, channel: int | None) -> None:
        """Check that it is one; see :meth:`voxels`."""
        if self.channels > 1 and channel is None:
            message = f"has a fourth axis of {self.channels} where labels have three"
            raise DataError(message, file=self.file, field="dim")
        if channel is not None and not 0 <= channel < self.channels:
            raise UsageError(f"channel {channel} is none of the {self.channels} of {self.file}")

    def _scaled(self, stored: NDArray[Any]) -> NDArray[Any]:
        from nibabel.volumeutils import apply_read_scaling

        scale = np.asanyarray(self.slope), np.asanyarray(self.inter)
        try:
            scaled: NDArray[Any] = apply_read_scaling(stored, *scale)
        except faults(nibabel()) as error:
            raise self._unreadable(_reason(error)) from None
        return scaled

    def _unreadable(self, reason: str) -> DataError:
        return DataError(f"cannot read the voxels: {reason}", file=self.file)


def blocks_of(depth: int, n_bytes: int) -> list[range]:
    """Return the slices of a volume, some at a time, where a slice takes so many bytes; see ``BLOCK``."""
    return chunks_of(depth, max(1, BLOCK // n_bytes))


def open_volume(file: Path) -> Volume:
    """Open a volume, of which its header is read; errors as those of :func:`read_shape`."""
    return _volume(file, version_of(file))


@lru_cache(maxsize=8)
def _volume(file: Path, _: Version) -> Volume:
    where: dict[str, Any] = {"file": file}
    library = nibabel()
    parts: Parts = GzipParts(file) if file.name.endswith(".gz") else PlainParts(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = _header(library, parts.read(0, max(_HEADERS)))
            axes = tuple(int(n) for n in header.get_data_shape())
            begin, dtype = int(header.get_data_offset()), header.get_data_dtype()
            slope, inter = header.get_slope_inter()
            header.set_data_offset(0)
            header.set_slope_inter(None, None)
            said = {
                "affine": np.asarray(header.get_best_affine(), np.float64).tolist(),
                "spacing": [float(v) for v in header.get_zooms()[:3]],
                "header": base64.b64encode(header.binaryblock).decode("ascii"),
                "endianness": header.endianness,
            }
    except faults(library) as error:
        raise DataError(f"is no readable volume: {_reason(error)}", **where) from None
    size = _size(axes, where)
    if begin > _MAX_BEGIN:
        message = f"says that voxels begin at byte {begin}; at most {_MAX_BEGIN} bytes are passed over"
        raise DataError(message, field="vox_offset", **where)
    if not np.isfinite([*np.ravel(said["affine"]), *said["spacing"]]).all():
        raise DataError("is not finite", field="affine, spacing", **where)
    if dtype.kind not in "iufV":
        raise DataError(f"holds {dtype}, no real numbers or colours", field="datatype", **where)
    return Volume(
        file, Shape(size, said), dtype, 1.0 if slope is None else slope, 0.0 if inter is None else inter,
        axes[3] if len(axes) == 4 else 1, begin, parts,
    )  # fmt: skip


def _header(library: Any, data: bytes) -> Any:
    """The header that a file begins with, without its extensions."""
    for order in "<>":
        length = struct.unpack(f"{order}i", data[:4])[0] if len(data) > 4 else 0
        if length in _HEADERS and len(data) >= length:
            kind = getattr(library, _HEADERS[length]).header_class
            return kind.from_fileobj(io.BytesIO(data[:length] + bytes(4)))
    raise ValueError("it does not begin with a header of NIfTI")


def _size(axes: tuple[int, ...], where: Mapping[str, Any]) -> tuple[int, int, int]:
    shape = (*axes, 1) if len(axes) == 2 else axes
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DataError(f"has the axes {[*axes]}; three are read", field="dim", **where)
    x, y, z = shape[:3]
    if x * y * z > MAX_VOXELS or max(x * y, y * z, x * z) > MAX_PIXELS:
        raise DataError(f"declares {x}×{y}×{z} voxels; at most {MAX_VOXELS} are read", field="dim", **where)
    return x, y, z


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
