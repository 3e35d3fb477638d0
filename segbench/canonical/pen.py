"""Pens: what formats write a data set with. A pen has every sample written, in order, and the target whole.

A format says what is written of one sample, by a function that can be sent to another process; it returns
what is needed of the sample when all are written: names, or its part of a file that they share. The pen here
writes in this process; :mod:`segbench.conversions.spread` has one that lets several do it, and goes on after
a kill.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from segbench.canonical.atomic import replace_file, replace_folder
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import SegbenchError

T = TypeVar("T")
Progress = Callable[[Iterator[Any]], Iterator[Any]]
Put = Callable[[int, Sample], T]
"""Writes the sample of an index, and returns what is needed of it later."""

CHUNK = 25
"""So many samples are written at a time; a divisor of a row group of the canonical form."""
FEW = 5
"""The same where what is returned of each sample holds its picture."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples that follow each other, written.

    Attributes
    ----------
    data
        What was returned of them, packed.
    n_images, n_segments
        How many were written.
    error
        What the next one raised, if that ended it.
    """

    data: bytes
    n_images: int
    n_segments: int
    error: SegbenchError | None = None


def write_chunk(put: Put[T], pack: Callable[[list[T]], bytes], dataset: Dataset, indices: range) -> Chunk:
    """Write these samples, up to the first that cannot be."""
    rows: list[T] = []
    n_segments, error = 0, None
    try:
        for index in indices:
            sample = dataset[index]
            rows.append(put(index, sample))
            n_segments += len(sample.segments)
    except SegbenchError as raised:
        error = raised
    return Chunk(pack(rows), len(rows), n_segments, error)


class Pen:
    """Writes in this process, sample by sample.

    Parameters
    ----------
    progress
        Wraps an iterator with one item a sample, which has a length, to show how far it is.
    total
        That length.
    """

    def __init__(self, progress: Progress = iter, total: int = 0) -> None:
        self.n_segments = 0
        self._progress, self._total = progress, total
        self._ticks: Iterator[Any] | None = None

    def folder(self, target: Path) -> AbstractContextManager[Path]:
        """Yield a folder that becomes ``target`` once it is whole; see :func:`.atomic.replace_folder`."""
        return replace_folder(target)

    def file(self, target: Path) -> AbstractContextManager[Path]:
        """Yield a file that becomes ``target`` once it is whole; see :func:`.atomic.replace_file`."""
        return replace_file(target)

    def each(self, dataset: Dataset, put: Put[Any]) -> Iterator[Any]:
        """Have every sample written, and yield in order what was returned of each: values of JSON.

        Raises
        ------
        SegbenchError
            What ``put`` raises, once the samples before have been yielded.
        """
        for data in self.chunks(dataset, put, pack_json):
            yield from json.loads(data)

    def chunks(
        self, dataset: Dataset, put: Put[T], pack: Callable[[list[T]], bytes], *, large: bool = False
    ) -> Iterator[bytes]:
        """Do so for some samples at a time, fewer where rows are ``large``; yield what ``pack`` returns."""
        parts = shared_out(len(dataset), FEW if large else CHUNK)
        for chunk in self._written(dataset, put, pack, parts):
            self.n_segments += chunk.n_segments
            self._tick(chunk.n_images)
            yield chunk.data
            if chunk.error is not None:
                raise chunk.error

    def end(self) -> None:
        """Let a progress bar end."""
        self._tick(1)

    def _written(
        self, dataset: Dataset, put: Put[T], pack: Callable[[list[T]], bytes], parts: Sequence[range]
    ) -> Iterator[Chunk]:
        return (write_chunk(put, pack, dataset, indices) for indices in parts)

    def _tick(self, n: int) -> None:
        if self._ticks is None:
            self._ticks = iter(self._progress(Sized(iter(range(self._total)), self._total)))
        for _ in range(n):
            next(self._ticks, None)


@dataclass
class Sized:
    """An iterator of which a progress bar can ask how long it is."""

    items: Iterator[Any]
    length: int

    def __iter__(self) -> Iterator[Any]:
        return self.items

    def __next__(self) -> Any:
        return next(self.items)

    def __len__(self) -> int:
        return self.length


def chunks_of(n: int, size: int) -> list[range]:
    """Return the indices 0..n-1, ``size`` at a time."""
    return _cut([range(n)], size)


def shared_out(n: int, size: int) -> list[range]:
    """Return these chunks, the last two of them cut up: then all who work at them end at about one time."""
    chunks = chunks_of(n, size)
    return chunks[:-2] + _cut(chunks[-2:-1], max(1, 2 * size // 5)) + _cut(chunks[-1:], max(1, size // 5))


def _cut(chunks: Sequence[range], size: int) -> list[range]:
    return [chunk[i : i + size] for chunk in chunks for i in range(0, len(chunk), size)]


def pack_json(rows: list[Any]) -> bytes:
    """Pack values of JSON, as :meth:`Pen.each` reads them."""
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def pack_bytes(parts: Sequence[bytes]) -> bytes:
    """Pack bytes strings into one."""
    return json.dumps([len(part) for part in parts]).encode() + b"\n" + b"".join(parts)


def unpack_bytes(data: bytes) -> list[bytes]:
    """Inverse of :func:`pack_bytes`."""
    start = data.index(b"\n") + 1
    parts = []
    for length in json.loads(data[:start]):
        parts.append(data[start : start + length])
        start += length
    return parts


PLAIN = Pen()
"""Writes in this process, and shows nothing; its counts are nobody's."""
