"""Work for engines; workers import it from here."""

import os
import signal
import time
from pathlib import Path

from segbench.engines.workers import Spent
from segbench.errors import DataError


def three():
    return 3


def times(factor, task):
    time.sleep(0.002 * (task % 3))  # results come in another order than that of the tasks
    return factor * task, os.getpid()


def refuse(_, task):
    if task == 4:
        raise DataError("is no good", file="f.json", image_id=4, field="x")
    return task


def die(_, task):
    if task == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def die_at_thirds(_, task):
    time.sleep(0.2)
    die(_, 4 if task % 3 == 2 else 0)
    return task


def sleep(_, task):
    time.sleep(task)
    return os.getpid()


def die_once(folder, task):
    """Kill the first worker that comes to task 4."""
    try:
        (folder / f"was at {task}").touch(exist_ok=False)
    except FileExistsError:
        return task
    if task == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def spend(_, task):
    """Task 4 is the last of its worker."""
    return Spent(os.getpid()) if task == 4 else os.getpid()


def one_is_slow(_, task):
    time.sleep(4 if task == 0 else 0)  # longer than all others take on a busy machine
    return task


def cannot_open():
    raise DataError("is not there", file="model.bin")


def dies_opening():
    os.kill(os.getpid(), signal.SIGKILL)


def lost(task, why):
    return f"{task}: {why}"


def stubborn(_, task):
    raise UnsendableError(task)


class UnsendableError(Exception):
    """Cannot be unpickled."""

    def __init__(self, number):
        super().__init__("no", number)


class Held:
    """What a worker has that was forked with it: it cannot be sent."""

    def __init__(self, factor):
        self.factor = factor

    def __reduce__(self):
        raise TypeError("is held")

    def __call__(self):
        return self


class View:
    """What is made of it later, which can."""

    def __init__(self, held):
        self.held = held

    def __call__(self):
        return self

    @property
    def factor(self):
        return -self.held.factor


def times_held(held, task):
    return times(held.factor, task)


def die_once_of(folder, held, task):
    """Kill the first worker that comes to task 4."""
    return held.factor * die_once(folder, task)


def alive(pid):
    """Whether a process is there, and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
