"""The journal of a writer: what was written so far, so that the one after a kill goes on from there.

Chunks stand in it in the order in which they are written, which is always the same. One that is not whole,
as the last may be, and all behind it are forgotten.
"""

from __future__ import annotations

import struct
import zlib
from io import BufferedRandom
from pathlib import Path

from segbench.canonical.atomic import PLACING
from segbench.canonical.pen import Chunk

_HEAD = struct.Struct("<4s6I")
_MAGIC = b"SGJ1"


class Journal:
    """Reads what stands in a file, then writes behind it.

    Parameters
    ----------
    file
        Made where it is not there.
    """

    def __init__(self, file: Path) -> None:
        file.touch()
        self._path = file
        self._file: BufferedRandom = file.open("r+b")
        self._at: int | None = 0

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def drop(self) -> None:
        """Forget everything, and leave word that what was written takes its place."""
        self._path.replace(self._path.with_name(PLACING))

    def read(self, part: int, indices: range) -> Chunk | None:
        """Return the chunk of these samples of a part of the work; None from the first that is not there."""
        if self._at is None:
            return None
        self._file.seek(self._at)
        head = self._file.read(_HEAD.size)
        wanted = part, indices.start, indices.stop
        if len(head) == _HEAD.size:
            magic, *said, n_segments, length, check = _HEAD.unpack(head)
            data = self._file.read(length) if magic == _MAGIC and tuple(said) == wanted else b""
            if len(data) == length and check == zlib.crc32(data, zlib.crc32(head[:-4])):
                self._at = self._file.tell()
                return Chunk(data, len(indices), n_segments)
        self._file.truncate(self._at)
        self._file.seek(self._at)
        self._at = None
        return None

    def write(self, part: int, indices: range, chunk: Chunk) -> None:
        """Note a chunk whose files are all written."""
        head = _HEAD.pack(_MAGIC, part, indices.start, indices.stop, chunk.n_segments, len(chunk.data), 0)[
            :-4
        ]
        check = zlib.crc32(chunk.data, zlib.crc32(head))
        self._file.write(b"".join([head, struct.pack("<I", check), chunk.data]))
        self._file.flush()
