"""Samples worked at by the workers of an engine, in chunks: how they are written, and how losses are counted.

The result is the same for any number of workers: chunks are cut without regard to it, and come in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from segbench.canonical.atomic import replace_file, replace_folder
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import CHUNK, Chunk, Pen, Progress, Put, Sized, shared_out, write_chunk
from segbench.conversions.journal import Journal
from segbench.engines.engine import Engine, Job

T = TypeVar("T")


class SpreadPen(Pen):
    """A pen of many hands: samples are written by the workers of an engine, files that they share here.

    Parameters
    ----------
    engine
        Whose workers.
    progress, total
        As for :class:`.Pen`.
    key
        16 hexadecimal digits, the same for the same work; what a killed writer with this key has written is
        not written again.
    """

    def __init__(
        self, engine: Engine, progress: Progress = iter, total: int = 0, key: str | None = None
    ) -> None:
        super().__init__(progress, total)
        self._engine, self._key = engine, key
        self._root: Path | None = None
        self._journal: Journal | None = None
        self._part = 0

    @contextmanager
    def folder(self, target: Path) -> Iterator[Path]:
        """See :meth:`.Pen.folder`; one within another is part of it."""
        if self._is_within(target):
            target.mkdir(parents=True, exist_ok=True)
            yield target
        else:
            with replace_folder(target, self._key) as new, self._noted(new):
                yield new

    @contextmanager
    def file(self, target: Path) -> Iterator[Path]:
        """See :meth:`.Pen.file`; one within a folder that is written is part of it."""
        if self._is_within(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield target
        else:
            with replace_file(target, self._key) as new, self._noted(new):
                yield new

    def _is_within(self, target: Path) -> bool:
        return self._root is not None and target.is_relative_to(self._root)

    @contextmanager
    def _noted(self, new: Path) -> Iterator[None]:
        """Keep a journal beside what is written first, until any of it takes its place."""
        if self._key is None or self._journal is not None:
            yield
        else:
            with Journal(new.with_name("journal")) as self._journal:
                self._root = new
                yield
            self._root = None
        if self._journal is not None:
            self._journal.drop()
            self._journal = None

    def _written(
        self, dataset: Dataset, put: Put[T], pack: Callable[[list[T]], bytes], parts: Sequence[range]
    ) -> Iterator[Chunk]:
        self._part += 1
        done = 0
        while self._journal is not None and done < len(parts):
            chunk = self._journal.read(self._part, parts[done])
            if chunk is None:
                break
            yield chunk
            done += 1
        left = parts[done:]
        chunks = spread(self._engine, dataset, put, pack, left) if left else ()
        for indices, chunk in zip(left, chunks, strict=True):
            if self._journal is not None and chunk.error is None:
                self._journal.write(self._part, indices, chunk)
            yield chunk


def spread(
    engine: Engine,
    dataset: Dataset,
    put: Put[T],
    pack: Callable[[list[T]], bytes],
    parts: Sequence[range],
) -> Iterator[Chunk]:
    """Work at the samples of a data set, and yield the chunks of these indices in order."""
    return engine.run(Job(_Given(dataset), _Write(put, pack), forked=True), parts)


def look_at_each(
    engine: Engine, dataset: Dataset, look: Callable[[Dataset, int], T], progress: Progress = iter
) -> Iterator[T]:
    """Yield in order what ``look`` returns of each index; it may read the sample, or find that it cannot.

    Parameters
    ----------
    engine
        Whose workers do it.
    dataset
        Of which each index is looked at.
    look
        A function of a module, an object, or a partial of those.
    progress
        As for :class:`.Pen`.
    """
    job = Job(_Given(dataset), _Look(look), forked=True)
    found = (one for part in engine.run(job, shared_out(len(dataset), CHUNK)) for one in part)
    yield from progress(Sized(found, len(dataset)))


@dataclass(frozen=True, slots=True)
class _Given:
    """Opens what is open here; another process gets a data set that was opened again."""

    dataset: Dataset

    def __call__(self) -> Dataset:
        return self.dataset


@dataclass(frozen=True, slots=True)
class _Look:
    look: Callable[[Dataset, int], Any]

    def __call__(self, dataset: Dataset, indices: range) -> list[Any]:
        return [self.look(dataset, index) for index in indices]


@dataclass(frozen=True, slots=True)
class _Write:
    put: Put[Any]
    pack: Callable[[list[Any]], bytes]

    def __call__(self, dataset: Dataset, indices: range) -> Chunk:
        return write_chunk(self.put, self.pack, dataset, indices)
