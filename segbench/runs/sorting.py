"""Sorting of more items than are to be in memory: runs of them lie sorted in files, and are merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

T = TypeVar("T")

RUN = 8192
"""Items that are sorted in memory."""

CHUNK = 128
"""Items of each run that are in memory as runs are merged."""

_LENGTH = 8


class Sorter(Generic[T]):
    """Sorts items that can be packed.

    Parameters
    ----------
    key
        What they are sorted by.
    pack, unpack
        Make bytes of several items, and items of these.
    folder
        Where files are for as long as items are read.
    run, chunk
        How many items are in memory: see :data:`RUN` and :data:`CHUNK`.
    """

    def __init__(
        self,
        key: Callable[[T], Any],
        pack: Callable[[Sequence[T]], bytes],
        unpack: Callable[[bytes], Sequence[T]],
        folder: Path,
        *,
        run: int | None = None,
        chunk: int | None = None,
    ) -> None:
        self._key, self._pack, self._unpack = key, pack, unpack
        self._folder, self._run, self._chunk = folder, run or RUN, chunk or CHUNK

    def sorted(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items in order."""
        source = iter(items)
        first = self._next_run(source)
        if len(first) < self._run:
            yield from first
            return
        with TemporaryDirectory(prefix=".sorting-", dir=self._folder) as scratch:
            files = [self._write(Path(scratch, "0"), first)]
            while run := self._next_run(source):
                files.append(self._write(Path(scratch, str(len(files))), run))
            del first, run
            yield from heapq.merge(*map(self._read, files), key=self._key)

    def _next_run(self, source: Iterator[T]) -> list[T]:
        return sorted(islice(source, self._run), key=self._key)

    def _write(self, file: Path, items: Sequence[T]) -> Path:
        with file.open("wb") as handle:
            for start in range(0, len(items), self._chunk):
                data = self._pack(items[start : start + self._chunk])
                handle.write(len(data).to_bytes(_LENGTH, "little") + data)
        return file

    def _read(self, file: Path) -> Iterator[T]:
        with file.open("rb") as handle:
            while length := handle.read(_LENGTH):
                yield from self._unpack(handle.read(int.from_bytes(length, "little")))
