"""Engines: how work that is cut into tasks is spread over workers. Results do not depend on the engine.

An engine takes a :class:`Job` and yields one result a task. ``local`` works in this process, or in processes
of this machine; ``dask`` in the workers of a Dask cluster. Another is a class with the same two members and a
line in :func:`engine`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from segbench.engines.workers import Job, R, S, Spent, T
from segbench.errors import UsageError, did_you_mean

__all__ = ["ENGINES", "Engine", "Job", "LocalEngine", "Spent", "engine"]

ENGINES = ("local", "dask")


class Engine(Protocol):
    """Spreads tasks over workers."""

    @property
    def workers(self) -> int:
        """How many tasks are worked at at a time."""

    def open(self) -> AbstractContextManager[Engine]:
        """The engine for the time of a block, in which workers may stay from one job to the next."""

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Generator[R]:
        """Yield the result of each task; few tasks are taken ahead of the results.

        A worker that dies is replaced, and its task is worked at again.

        Raises
        ------
        WorkerError
            When a task is lost, since its workers died each time, and the job has nothing for that; or the
            job cannot be sent to a worker. What a task raises is raised here.
        """


def engine(name: str = "local", workers: int = 1, **options: Any) -> Engine:
    """Return the engine of this name; ``options`` are those of :class:`segbench.engines.clusters.DaskEngine`.

    Raises
    ------
    UsageError
        When there is none, or ``workers`` is below 1.
    """
    if workers < 1:
        raise UsageError(f"at least 1 worker is needed, not {workers}")
    if name == "local" and not options:
        return LocalEngine(workers)
    if name == "dask":
        from segbench.engines.clusters import DaskEngine

        return DaskEngine(workers, **options)
    if name == "local":
        raise UsageError(f"the engine local has no {', '.join(options)}: the engine dask has")
    raise UsageError(f"unknown engine {name!r}.{did_you_mean(name, ENGINES)}")


@dataclass(frozen=True)
class LocalEngine:
    """One worker: this process. Several: processes of this machine, none of which outlives this one.

    Attributes
    ----------
    apart
        Whether even one worker is a process of its own, which may die or hang.
    """

    workers: int = 1
    apart: bool = False

    def open(self) -> AbstractContextManager[Engine]:
        """See :meth:`Engine.open`."""
        if self.workers == 1 and not self.apart:
            return nullcontext(self)
        from segbench.engines.staying import Staying

        return Staying(self.workers)

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Generator[R]:
        """See :meth:`Engine.run`."""
        if self.workers > 1 or self.apart:
            with self.open() as here:
                yield from here.run(job, tasks)
        else:
            for result in map(partial(job.work, job.open()), tasks):
                yield result.result if isinstance(result, Spent) else result
