"""Ctrl-C, which every process of a terminal hears, put off while processes start or end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def interrupts_put_off(*, forked: bool = False) -> Iterator[None]:
    """Put off Ctrl-C until the block ends, in this thread and in what threads and processes it starts.

    Processes that are ``forked`` of this one need no other process beside them, which others do.

    A worker that is about to start would die with a traceback, and a cluster that is half started cannot be
    closed. Nothing is put off on Windows, where signals are no one's but the main thread's.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if not forked:
        resource_tracker.ensure_running()  # the first that is started would start it, and let all through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
