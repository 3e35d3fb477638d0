"""Doors of RLE strings: the masks of COCO (Lin et al., Microsoft COCO, ECCV 2014).

An RLE is the compressed string of COCO as bytes; its image's height and width stand beside it. Runs go down
the columns and begin outside. Every door raises ValueError for a malformed string: a character out of range,
a truncated or too large run, a negative run, or runs longer than the image. Runs shorter than the image
leave the rest outside, as in pycocotools; `rle_check` refuses them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._match import flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def rle_from_runs(counts: npt.ArrayLike, height: int, width: int) -> bytes:
    """Return the RLE of uncompressed run lengths, kept as they are.

    Parameters
    ----------
    counts
        Integers [n]: pixels outside, inside, outside, ... down the columns.
    height, width
        Size of the image in pixels.

    Raises
    ------
    ValueError
        If a run is negative, or the runs do not sum to ``height * width``.
    """
    try:
        runs = np.asarray(counts)
    except ValueError:  # lists of several lengths
        raise ValueError("runs must be integers of shape [n]") from None
    if runs.ndim != 1 or not (runs.size == 0 or np.issubdtype(runs.dtype, np.integer)):
        raise ValueError(
            f"runs must be integers of 64 bits and shape [n], not {runs.dtype} {list(runs.shape)}"
        )
    return _cpu.rle_from_runs(np.ascontiguousarray(runs, np.int64), height, width)


def rle_to_runs(rle: bytes, height: int, width: int, *, strict: bool = False) -> npt.NDArray[np.uint32]:
    """Return the run lengths of an RLE as written: outside, inside, outside, ... down the columns.

    Parameters
    ----------
    rle
        The RLE.
    height, width
        Size of the image in pixels.
    strict
        Whether runs that are shorter than the image are an error.

    Returns
    -------
    uint32 [n]

    Raises
    ------
    ValueError
        If the string is malformed, its runs are longer than the image, or shorter when `strict`.
    """
    return _cpu.rle_to_runs(rle, height, width, strict)


def rle_check(rle: bytes, height: int, width: int) -> None:
    """Raise ValueError, with the reason, unless `rle` is an RLE of exactly ``height * width`` pixels."""
    _cpu.rle_to_runs(rle, height, width, True)


def rle_to_mask(rle: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the mask of an RLE.

    Parameters
    ----------
    rle
        The RLE.
    height, width
        Size of the image in pixels.

    Returns
    -------
    uint8 [H, W]
        1 inside, 0 outside.

    Raises
    ------
    ValueError
        If the string is malformed or its runs are longer than the image.
    """
    return _cpu.rle_to_mask(rle, height, width)


def rle_measure(
    rles: Sequence[bytes], heights: npt.ArrayLike, widths: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the areas and boxes of masks.

    Parameters
    ----------
    rles
        N RLEs.
    heights, widths
        Sizes of their images in pixels: integers, or [N] each.

    Returns
    -------
    areas : int64 [N]
        Pixels inside.
    boxes : float64 [N, 4]
        x, y, width, height in pixels. A run that goes over the end of a column makes the box as high as the
        image, as in ``rleToBbox`` of pycocotools. All 0 for an empty mask, also for one with inside runs of
        0 pixels, for which pycocotools 2.0.11 gives sides of about 2**32.

    Raises
    ------
    ValueError
        If a string is malformed, its runs are longer than its image, or a shape is wrong.
    """
    n = len(rles)
    try:
        sizes = [np.ascontiguousarray(np.broadcast_to(v, (n,)), np.int64) for v in (heights, widths)]
    except ValueError:
        raise ValueError(f"heights and widths must be integers or have shape [{n}]") from None
    return _cpu.rle_measure(rles, *sizes)


def rle_merge(rles: Sequence[bytes], height: int, width: int, intersect: bool = False) -> bytes:
    """Return the union, or the intersection, of masks of one image.

    Parameters
    ----------
    rles
        RLEs. One alone keeps its runs; the union of none is the empty mask.
    height, width
        Size of the image in pixels.
    intersect
        Whether to intersect.

    Raises
    ------
    ValueError
        If a string is malformed or its runs are longer than the image, or there is nothing to intersect.

    Notes
    -----
    Bit for bit what ``rleMerge`` of pycocotools 2.0.11 gives, except where runs of 0 pixels of two masks
    meet: there pycocotools stops and loses the rest of the mask.
    """
    if intersect and not rles:
        raise ValueError("there is no mask to intersect")
    return _cpu.rle_merge(rles, height, width, intersect)


def rle_iou(
    pred: Sequence[bytes], truth: Sequence[bytes], truth_crowd: npt.ArrayLike, height: int, width: int
) -> npt.NDArray[np.float64]:
    """Return the IoU of every predicted mask with every true one of an image.

    Parameters
    ----------
    pred, truth
        D and G RLEs.
    truth_crowd
        bool [G]. With a crowd, the value is the part of the predicted mask that the crowd covers.
    height, width
        Size of the image in pixels.

    Returns
    -------
    float64 [D, G]
        Bit for bit what ``rleIou`` of pycocotools 2.0.11 gives, with the exception of `rle_merge`.

    Raises
    ------
    ValueError
        If a string is malformed, its runs are longer than the image, or a shape is wrong.
    """
    return _cpu.rle_iou(pred, truth, flags(truth_crowd, len(truth), "truth_crowd"), height, width)
