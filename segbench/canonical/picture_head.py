"""How EXIF turns a picture, by the head of its file: no pixel is decoded, and of most files few are read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

from segbench.canonical.images import (
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    image_size,
    jpeg_may_be_turned,
    png_may_be_turned,
)
from segbench.errors import DataError

_HEAD = 1 << 16
_START_OF_SCAN = 0xDA


class Turn(NamedTuple):
    """A picture that EXIF turns: its size as seen upright, and its orientation, 2..8."""

    height: int
    width: int
    orientation: int


def turn_of_file(file: Path) -> Turn | None:
    """Return how EXIF turns the picture of a file; None where it does not, or it cannot be read.

    What is wrong with a picture is told by what reads it: :func:`segbench.canonical.images.decode_image`.
    """
    try:
        with file.open("rb", buffering=0) as handle:
            head = handle.read(_HEAD)
            said = _before_the_scan(head)
            if said is not None and not jpeg_may_be_turned(said):
                return None
            if head.startswith(PNG_SIGNATURE):
                with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as chunks:
                    if not png_may_be_turned(chunks):
                        return None
            return turn_of_data(head + handle.read())
    except OSError:
        return None


def turn_of_data(data: bytes) -> Turn | None:
    """Return the same of a picture in memory."""
    if data.startswith(JPEG_SIGNATURE) and not jpeg_may_be_turned(data):
        return None
    if data.startswith(PNG_SIGNATURE) and not png_may_be_turned(data):
        return None
    try:
        turn = Turn(*image_size(data))
    except DataError:
        return None
    return None if turn.orientation == 1 else turn


def _before_the_scan(head: bytes) -> bytes | None:
    """Return what these first bytes of a JPEG say before its pixels; None where they do not reach these."""
    if not head.startswith(JPEG_SIGNATURE):
        return None
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        if head[at + 1] == _START_OF_SCAN:
            return head[:at]
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
