"""What the greys of a picture stand for: PNG's own chunk ``pCAL``, which programs that do not ask pass over.

Source: Extensions to the PNG 1.2 Specification, pCAL, equation 0: ``p0 + p1 * sample / (x1 - x0)``.
"""

from __future__ import annotations

import struct
import zlib

_IHDR_END = 8 + 12 + 13
_NAME = b"intensity"


def calibrate(png: bytes, low: float, high: float) -> bytes:
    """Return a PNG that says which intensities its samples 0 and 255 stand for."""
    numbers = f"{low!r}\0{high - low!r}".encode("ascii")
    body = _NAME + b"\0" + struct.pack(">iiBB", 0, 255, 0, 2) + b"\0" + numbers
    chunk = struct.pack(">I", len(body)) + b"pCAL" + body
    return png[:_IHDR_END] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + png[_IHDR_END:]


def calibration(png: bytes) -> tuple[float, float] | None:
    """Return what :func:`calibrate` was given; None where a picture does not say it so."""
    start = png[_IHDR_END + 8 :]
    if png[_IHDR_END + 4 : _IHDR_END + 8] != b"pCAL" or not start.startswith(_NAME + b"\0"):
        return None
    length = struct.unpack(">I", png[_IHDR_END : _IHDR_END + 4])[0]
    low, _, span = start[len(_NAME) + 12 : length].partition(b"\0")
    try:
        return float(low), float(low) + float(span)
    except ValueError:
        return None
