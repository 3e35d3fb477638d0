"""What Pillow reads for :mod:`segbench.canonical.images`; most label maps do without its 50 ms of import."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

_EXIF_ORIENTATION = 0x0112

# Pillow's parsers raise nearly anything on damaged bytes: a KeyError for a JPEG of six components, say.
FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def reason(error: Exception) -> str:
    """What went wrong, without the address of the buffer that Pillow names."""
    return "its format is not known" if isinstance(error, UnidentifiedImageError) else str(error)


def header(data: bytes, *, has_exif: bool) -> tuple[int, int, object]:
    """Read ``(width, height, EXIF orientation or None)``."""
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        return width, height, picture.getexif().get(_EXIF_ORIENTATION) if has_exif else None


def stored(data: bytes) -> NDArray[Any]:
    """Decode to what the file holds, as Pillow has it."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode to [H, W, 3], as stored."""
    with Image.open(io.BytesIO(data)) as picture:
        if picture.mode.startswith("I"):  # 16-bit grey: keep the upper byte, as viewers do
            grey = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        picture.load()
        picture.info.pop("transparency", None)  # dropped here, so that Pillow need not warn
        return np.asarray(picture.convert("RGB"))


def cover(data: bytes) -> NDArray[np.uint8] | None:
    """Decode alpha, or grey as it is stored; None of colours without alpha."""
    with Image.open(io.BytesIO(data)) as picture:
        if picture.mode in ("1", "L", "I", "I;16"):
            return (np.asarray(picture) != 0).view(np.uint8)
        if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
            return None
        return np.asarray(picture.convert("RGBA"))[:, :, 3]


def two_colors(mask: NDArray[np.uint8]) -> bytes:
    """Encode a mask of 0 and 1 as PNG: white inside, black and transparent outside."""
    picture, out = Image.fromarray(mask), io.BytesIO()
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(out, format="PNG", transparency=0)
    return out.getvalue()
