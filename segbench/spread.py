"""Samples worked at by the workers of an engine, in chunks: how they are written, and how losses are counted.

The result is the same for any number of workers: chunks are cut without regard to it, and come in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import Chunk, Pen, Progress, Put, write_chunk
from segbench.engines import Engine, Job

T = TypeVar("T")


class SpreadPen(Pen):
    """A pen of many hands: samples are written by the workers of an engine, files that they share here.

    Parameters
    ----------
    engine
        Whose workers.
    progress, total
        As for :class:`.Pen`.
    """

    def __init__(self, engine: Engine, progress: Progress = iter, total: int = 0) -> None:
        super().__init__(progress, total)
        self._engine = engine

    def _written(
        self, dataset: Dataset, put: Put[T], pack: Callable[[list[T]], bytes], parts: Sequence[range]
    ) -> Iterator[Chunk]:
        return spread(self._engine, dataset, put, pack, parts)


def spread(
    engine: Engine,
    dataset: Dataset,
    put: Put[T],
    pack: Callable[[list[T]], bytes],
    parts: Sequence[range],
) -> Iterator[Chunk]:
    """Work at the samples of a data set, and yield the chunks of these indices in order."""
    return engine.run(Job(_Given(dataset), _Write(put, pack), forked=True), parts)


@dataclass(frozen=True, slots=True)
class _Given:
    """Opens what is open here; another process gets a data set that was opened again."""

    dataset: Dataset

    def __call__(self) -> Dataset:
        return self.dataset


@dataclass(frozen=True, slots=True)
class _Write:
    put: Put[Any]
    pack: Callable[[list[Any]], bytes]

    def __call__(self, dataset: Dataset, indices: range) -> Chunk:
        return write_chunk(self.put, self.pack, dataset, indices)
