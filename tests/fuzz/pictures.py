"""PNG files made without Pillow and without segbench: any row filter, any cut of the stream, odd chunks."""

from __future__ import annotations

import struct
import zlib
from random import Random

import numpy as np
from numpy.typing import NDArray

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}


def png(pixels: NDArray, rng: Random) -> bytes:
    """Encode uint8 or uint16 [H, W], or uint8 [H, W, 3 or 4]."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    depth = 8 * pixels.itemsize
    rows = np.ascontiguousarray(pixels.astype(f">u{pixels.itemsize}")).view(np.uint8).reshape(height, -1)
    stream = zlib.compress(_filtered(rows, channels * depth // 8, rng), rng.choice([0, 1, 6]))
    cut = rng.randrange(len(stream)) if rng.random() < 0.2 else len(stream)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, _COLOR_TYPES[channels], 0, 0, 0))]
    if rng.random() < 0.2:
        parts.append((b"tEXt", b"Comment\0fuzz"))
    parts += [(b"IDAT", piece) for piece in (stream[:cut], stream[cut:]) if piece]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in [*parts, (b"IEND", b"")])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _filtered(rows: NDArray[np.uint8], step: int, rng: Random) -> bytes:
    """Every row after a filter of its own, or all after one."""
    known = np.pad(rows.astype(int), ((1, 0), (step, 0)))
    here, left, up, corner = known[1:, step:], known[1:, :-step], known[:-1, step:], known[:-1, :-step]
    gaps = np.stack([np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)])
    paeth = np.choose(gaps.argmin(axis=0), [left, up, corner])
    predicted = [np.zeros_like(here), left, up, (left + up) // 2, paeth]
    one = rng.choice([None, None, 0, 1, 2, 3, 4])
    out = bytearray()
    for y in range(len(rows)):
        kind = rng.randrange(5) if one is None else one
        out.append(kind)
        out += ((here[y] - predicted[kind][y]) % 256).astype(np.uint8).tobytes()
    return bytes(out)


def colors(ids: NDArray, alpha: int | None = None) -> NDArray[np.uint8]:
    """Ids as R + 256 G + 65536 B."""
    planes = [ids % 256, ids // 256 % 256, ids // 65536]
    if alpha is not None:
        planes.append(np.full_like(ids, alpha))
    return np.stack(planes, axis=-1).astype(np.uint8)
