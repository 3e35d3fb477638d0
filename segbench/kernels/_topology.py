"""Doors of the parts and holes of masks.

Pixels of a mask hang together by corners too, pixels outside of it by sides alone, so that every closed
outline has an inside; what reaches the border of the image is no hole (Rosenfeld, Connectivity in digital
pictures, Journal of the ACM 17, 1970).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.kernels import _cpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt


def rle_topology(
    rles: Sequence[bytes], height: int, width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many parts and how many holes each of the masks of one image has.

    Parameters
    ----------
    rles
        N RLEs.
    height, width
        Size of the image in pixels.

    Returns
    -------
    parts, holes : int64 [N]
        Both 0 for an empty mask.

    Raises
    ------
    ValueError
        If a string is malformed or its runs are longer than the image.
    """
    return _cpu.rle_topology(rles, height, width)


def rle_fill_holes(rle: bytes, height: int, width: int) -> bytes:
    """Return a mask and what it encloses.

    Parameters
    ----------
    rle
        The RLE.
    height, width
        Size of the image in pixels.

    Raises
    ------
    ValueError
        If the string is malformed or its runs are longer than the image.
    """
    return _cpu.rle_fill_holes(rle, height, width)
