"""A pool of processes of this machine: one that dies is replaced, and its task is given to another one."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from segbench.engines.interrupts import interrupts_put_off
from segbench.engines.workers import Job, Raised, Spent, Turns, inherit, open_job, pickled, work_at
from segbench.errors import SegbenchError, WorkerError

ATTEMPTS = 2
"""A task at which so many workers died is lost; one that is not to be done again at the first."""

_GRACE = 5.0
"""Seconds that workers have to end by themselves."""


@dataclass
class _Task:
    number: int
    content: Any
    deaths: int = 0


@dataclass
class _Worker:
    """A process, the pipe to it, and the task that it is at; of those at work each has a rank of its own."""

    rank: int
    process: Any
    pipe: Connection
    task: _Task | None = None
    ready: bool = False

    @property
    def handles(self) -> tuple[Connection, int]:
        """What is ready once it has a word, and once it has ended."""
        return self.pipe, self.process.sentinel

    def end(self, grace: float = 0) -> None:
        """Let it end by itself for so long, then kill it."""
        self.pipe.close()
        if grace:
            self.process.join(grace)
        self.process.kill()
        self.process.join()


@dataclass(frozen=True)
class _Next:
    """Another job, for a worker that has done with one."""

    sent: bytes


class Pool:
    """Processes, none of which outlives this one.

    Parameters
    ----------
    job
        What they do.
    size
        How many of them.

    Attributes
    ----------
    forked
        Whether they are forked of this process.
    """

    def __init__(self, job: Job[Any, Any, Any], size: int) -> None:
        self._job, self._size = job, size
        self.forked = job.forked and _may_fork()
        self._known = job.open() if self.forked else None
        self._sent = job if self.forked else pickled(job)
        self._context = multiprocessing.get_context("fork") if self.forked else _context(job)
        self._workers: list[_Worker] = []
        self._again: deque[_Task] = deque()
        self._n_stillborn = 0

    def run(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the result of each task; see :meth:`segbench.engines.engine.Engine.run`.

        Workers stay, for another job if all results were taken.
        """
        turns = Turns(tasks, self._job.ordered)
        self._fill(turns)
        while self._at_work():
            for number, result in self._wait():
                turns.put(number, result)
            self._fill(turns)  # workers work while the results are looked at
            yield from turns.due()
            self._fill(turns)

    def turn_to(self, job: Job[Any, Any, Any]) -> bool:
        """Have workers that were forked do another job; tell whether it is one for them, and can be sent."""
        if not (job.forked and _may_fork()):
            return False
        try:
            sent = pickled(job, self._known)
        except WorkerError:
            return False
        self._job = self._sent = job
        for worker in self._workers[:]:
            try:
                worker.pipe.send(_Next(sent))
            except OSError:  # it died after its last result
                self._dismiss(worker)
        return True

    def is_at(self, job: Job[Any, Any, Any]) -> bool:
        """Tell whether a worker has a task of a job."""
        return self._job is job and bool(self._at_work())

    def end(self) -> None:
        """Let the workers end; those that are at work are killed."""
        grace = 0.0 if self._at_work() else _GRACE
        for worker in self._workers:
            worker.pipe.close()  # they end at the same time
        for worker in self._workers:
            worker.end(grace)
        self._workers = []

    def _at_work(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _fill(self, turns: Turns[Any]) -> None:
        """Give each worker a task, as long as there are tasks."""
        while len(self._at_work()) < self._size and (task := self._next(turns)) is not None:
            idle = [worker for worker in self._workers if worker.task is None]
            worker = idle[0] if idle else self._hire()
            worker.task = task
            try:
                worker.pipe.send(task.content)
            except OSError:  # it died after its last result
                self._dismiss(worker)
                self._again.appendleft(task)

    def _next(self, turns: Turns[Any]) -> _Task | None:
        if self._again:
            return self._again.popleft()
        taken = turns.take(2 * self._size)
        return None if taken is None else _Task(*taken)

    def _hire(self) -> _Worker:
        ranks = {worker.rank for worker in self._workers}
        rank = next(i for i in count() if i not in ranks)
        environ = {**os.environ, "LOCAL_RANK": str(rank)}
        pipe, theirs = self._context.Pipe()
        ours = [*(worker.pipe for worker in self._workers), pipe] if self.forked else []
        process = self._context.Process(target=_serve, args=(theirs, self._sent, environ, ours, self._known))
        with interrupts_put_off(forked=self.forked), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of BLAS's threads, which are made for it
            process.start()
        theirs.close()
        self._workers.append(_Worker(rank, process, pipe))
        return self._workers[-1]

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def _wait(self) -> list[tuple[int, Any]]:
        """Wait for a word of a worker; return results with the numbers of their tasks."""
        at_work = self._at_work()
        told = set(wait([handle for worker in at_work for handle in worker.handles]))
        heard = [worker for worker in at_work if not told.isdisjoint(worker.handles)]
        return [result for worker in heard for result in self._hear(worker, worker.pipe in told)]

    def _hear(self, worker: _Worker, has_word: bool) -> Iterator[tuple[int, Any]]:
        try:
            word, content = worker.pipe.recv() if has_word or worker.pipe.poll() else ("died", None)
        except (EOFError, OSError):
            word, content = "died", None
        if word == "ready":
            worker.ready, self._n_stillborn = True, 0
            return
        task, worker.task = cast("_Task", worker.task), None  # only workers that have one are heard
        if word == "died":
            yield from self._died(worker, task)
            return
        if isinstance(content, Spent):
            self._dismiss(worker)
            content = content.result
        yield task.number, content

    def _died(self, worker: _Worker, task: _Task) -> Iterator[tuple[int, Any]]:
        self._dismiss(worker)
        why = f"a worker process died ({_cause(worker.process.exitcode)})"
        if worker.ready:
            task.deaths += 1
        else:
            self._n_stillborn += 1
        if self._n_stillborn > ATTEMPTS:
            raise WorkerError(f"{why} before it could work, and so did those before it{_guard()}")
        if task.deaths < ATTEMPTS and self._job.again(task.content):
            self._again.append(task)
        else:
            yield task.number, self._job.without(task.content, why)


def _guard() -> str:
    """What a script must have that starts workers, which run it once more: said where one is run."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None or Path(script).name in ("__main__.py", "segbench"):
        return ""
    return f': in {script}, what is run must stand below `if __name__ == "__main__":`'


def _cause(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return "killed, or out of memory"
    if exit_code < 0:
        return f"signal {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _may_fork() -> bool:
    """Whether a fork of this process can work: no other thread holds a lock, no GPU is in use."""
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


def _context(job: Job[Any, Any, Any]) -> Any:
    # Forked of this process, workers would have its locks, but none of the threads that hold them.
    forked = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forked else "spawn")
    if forked:
        functions = [getattr(f, "func", f) for f in (job.open, job.work)]
        modules = [getattr(f, "__module__", __name__) for f in functions]
        context.set_forkserver_preload([__name__, "numpy", *modules])
    return context


def _serve(
    pipe: Connection,
    sent: bytes | Job[Any, Any, Any],
    environ: Mapping[str, str],
    ours: Iterable[Connection],
    known: object,
) -> None:
    """The life of a worker: it ends when the pipe does, and with the process that made it.

    Its environment is that of this process as it is now, not as it was when the first worker was made.
    LOCAL_RANK is what launchers call the place of a process on its machine: models go to the GPU of that
    number. An interruption is for the process that waits for the results, and so are its ends of pipes,
    which a worker that was forked has too, beside what is known to both.
    """
    os.environ.clear()
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in ours:
        connection.close()
    inherit(known)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        opened = _told(open_job, sent)
        pipe.send(("done", opened) if isinstance(opened, Raised) else ("ready", None))
        while not isinstance(opened, Raised):
            given = pipe.recv()
            if not isinstance(given, _Next):
                pipe.send(("done", _told(work_at, opened, given)))
            elif isinstance(opened := _told(open_job, given.sent), Raised):
                pipe.send(("done", opened))
    except (EOFError, OSError):
        return


def _told(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - raised again where the results are waited for
        return Raised(_portable(error))


def _portable(error: Exception) -> Exception:
    """An error that can be sent; with where it was raised, unless it is one that people are told."""
    if not isinstance(error, SegbenchError):
        error.add_note("In a worker:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - a stranger's error may refuse in any way
        return WorkerError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
