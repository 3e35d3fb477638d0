"""Doors of PNG: label maps and ids stored as colours, several times as fast as libraries read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import deflate
import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._runs import LabelRuns

if TYPE_CHECKING:
    import numpy.typing as npt

_Value = TypeVar("_Value", np.uint8, np.uint16, np.int32)

MAX_PIXELS = 178_956_970
"""Larger pictures are not decoded: a small file can declare 60,000 × 60,000."""

_RGB, _RGBA = 2, 6
_MOST_INFLATED = 1032
"""No byte of DEFLATE becomes more, as 258 take at least 2 bits: a small file never asks for much memory."""


class _Png(NamedTuple):
    height: int
    width: int
    depth: int
    color_type: int
    bits_per_pixel: int
    stream: bytes | memoryview

    @property
    def row_bytes(self) -> int:
        return -(-self.width * self.bits_per_pixel // 8)

    @property
    def bytes_per_pixel(self) -> int:
        return max(1, self.bits_per_pixel // 8)


def png_unfilter(
    raw: bytes | bytearray | memoryview, height: int, row_bytes: int, bytes_per_pixel: int
) -> npt.NDArray[np.uint8]:
    """Undo the row filters of an inflated PNG without interlacing.

    Parameters
    ----------
    raw
        H rows: a byte for the filter (0 None, 1 Sub, 2 Up, 3 Average, 4 Paeth), then `row_bytes` residuals.
    height, row_bytes
        Rows, and bytes in each.
    bytes_per_pixel
        1 to 4; 1 too when a byte holds several pixels.

    Returns
    -------
    uint8 [H, row_bytes]

    Raises
    ------
    ValueError
        If `raw` is not of that size, a row does not hold whole pixels, or its filter is unknown.

    Notes
    -----
    Portable Network Graphics (PNG) Specification, W3C, section 9.
    """
    residuals = np.frombuffer(raw, np.uint8)
    if min(height, row_bytes) < 1 or residuals.size != height * (row_bytes + 1):
        raise ValueError(
            f"expected {height} rows of 1 + {row_bytes} bytes of residuals, got {residuals.size} bytes"
        )
    rows = np.empty((height, row_bytes), np.uint8)
    _cpu.png_unfilter(residuals, rows, bytes_per_pixel)
    return rows


def png_pack(runs: LabelRuns) -> bytes:
    """Return the zlib stream of a PNG of a map, whose rows are filtered with Up.

    Parameters
    ----------
    runs
        The map, uint8 or uint16; or int32 ids of 0 to 2**24 - 1, stored as colours, R + 256 G + 65536 B. Work
        is done for each run, and not for each pixel.

    Raises
    ------
    ValueError
        If the values are of another type, or the runs are not as many pixels as the map.
    """
    if runs.values.dtype not in (np.uint8, np.uint16, np.int32):
        raise ValueError(f"a map must be uint8, uint16 or int32, not {runs.values.dtype}")
    values, ends = (np.ascontiguousarray(array) for array in (runs.values, runs.ends))
    return _cpu.png_pack(values, ends, *runs.shape)


def read_png(data: bytes) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None:
    """Read the values that a PNG stores: indices and not colours, small greys as they are.

    Parameters
    ----------
    data
        The file's bytes.

    Returns
    -------
    uint8 or uint16 [H, W], uint8 [H, W, 3 or 4], or None
        The values, of grey with 1 to 16 bits, palettes, and RGB and RGBA with 8 bits a channel. None when the
        file is of another kind, interlaced, animated, has a tRNS chunk, is damaged or has more than
        `MAX_PIXELS`: ask a library, which reads it or says what ails it.

    Notes
    -----
    PNG Specification, W3C. CRCs are checked but for IDAT's, whose zlib stream has a checksum of its own.
    """
    png = _parse(data)
    raw = None if png is None else _inflate(png)
    if png is None or raw is None:
        return None
    if png.depth == 16:
        return _undo(png, raw, np.empty((png.height, png.width), np.uint16))
    rows = _undo(png, raw, np.empty((png.height, png.row_bytes), np.uint8))
    if rows is None:
        return None
    if png.depth < 8:
        return _unpacked(rows, png.depth, png.width)
    return rows.reshape(png.height, png.width, -1) if png.bytes_per_pixel > 1 else rows


def read_png_ids(data: bytes) -> npt.NDArray[np.int32] | None:
    """Read ids that a PNG stores as colours, R + 256 G + 65536 B, as COCO's panoptic PNGs do.

    Parameters
    ----------
    data
        The file's bytes.

    Returns
    -------
    int32 [H, W], or None
        None when `read_png` would return None, or no colours.
    """
    png = _parse(data)
    if png is None or png.color_type not in (_RGB, _RGBA):
        return None
    raw = _inflate(png)
    return None if raw is None else _undo(png, raw, np.empty((png.height, png.width), np.int32))


def read_png_runs(data: bytes) -> LabelRuns | None:
    """Read what `read_png` reads as the runs of its map, several times as fast and without its pixels.

    Parameters
    ----------
    data
        The file's bytes.

    Returns
    -------
    LabelRuns of uint8 or uint16, or None
        None when `read_png` would return None, or colours.
    """
    png = _parse(data)
    if png is None or png.color_type in (_RGB, _RGBA):
        return None
    if png.depth < 8:
        values = read_png(data)
        return None if values is None else LabelRuns.of(values)
    return _runs(png)


def read_png_id_runs(data: bytes) -> LabelRuns | None:
    """Read what `read_png_ids` reads as the runs of its map, several times as fast and without its pixels.

    Parameters
    ----------
    data
        The file's bytes.

    Returns
    -------
    LabelRuns of int32, or None
        None when `read_png_ids` would return None.
    """
    png = _parse(data)
    return None if png is None or png.color_type not in (_RGB, _RGBA) else _runs(png)


def _runs(png: _Png) -> LabelRuns | None:
    raw = _inflate(png)
    if raw is None:
        return None
    try:
        values, ends = _cpu.png_runs(np.frombuffer(raw, np.uint8), png.height, png.width, png.bytes_per_pixel)
    except ValueError:
        return None
    return LabelRuns(values, ends, (png.height, png.width))


def _parse(data: bytes) -> _Png | None:
    """Return header and zlib stream; None when a file is damaged or not for us."""
    found = _cpu.png_parse(data)
    if found is None:
        return None
    height, width, depth, color_type, bits_per_pixel, spans = found
    if height * width > MAX_PIXELS:
        return None
    view = memoryview(data)
    parts = [view[begin:end] for begin, end in spans]
    stream = parts[0] if len(parts) == 1 else b"".join(parts)
    return _Png(height, width, depth, color_type, bits_per_pixel, stream)


def _inflate(png: _Png) -> bytearray | None:
    size = png.height * (png.row_bytes + 1)
    if size > _MOST_INFLATED * len(png.stream):
        return None
    try:
        raw: bytearray = deflate.zlib_decompress(png.stream, size)
    except deflate.DeflateError:
        return None
    return raw if len(raw) == size else None


def _undo(png: _Png, raw: bytearray, out: npt.NDArray[_Value]) -> npt.NDArray[_Value] | None:
    """Return `out` filled, or None when a row has an unknown filter."""
    try:
        _cpu.png_unfilter(np.frombuffer(raw, np.uint8), out, png.bytes_per_pixel)
    except ValueError:
        return None
    return out


def _unpacked(rows: npt.NDArray[np.uint8], depth: int, width: int) -> npt.NDArray[np.uint8]:
    """Values of 1, 2 or 4 bits, the first in the high bits, to [H, width]."""
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    values = rows[:, :, None] >> shifts & np.uint8((1 << depth) - 1)
    return np.ascontiguousarray(values.reshape(len(rows), -1)[:, :width])
