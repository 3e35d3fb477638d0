"""COCO's RLE dicts ``{"size": [height, width], "counts": bytes}``: read, write, and from other shapes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import SegbenchWarning

RleDict = dict[str, Any]


class Masks(NamedTuple):
    """RLE dicts as columns: compressed strings, and the sizes of their images in pixels."""

    counts: list[bytes]
    sizes: list[tuple[int, int]]

    @property
    def size(self) -> tuple[int, int] | None:
        """The one size of all masks; None when they differ or there are none."""
        return self.sizes[0] if len(set(self.sizes)) == 1 else None


def read(rles: Iterable[Mapping[str, Any]]) -> Masks:
    """Read RLE dicts, their ``counts`` bytes or text.

    Raises
    ------
    TypeError
        When ``counts`` is neither; a list of run lengths goes through ``frPyObjects`` first.
    """
    counts, sizes = [], []
    for rle in rles:
        text = rle["counts"]
        if isinstance(text, str):
            text = text.encode()
        elif not isinstance(text, bytes):
            raise TypeError(f"counts must be bytes or str, not {type(text).__name__}; see frPyObjects")
        size = rle["size"]
        counts.append(text)
        sizes.append((int(size[0]), int(size[1])))
    return Masks(counts, sizes)


def write(counts: bytes, height: int, width: int) -> RleDict:
    """Return the RLE dict of a compressed string."""
    return {"size": [height, width], "counts": counts}


def from_array(mask: NDArray[Any]) -> bytes:
    """Compress an array [H, W] of bytes as ``rleEncode`` does: a run ends wherever the value changes.

    Values other than 0 and one more make no mask that way, which is warned of.
    """
    if not mask.size:
        return b"0"
    values = mask.view(np.uint8)
    if values.max() <= 1:
        return kernels.rle_from_mask(values)
    column_major = values.ravel(order="F")
    edges = np.flatnonzero(np.diff(column_major, prepend=np.uint8(0)))
    if len(np.unique(values[values > 0])) > 1:
        warnings.warn(
            "a mask holds several values besides 0: pycocotools starts a run wherever the value changes, "
            "so the RLE is not the mask; encode (mask > 0)",
            SegbenchWarning,
            stacklevel=3,
        )
    return from_runs(np.diff(edges, prepend=0, append=mask.size))


def from_runs(runs: Sequence[Any] | NDArray[Any]) -> bytes:
    """Compress run lengths, whatever they sum to.

    Raises
    ------
    ValueError, OverflowError
        When they are no list, or one is negative or beyond 32 bits.
    """
    lengths = np.array(runs, dtype=np.uint32)
    if lengths.ndim != 1:
        raise ValueError(f"runs must be a list of numbers, not of shape {list(lengths.shape)}")
    pixels = int(lengths.sum(dtype=np.int64))
    return kernels.rle_from_runs(lengths.astype(np.int64), pixels, 1) if pixels else b"0" * len(lengths)


def from_polygons(polygons: Iterable[Any], height: int, width: int) -> bytes:
    """Draw flat polygons and unite them; an odd last value of one is dropped, as in pycocotools.

    Raises
    ------
    ValueError
        When a polygon has no point, or is not flat, or a value is not finite.
    """
    if not height * width:
        return b"0"
    points = [np.asarray(polygon, np.float64) for polygon in polygons]
    return kernels.rle_from_polygons([xy[: len(xy) // 2 * 2] for xy in points], height, width)


def measure(masks: Masks) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return areas int64 [N] and boxes float64 [N, 4] in pixels; 0 for masks of no pixels."""
    counts = [text if h * w else b"" for text, (h, w) in zip(*masks, strict=True)]
    sizes = np.array(masks.sizes, np.int64).reshape(-1, 2)
    sizes[sizes.prod(axis=1) == 0] = 1
    return kernels.rle_measure(counts, sizes[:, 0], sizes[:, 1])
