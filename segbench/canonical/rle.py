"""Rle: one mask as COCO's column-major run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segbench import kernels
from segbench.errors import DataError


@dataclass(frozen=True, slots=True)
class Rle:
    """One binary mask as COCO's compressed, column-major run lengths.

    Attributes
    ----------
    height, width
        Size of the image in pixels.
    counts
        The compressed string of cocoapi ``rleToString``: the first run is zeros.
    """

    height: int
    width: int
    counts: bytes

    @classmethod
    def from_mask(cls, mask: ArrayLike) -> Rle:
        """Encode a bool or uint8 array [H, W]; non-zero is inside."""
        array = np.asarray(mask)
        counts = kernels.rle_from_mask(array)
        return cls(array.shape[0], array.shape[1], counts)

    @classmethod
    def from_polygons(cls, polygons: Sequence[ArrayLike], height: int, width: int) -> Rle:
        """Rasterise flat polygons ``[x0, y0, x1, y1, …]`` in pixels, as cocoapi does, and unite them.

        Raises
        ------
        ValueError
            When a polygon has no point, half a point, or a coordinate that is not finite or beyond 1e8.
        """
        return cls(height, width, kernels.rle_from_polygons(polygons, height, width))

    @classmethod
    def from_runs(cls, runs: ArrayLike, height: int, width: int, **where: Any) -> Rle:
        """Compress plain run lengths (COCO's uncompressed ``counts`` list).

        Raises
        ------
        DataError
            When a run is negative or no integer, or the sum is not height × width; ``where`` goes into its
            message.
        """
        try:
            return cls(height, width, kernels.rle_from_runs(runs, height, width))
        except (ValueError, OverflowError, TypeError) as error:
            raise DataError(str(error), **where) from None

    def check(self, **where: Any) -> Rle:
        """Return self when the runs cover the image exactly.

        Raises
        ------
        DataError
            When the string is truncated, has a negative run or covers more or less than the image.
        """
        try:
            kernels.rle_check(self.counts, self.height, self.width)
        except ValueError as error:
            raise DataError(str(error), **where) from None
        return self

    @property
    def runs(self) -> NDArray[np.uint32]:
        """Plain run lengths, uint32 [n], the first of zeros."""
        return kernels.rle_to_runs(self.counts, self.height, self.width)

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(kernels.rle_measure([self.counts], self.height, self.width)[0][0])

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """``(x, y, w, h)`` in pixels, as cocoapi's ``toBbox`` gives it."""
        x, y, w, h = kernels.rle_measure([self.counts], self.height, self.width)[1][0].tolist()
        return x, y, w, h

    def to_mask(self) -> NDArray[np.uint8]:
        """Decode to uint8 [H, W] of 0 and 1."""
        return kernels.rle_to_mask(self.counts, self.height, self.width)
