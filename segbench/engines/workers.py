"""What workers of any engine do: jobs, how they are sent, and how a worker works at its tasks."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Any, Generic, TypeVar

from segbench.errors import WorkerError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True)
class Job(Generic[S, T, R]):
    """What each worker does: opens once, then works at one task after the other.

    ``open`` and ``work`` can be pickled: functions of a module, or objects and partials of those.

    Attributes
    ----------
    open
        Returns what tasks have in common: a data set that is open, a model that is loaded.
    work
        Called with that and a task; returns what can be pickled, in a :class:`Spent` where the worker is not
        to be used again.
    ordered
        Whether results come in the order of the tasks, or as they are done: one slow worker then holds up
        nobody.
    lost
        Called with a task whose workers died, and with why, for what stands in the place of its result; where
        there is none, such a task is an error.
    again
        Whether a task at which a worker died is given to a second one before it is lost.
    forked
        Whether workers may be forked of a process that has one thread, which costs nothing and opens nothing
        again; not for what has threads of its own, or a device.
    """

    open: Callable[[], S]
    work: Callable[[S, T], R | Spent[R]]
    ordered: bool = True
    lost: Callable[[T, str], R] | None = None
    again: Callable[[T], bool] = _always
    forked: bool = False

    def without(self, task: T, why: str) -> R:
        """What stands in the place of the result of a task that is lost.

        Raises
        ------
        WorkerError
            When nothing does.
        """
        if self.lost is None:
            raise WorkerError(f"{why}; try again, with fewer workers")
        return self.lost(task, why)


@dataclass(frozen=True)
class Spent(Generic[R]):
    """The last result of a worker: its process is replaced, since something hangs in it."""

    result: R


def pickled(job: Job[Any, Any, Any], known: object = None) -> bytes:
    """Return a job as it is sent to workers, for :func:`work_at`.

    What is ``known`` to them, since they were forked with it, is not sent.

    Raises
    ------
    WorkerError
        When it cannot be sent.
    """
    try:
        return _dumped((_dumped(job.open, known), job.work), known)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise WorkerError(f"the work cannot be sent to workers ({error}); use one worker") from None


class _Pickler(pickle.Pickler):
    def __init__(self, file: BytesIO, known: object) -> None:
        super().__init__(file)
        self._known = known

    def reducer_override(self, obj: object) -> Any:
        return (_inherited, ()) if obj is self._known else NotImplemented


def _dumped(value: object, known: object) -> bytes:
    file = BytesIO()
    _Pickler(file, known).dump(value)
    return file.getvalue()


def _inherited() -> object:
    return _INHERITED[0]


def inherit(known: object) -> None:
    """Keep, in a worker, what it was forked with."""
    _INHERITED[:] = [known]


Opened = tuple[bytes, Callable[[Any, Any], Any]]
"""A job in a worker: the name of what it has opened, and what it does with that."""


def open_job(job: bytes | Job[Any, Any, Any]) -> Opened:
    """Open what tasks have in common, unless the last job opened the same; a job as it was sent or forked."""
    with _LOCK:
        if isinstance(job, Job):
            name = os.urandom(16)
            _KEPT[name] = job.open()
            return name, job.work
        opener, work = pickle.loads(job)
        _opened(opener)
        return opener, work


def work_at(opened: Opened, task: Any) -> Any:
    """Work at a task, one at a time in this process."""
    with _LOCK:
        name, work = opened
        result = work(_opened(name), task)
        if isinstance(result, Spent):
            _KEPT.clear()
        return result


_LOCK = Lock()
_INHERITED: list[object] = []
_KEPT: dict[bytes, Any] = {}


def _opened(opener: bytes) -> Any:
    if opener not in _KEPT:
        _KEPT.clear()  # a model before the next one is loaded
        _KEPT[opener] = pickle.loads(opener)()
    return _KEPT[opener]


@dataclass(frozen=True)
class Raised:
    """Stands for the result of a task that raised, until it is its turn."""

    error: Exception


class Turns(Generic[T]):
    """Numbers tasks as they are taken, and yields their results when it is their turn.

    Parameters
    ----------
    tasks
        Taken one by one.
    ordered
        Whether results come in the order of the tasks, or as they are done.
    """

    def __init__(self, tasks: Iterable[T], ordered: bool) -> None:
        self._tasks, self._ordered = enumerate(tasks), ordered
        self._done: dict[int, Any] = {}
        self._n_taken = self._n_yielded = 0

    def take(self, ahead: int) -> tuple[int, T] | None:
        """The next task and its number, unless ``ahead`` are out or there is none."""
        if self._n_taken - self._n_yielded >= ahead:
            return None
        for task in self._tasks:
            self._n_taken += 1
            return task
        return None

    def put(self, number: int, result: Any) -> None:
        """Keep the result of a task, or what it raised as :class:`Raised`."""
        self._done[number] = result

    def due(self) -> Iterator[Any]:
        """Yield the results whose turn it is; raise what the task raised."""
        while self._done:
            number = self._n_yielded if self._ordered else min(self._done)
            if number not in self._done:
                return
            result = self._done.pop(number)
            if isinstance(result, Raised):
                raise result.error
            yield result
            self._n_yielded += 1
