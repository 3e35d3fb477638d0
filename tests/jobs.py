"""Work for engines; workers import it from here."""

import os
import signal
import time

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


def sleep(_, task):
    time.sleep(task)
    return os.getpid()
