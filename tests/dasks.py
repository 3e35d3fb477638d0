"""Schedulers and workers of Dask, as processes of this machine."""

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ENV = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
SCHEDULER = ("dask_scheduler", "--host", "127.0.0.1", "--no-dashboard")
WORKER = ("dask_worker", "--nthreads", 1, "--no-dashboard")


def start(program, *words):
    command = [sys.executable, "-m", f"distributed.cli.{program}", *map(str, words)]
    return subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    """Until a scheduler listens, for a minute at most."""
    for _ in range(1200):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens at port {port}")


@contextmanager
def cluster(scratch, workers, *options):
    """A scheduler and so many workers, each with a nanny; gives the scheduler's address."""
    port = free_port()
    where = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        for words in [
            (*SCHEDULER, "--port", port),
            *((*WORKER, where, "--local-directory", scratch, *options) for _ in range(workers)),
        ]:
            process = start(*words)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        yield where
