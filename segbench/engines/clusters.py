"""The engine ``dask``: tasks in the workers of a Dask cluster, one that is there or one of this machine.

A worker that is lost costs the task that it was at. The scheduler cannot tell that one from those that waited
behind it, so a task is blamed when a worker dies at it while no other is given away. A scheduler that is lost
and comes back is given all that it had.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from segbench.engines.interrupts import interrupts_put_off
from segbench.engines.workers import Job, R, Raised, S, Spent, T, Turns, open_job, pickled, work_at
from segbench.errors import UsageError, WorkerError

PATIENCE = 60.0
"""Seconds that a scheduler, or the first of its workers, may be away."""

_CONNECT = 10.0
"""Seconds in which a scheduler must answer at first."""

_PAUSE = 2.0
"""Seconds between two looks at the workers."""

_CONFIG = {"distributed.deploy.lost-worker-timeout": "1000 days"}
"""So long after a death a cluster of this machine gives a worker up that is not there at that moment; by
default after 15 s, at which one that dies often may just be starting again."""

_FAILURES = 0
"""So many workers of this machine may die at a task before it is told; named schedulers have their own."""

_KILLED = ("KilledWorker",)
_GONE = ("CancelledError", "FutureCancelledError", "FuturesCancelledError")


@dataclass(frozen=True)
class DaskEngine:
    """The workers of a scheduler; where none is named, so many processes of this machine.

    Attributes
    ----------
    workers
        Of this machine, where no scheduler is named.
    scheduler
        Its address, such as ``tcp://10.0.0.1:8786``.
    resources
        What a worker must have to be given a task, and what a task takes of it: ``{"GPU": 1}``.
    patience
        Seconds that the scheduler, or all of its workers, may be away.
    """

    workers: int = 1
    scheduler: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    patience: float = PATIENCE

    @contextmanager
    def open(self) -> Iterator[DaskEngine]:
        """See :meth:`segbench.engines.engine.Engine.open`."""
        if self.scheduler is not None:
            self._find()
            yield self._opened(self.scheduler)
            return
        start = partial(
            _distributed().LocalCluster,
            n_workers=self.workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # of what its server has beside the dashboard; any free port
            scheduler_kwargs={"dashboard": False, "allowed_failures": _FAILURES},
            resources=dict(self.resources) or None,
            preload=[__name__],
            silence_logs=logging.ERROR,
        )
        stack = ExitStack()
        try:
            stack.enter_context(import_module("dask.config").set(_CONFIG))
            with interrupts_put_off():
                cluster = stack.enter_context(start())
            yield self._opened(cluster.scheduler_address)
        finally:
            with interrupts_put_off():  # of a second Ctrl-C, too
                stack.close()

    def run(self, job: Job[S, T, R], tasks: Iterable[T]) -> Generator[R]:
        """See :meth:`segbench.engines.engine.Engine.run`."""
        with self.open() as here, here.client() as client:
            yield from _Session(client, here, job).run(tasks)

    def client(self) -> Any:
        """Connect to a scheduler that was found; it may be away for a while later."""
        with interrupts_put_off():  # half a client would tell that its cluster is gone
            return _distributed().Client(self.scheduler, timeout=self.patience)

    def _opened(self, scheduler: str) -> DaskEngine:
        return _Opened(self.workers, scheduler, self.resources, self.patience)

    def _find(self) -> None:
        """See whether the scheduler answers.

        Raises
        ------
        WorkerError
            When there is none.
        """
        try:
            _distributed().Client(self.scheduler, timeout=min(_CONNECT, self.patience)).close()
        except (OSError, ValueError) as error:
            raise WorkerError(f"there is no scheduler at {self.scheduler}: {error}") from None


@dataclass(frozen=True)
class _Opened(DaskEngine):
    """The engine for the time of a block, whose scheduler was found."""

    @contextmanager
    def open(self) -> Iterator[DaskEngine]:
        """Return itself: it is open."""
        yield self


def dask_setup(_: Any) -> None:
    """Leave Ctrl-C, which every process of a terminal hears, to the one that closes the cluster.

    Workers of this machine call it as they start: Dask looks for it by its name in what they preload.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def dask_teardown(_: Any) -> None:
    """Let a worker of this machine that closes tell no more errors.

    It cuts off its own heartbeat where one is under way, and would print a traceback of that.
    """
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)


class _Session:
    """A client, and the tasks that it has given away."""

    def __init__(self, client: Any, engine: DaskEngine, job: Job[Any, Any, Any]) -> None:
        self._client, self._engine, self._job, self._sent = client, engine, job, pickled(job)
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._out: dict[str, tuple[Any, int, Any]] = {}
        self._suspects: deque[tuple[int, Any]] = deque()
        self._alone = False
        self._n_workers, self._looked = 0, 0.0

    def run(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the result of each task."""
        turns = Turns(tasks, self._job.ordered)
        self._fill(turns)
        while self._out:
            for number, result in self._hear():
                turns.put(number, result)
            self._fill(turns)
            yield from turns.due()
            self._fill(turns)

    def _fill(self, turns: Turns[Any]) -> None:
        """Keep one task a worker given away: one that waits behind a slow one would be held up by it.

        Of those that a worker may have died at, one at a time, when there is no other.
        """
        self._look()
        if not self._out:
            self._alone = bool(self._suspects)
            if self._alone:
                self._give(*self._suspects.popleft())
        while not self._alone and not self._suspects and len(self._out) < self._n_workers:
            if (taken := turns.take(2 * self._n_workers)) is None:
                break
            self._give(*taken)

    def _give(self, number: int, task: Any) -> None:
        how = {"pure": False, "resources": dict(self._engine.resources) or None}
        future = self._client.submit(_work_here, self._sent, task, **how)
        self._out[future.key] = future, number, task
        future.add_done_callback(self._ended.put)

    def _hear(self) -> Iterator[tuple[int, Any]]:
        """Wait for the end of a task; look after the workers in the meantime."""
        try:
            future = self._ended.get(timeout=_PAUSE)
        except queue.Empty:
            self._look()
            return
        _, number, task = self._out.pop(future.key)
        try:
            result, address = future.result()
        except Exception as error:  # noqa: BLE001 - what a task raised, or what became of it
            yield from self._failed(number, task, error)
            return
        if isinstance(result, Spent):
            self._replace(address)
            result = result.result
        yield number, result

    def _failed(self, number: int, task: Any, error: Exception) -> Iterator[tuple[int, Any]]:
        if type(error).__name__ in _GONE:  # with its scheduler
            self._looked = 0.0
            self._look()
            self._give(number, task)
        elif type(error).__name__ in _KILLED and not self._alone and self._job.again(task):
            self._suspects.append((number, task))
        elif type(error).__name__ in _KILLED:
            yield number, self._job.without(task, "its workers died (killed, or out of memory)")
        else:
            yield number, Raised(error)

    def _replace(self, address: str) -> None:
        try:
            self._client.restart_workers([address], timeout=self._engine.patience)
        except (ValueError, TimeoutError) as error:
            raise WorkerError(
                f"the worker {address} hangs, and cannot be replaced ({error}); start workers with a nanny"
            ) from None

    def _look(self) -> None:
        """Count the workers, now and then; wait for the first, as long as there is none.

        Raises
        ------
        WorkerError
            When scheduler or workers are away for too long.
        """
        if time.monotonic() - self._looked < _PAUSE:
            return
        since = time.monotonic()
        while not (n_workers := self._count()):
            if time.monotonic() - since > self._engine.patience or self._client.status == "closed":
                raise WorkerError(f"{self._where()} for {self._engine.patience:g} s")
            time.sleep(_PAUSE / 10)
        self._n_workers, self._looked = n_workers, time.monotonic()

    def _count(self) -> int:
        """How many workers have what a task takes; 0 without a connection to the scheduler."""
        try:
            workers = self._client.scheduler_info(n_workers=-1).get("workers", {}).values()
        except (OSError, TimeoutError, RuntimeError):
            return 0
        needed = self._engine.resources.items()
        return sum(all(w["resources"].get(name, 0) >= n for name, n in needed) for w in workers)

    def _where(self) -> str:
        needed = " and ".join(f"{name} {n:g}" for name, n in self._engine.resources.items())
        return f"{self._engine.scheduler} is away, or has no worker{needed and f' with {needed}'},"


def _work_here(sent: bytes, task: Any) -> tuple[Any, str]:
    """Work at a task in a worker of Dask; return its address, too.

    Of the workers that a cluster of this machine has numbered each takes another GPU.
    """
    from distributed import get_worker

    worker = get_worker()
    if isinstance(worker.name, int):
        os.environ.setdefault("LOCAL_RANK", str(worker.name))
    return work_at(open_job(sent), task), worker.address


def _distributed() -> Any:
    try:
        with interrupts_put_off(forked=True):  # imports call weak references back, where one would be lost
            return import_module("distributed")
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed: pip install 'segbench[dask]'") from None
