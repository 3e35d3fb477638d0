"""Volumes on their way to be written: slices put into a file as they come, and packed some at a time."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.formats.nifti_volumes import blocks_of

_GZIP, _LEVEL = 31, 6
"""How zlib is told of gzip's header, in which no time stands; and how much it tries."""


class Scratch:
    """Voxels in a file of their own, all 0 at first.

    Parameters
    ----------
    file
        Made anew.
    shape
        Channels, X, Y and Z.
    dtype
        Of a value.
    """

    def __init__(self, file: Path, shape: Sequence[int], dtype: type[np.generic]) -> None:
        self.channels, *size = shape
        self._file, self._size, self._dtype = file, tuple(size), np.dtype(dtype)
        self._area = self.channels * size[0] * size[1] * self._dtype.itemsize
        with file.open("wb") as handle:
            handle.truncate(self._area * size[2])

    def put(self, axis: int, index: int, values: NDArray[Any]) -> None:
        """Put in a slice across an axis of X, Y and Z: [channels, …] of the two that are left."""
        if axis == 2:
            with self._file.open("r+b") as handle:
                handle.seek(index * self._area)
                handle.write(values.astype(self._dtype).tobytes(order="F"))
            return
        for slices in self._blocks():
            part = self._mapped(slices, "r+")
            np.moveaxis(part, axis + 1, 0)[index] = values[..., slices.start : slices.stop]
            part.flush()

    def put_all(self, other: Scratch) -> None:
        """Put in all of another one, of the same size and of as many channels, or of one for all."""
        for slices in self._blocks():
            self._mapped(slices, "r+")[...] = other._mapped(slices, "r")

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield all voxels [channels, X, Y, some of Z], in order."""
        for slices in self._blocks():
            yield self._mapped(slices, "r")

    def remove(self) -> None:
        """Remove the file."""
        self._file.unlink()

    def _blocks(self) -> list[range]:
        return blocks_of(self._size[2], self._area)

    def _mapped(self, slices: range, mode: Any) -> np.memmap[Any, Any]:
        shape = (self.channels, *self._size[:2], len(slices))
        return np.memmap(self._file, self._dtype, mode, slices.start * self._area, shape, order="F")


def write_packed(file: Path, image: Any, blocks: Iterator[NDArray[Any]]) -> None:
    """Write a volume packed by gzip; the same bytes for the same voxels.

    Parameters
    ----------
    file
        One that is there is replaced.
    image
        An image of nibabel, of whose voxels the type and the shape alone are taken.
    blocks
        The voxels [channels, X, Y, some of Z] as they are stored, colours as three channels.
    """
    image.update_header()
    header = image.header
    if np.isnan(header["scl_slope"]):
        header.set_slope_inter(1, 0)
    dtype = header.get_data_dtype()
    begin = io.BytesIO()
    header.write_to(begin)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    with file.open("xb") as handle:
        handle.write(packer.compress(begin.getvalue().ljust(header.get_data_offset(), b"\0")))
        for block in blocks:
            stored = block if dtype.fields is not None else block.astype(dtype)
            handle.write(packer.compress(stored.tobytes(order="F")))
        handle.write(packer.flush())
