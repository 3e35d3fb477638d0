"""Engines: how work that is cut into tasks is spread over workers. Results do not depend on the engine.

An engine takes a :class:`Job` and yields one result a task, in the order of the tasks. ``local`` works in
this process, or in processes of this machine. Another is a class with the same two members and a line in
:func:`engine`.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from segbench.errors import UsageError, WorkerError

if TYPE_CHECKING:
    from concurrent.futures import Future

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Job(Generic[S, T, R]):
    """What each worker does: opens once, then works at one task after the other.

    Both can be pickled: functions of a module, or objects and partials of those.

    Attributes
    ----------
    open
        Returns what tasks have in common: a data set that is open, a model that is loaded.
    work
        Called with that and a task; returns what can be pickled.
    """

    open: Callable[[], S]
    work: Callable[[S, T], R]


class Engine(Protocol):
    """Spreads tasks over workers."""

    @property
    def workers(self) -> int:
        """How many tasks are worked at at a time."""

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield the result of each task, in order; few tasks are taken ahead of the results.

        Raises
        ------
        WorkerError
            When a worker died, or the job cannot be sent to one. What a task raises is raised here.
        """


def engine(name: str = "local", workers: int = 1) -> Engine:
    """Return the engine of this name.

    Raises
    ------
    UsageError
        When there is none, or ``workers`` is below 1.
    """
    if workers < 1:
        raise UsageError(f"at least 1 worker is needed, not {workers}")
    if name != "local":
        raise UsageError(f"unknown engine {name!r}: local is known")
    return LocalEngine(workers)


@dataclass(frozen=True)
class LocalEngine:
    """One worker: this process. Several: processes of this machine, none of which outlives this one."""

    workers: int = 1

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Iterator[R]:
        """See :meth:`Engine.run`."""
        if self.workers == 1:
            yield from map(partial(job.work, job.open()), tasks)
        else:
            yield from _in_processes(job, tasks, self.workers)


def pickled(job: Job[Any, Any, Any]) -> bytes:
    """Return a job as it is sent to workers, for :func:`work_at`.

    Raises
    ------
    WorkerError
        When it cannot be sent.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise WorkerError(f"the work cannot be sent to workers ({error}); use one worker") from None


def work_at(job: bytes, task: Any) -> Any:
    """Work at a task in a worker, which keeps what the last job has opened."""
    work, state = _opened(job)
    return work(state, task)


@lru_cache(maxsize=1)
def _opened(job: bytes) -> tuple[Callable[[Any, Any], Any], Any]:
    known: Job[Any, Any, Any] = pickle.loads(job)
    return known.work, known.open()


def _in_processes(job: Job[S, T, R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # Forked of this process, workers would have its locks, but none of the threads that hold them.
    forked = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forked else "spawn")
    if forked:
        context.set_forkserver_preload([__name__, "numpy", *_modules(job)])
    sent = pickled(job)
    waiting: deque[Future[R]] = deque()
    with ProcessPoolExecutor(workers, context, _begin_worker) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work_at, sent, task))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise WorkerError(
                "a worker process died (killed, or out of memory); try again, with fewer workers"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _modules(job: Job[Any, Any, Any]) -> list[str]:
    functions = [getattr(f, "func", f) for f in (job.open, job.work)]
    return [getattr(f, "__module__", __name__) for f in functions]


def _begin_worker() -> None:
    """An interruption is for the process that waits for the results; a worker ends when that one has."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import multiprocessing
    import os
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
