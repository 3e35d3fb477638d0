"""Parts of a file by their place, of one that gzip has packed too: nothing before or behind them is held."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

_STEP = 1 << 20
"""Bytes that are unpacked at a time."""
_READ = 1 << 16
_APART, _SHARE = 1 << 24, 64
"""Bytes between two places from which unpacking goes on, each of which takes 50 KB; and that part of what is
before them, if it is more."""
_GZIP = 31
"""How zlib is told of gzip's header and checksum."""


class Parts(Protocol):
    """A file whose bytes are read by their place."""

    def read(self, start: int, n: int) -> bytes:
        """Return ``n`` bytes from ``start`` on, fewer where the file ends.

        Raises
        ------
        OSError, EOFError, zlib.error
            When it cannot be read, or is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainParts:
    """Parts of a file as it is."""

    file: Path

    def read(self, start: int, n: int) -> bytes:
        """See :class:`Parts`."""
        with self.file.open("rb") as handle:
            handle.seek(start)
            return handle.read(n)


@dataclass(slots=True)
class _Mark:
    """A place from which unpacking goes on."""

    packed: int
    unpacked: int
    stream: Any

    def copy(self) -> _Mark:
        return _Mark(self.packed, self.unpacked, self.stream.copy())

    def step(self, handle: BinaryIO, most: int) -> bytes:
        """Unpack at most so many bytes; none at the end of the file."""
        while True:
            handle.seek(self.packed)
            data = handle.read(_READ)
            if self.stream.eof:  # a member ends; another may follow, behind zeros
                if not data:
                    return b""
                if rest := data.lstrip(b"\0"):
                    self.stream = zlib.decompressobj(_GZIP)
                self.packed += len(data) - len(rest)
                continue
            out: bytes = self.stream.decompress(data, most)
            left = self.stream.unused_data if self.stream.eof else self.stream.unconsumed_tail
            self.packed += len(data) - len(left)
            self.unpacked += len(out)
            if out:
                return out
            if not data and not self.stream.eof:
                raise EOFError("the file ends before its data do")


class GzipParts:
    """Parts of what a gzip file unpacks to: read on from the last one, or from a mark that is kept.

    It may be used by several threads, and in processes that are forked.

    Parameters
    ----------
    file
        The packed file, of one member or several.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._marks = [_Mark(0, 0, zlib.decompressobj(_GZIP))]
        self._here = self._marks[0].copy()
        self._lock = threading.Lock()

    def read(self, start: int, n: int) -> bytes:
        """See :class:`Parts`."""
        with self._lock, self._file.open("rb") as handle:
            self._seek(handle, start)
            parts = []
            while n and (part := self._step(handle, n)):
                parts.append(part)
                n -= len(part)
        return b"".join(parts)

    def _seek(self, handle: BinaryIO, start: int) -> None:
        mark = max((m for m in self._marks if m.unpacked <= start), key=lambda m: m.unpacked)
        if not mark.unpacked <= self._here.unpacked <= start:
            self._here = mark.copy()
        while (left := start - self._here.unpacked) and self._step(handle, left):
            pass

    def _step(self, handle: BinaryIO, most: int) -> bytes:
        try:
            part = self._here.step(handle, min(most, _STEP))
        except BaseException:
            self._here = self._marks[0].copy()  # a stream that has failed does not go on
            raise
        last = self._marks[-1].unpacked
        if self._here.unpacked >= last + max(_APART, last // _SHARE):
            self._marks.append(self._here.copy())
        return part
