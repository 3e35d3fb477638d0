"""Patches: masks that formats store cut out to their box, and PNGs that they store as base64 text."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.rle import Rle
from segbench.errors import DataError

MAX_TEXT = 1 << 28
"""Characters of a base64 text, and bytes of what zlib packed, that are read at most."""


def cut_out(rle: Rle) -> tuple[NDArray[np.uint8], int, int] | None:
    """Return the mask cut out to its box, uint8 [h, w] of 0 and 1, its left and top; None without pixels."""
    x, y, w, h = (int(v) for v in rle.bbox)
    if w == 0 or h == 0:
        return None
    return np.ascontiguousarray(rle.to_mask()[y : y + h, x : x + w]), x, y


def paste(patch: NDArray[Any], left: int, top: int, size: tuple[int, int]) -> Rle:
    """Return the mask of an image of this height and width whose patch, non-zero inside, starts there.

    What lies beyond the image is cut off.
    """
    mask = np.zeros(size, np.uint8)
    height, width = patch.shape
    y, x = max(0, top), max(0, left)
    below, right = min(size[0], top + height), min(size[1], left + width)
    if below > y and right > x:
        mask[y:below, x:right] = patch[y - top : below - top, x - left : right - left] != 0
    return Rle.from_mask(mask)


def row_runs(patch: NDArray[np.uint8]) -> list[int]:
    """Return the run lengths of a mask of 0 and 1, row by row, the first of zeros."""
    flat = patch.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, len(flat))
    runs = np.diff(ends, prepend=0).tolist()
    return [0, *runs] if flat[0] else runs


def from_base64(text: Any, **where: Any) -> bytes:
    """Decode a base64 text.

    Raises
    ------
    DataError
        When it is none, or longer than ``MAX_TEXT``; ``where`` goes into its message.
    """
    if not isinstance(text, str):
        raise DataError("is no base64 text", **where)
    if len(text) > MAX_TEXT:
        raise DataError(f"has {len(text)} characters; at most {MAX_TEXT} are read", **where)
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"is no base64 text: {error}", **where) from None


def to_base64(data: bytes) -> str:
    """Encode bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def inflate(data: bytes, **where: Any) -> bytes | None:
    """Unpack what zlib packed; None where it did not.

    Raises
    ------
    DataError
        When it is longer than ``MAX_TEXT``, or ends too early; ``where`` goes into its message.
    """
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, MAX_TEXT)
    except zlib.error:
        return None
    if not stream.eof:
        what = f"unpacks to more than {MAX_TEXT} bytes" if stream.unconsumed_tail else "ends too early"
        raise DataError(f"{what}; it is not read", **where)
    return unpacked
