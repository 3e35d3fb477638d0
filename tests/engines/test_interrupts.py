"""Ctrl-C is put off until a block ends, whichever thread hears it."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from segbench.engines.interrupts import interrupts_put_off


@pytest.fixture
def listener():
    """A thread that blocks no signal, as BLAS's threads do not."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)  # the other thread hears it, and this one is to act on it at its next step


def put_off(*, times=1, within=0, error=None):
    """A function that is interrupted in blocks within each other, and what it reaches of them."""
    reached = []

    def work(left):
        with interrupts_put_off(forked=True):
            if left:
                work(left - 1)
            for _ in range(0 if left else times):
                interrupt()
            reached.append(left)
            if error is not None:
                raise error

    return partial(work, within), reached


@pytest.mark.parametrize("times", [1, 3])
def test_it_happens_once_after_the_block(listener, times):
    before = signal.getsignal(signal.SIGINT)
    work, reached = put_off(times=times)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [0]
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_blocks_in_blocks(listener):
    work, reached = put_off(within=2)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [0, 1, 2]


def test_it_outweighs_an_error(listener):
    work, _ = put_off(error=ValueError("meanwhile"))
    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert str(caught.value.__context__) == "meanwhile"


def test_none_happens_where_none_was(listener):
    with interrupts_put_off(forked=True):
        pass
    with pytest.raises(KeyboardInterrupt):  # and none is put off afterwards
        interrupt()


def test_what_is_ignored_stays_so(listener):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_put_off(forked=True):
            interrupt()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_processes_that_start_in_it_hear_none():
    line = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    with interrupts_put_off():
        told = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "True"


def test_in_another_thread_nothing_fails():
    errors = []

    def work():
        try:
            with interrupts_put_off(forked=True):
                pass
        except BaseException as error:  # noqa: BLE001 - a thread's error would fail nothing
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []
