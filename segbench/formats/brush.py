"""Label Studio's brush: an RGBA picture of one region as a packed stream of bits, whose mask is its alpha.

The stream, most significant bit first: the number of values in 32 bits, one less than the bits of a value in
5, and one less than each of four widths in 4. Blocks follow until all values are there: one bit says whether
one value repeats (1) or each is given (0), two bits choose a width, and as many bits hold one less than the
number of values; then the value, or the values, follow. Zero bits fill the last byte.

Source: rle-pack of thi.ng/umbrella, with which Label Studio stores brushes, and label-studio-converter
0.0.59, by which a pixel belongs to the region where alpha is not 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.formats.patches import row_runs

_WIDTHS = (3, 4, 8, 16)
_OPAQUE = 255


def decode_brush(data: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Return the mask of a stream, uint8 [H, W] of 0 and 1.

    Raises
    ------
    ValueError
        When the stream ends too early, or has not four values for each pixel.
    """
    bits = _Bits(data)
    n, value_bits = bits.read(32), bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    if n != 4 * height * width:
        raise ValueError(f"has {n} values; an image of {width}×{height} has {4 * height * width}")
    inside = np.zeros(n, np.uint8)
    at = 0
    while at < n:
        repeats = bits.read(1)
        end = at + 1 + bits.read(widths[bits.read(2)])
        if end > n:
            raise ValueError(f"has more than {n} values")
        if repeats:
            inside[at:end] = bits.read(value_bits) != 0
        else:
            inside[at:end] = bits.read_values(end - at, value_bits).any(1)
        at = end
    return np.ascontiguousarray(inside.reshape(height, width, 4)[:, :, 3])


def encode_brush(mask: NDArray[np.uint8]) -> bytes:
    """Return the stream of a mask, [H, W] of 0 and 1: all four channels are 255 inside and 0 outside."""
    sizes = "".join(f"{width - 1:04b}" for width in _WIDTHS)
    parts = [f"{4 * mask.size:032b}", f"{7:05b}", sizes]
    value = 0
    for run in row_runs(mask):
        left = 4 * run
        while left:
            length = min(left, 1 << _WIDTHS[-1])
            parts.append(_block(length, value))
            left -= length
        value ^= _OPAQUE
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _block(length: int, value: int) -> str:
    choice = next(i for i, width in enumerate(_WIDTHS) if length <= 1 << width)
    return f"1{choice:02b}{length - 1:0{_WIDTHS[choice]}b}{value:08b}"


class _Bits:
    """Reads numbers of so many bits, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, n: int) -> int:
        start, end = self._at >> 3, self._step(n)
        number = int.from_bytes(self._data[start:end], "big")
        return (number >> (8 * end - self._at)) & ((1 << n) - 1)

    def read_values(self, count: int, width: int) -> NDArray[np.uint8]:
        """The bits of several values, uint8 [count, width] of 0 and 1."""
        first = self._at
        end = self._step(count * width)
        bits = np.unpackbits(np.frombuffer(self._data[first >> 3 : end], np.uint8))
        return bits[first & 7 :][: count * width].reshape(count, width)

    def _step(self, n: int) -> int:
        """Go on by so many bits; return the byte after the last of them."""
        self._at += n
        end = (self._at + 7) >> 3
        if end > len(self._data):
            raise ValueError("ends too early")
        return end
