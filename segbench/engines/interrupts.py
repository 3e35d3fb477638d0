"""Ctrl-C, which every process of a terminal hears, put off while processes start or end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import current_thread, main_thread


@contextmanager
def interrupts_put_off(*, forked: bool = False) -> Iterator[None]:
    """Put off Ctrl-C until the block ends, in this process and in what processes it starts.

    Processes that are ``forked`` of this one need no other process beside them, which others do.

    A worker that is about to start would die with a traceback, and a cluster that is half started cannot be
    closed.
    """
    with _noted(), _blocked(forked):
        yield


@contextmanager
def _noted() -> Iterator[None]:
    """Take note of an interruption, and let it happen after the block.

    Whichever thread hears it, BLAS's too, it happens in the main thread: there alone it can be put off.
    """
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or before in (signal.SIG_IGN, None):
        yield
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _blocked(forked: bool) -> Iterator[None]:
    """Let processes that the block starts hear no interruption, until they say so; not on Windows."""
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
