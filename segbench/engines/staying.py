"""Processes of this machine that stay from one job to the next, where they were forked."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from segbench.engines.pool import Pool
from segbench.engines.workers import Job, R, S, T


@dataclass
class Staying:
    """The engine ``local`` for the time of a block, with processes that end with it if they were forked.

    Of a later job, what they were not forked with is sent to them; where that cannot be, others are forked.

    Attributes
    ----------
    workers
        How many.
    """

    workers: int
    _pool: Pool | None = None

    def open(self) -> Staying:
        """Return itself: it is open."""
        return self

    def __enter__(self) -> Staying:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Generator[R]:
        """See :meth:`segbench.engines.engine.Engine.run`."""
        pool = self._pool_for(job)
        try:
            yield from pool.run(tasks)
        finally:
            if not pool.forked:
                pool.end()
            elif pool.is_at(job):  # nobody will take these results
                self._end()

    def _pool_for(self, job: Job[Any, Any, Any]) -> Pool:
        if self._pool is not None and self._pool.turn_to(job):
            return self._pool
        pool = Pool(job, self.workers)
        if pool.forked:
            self._end()
            self._pool = pool
        return pool

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.end()
        self._pool = None
