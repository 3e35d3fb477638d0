"""Calls that are waited for no longer than one wants to."""

import threading

import pytest

from segbench.errors import PluginError
from segbench.runs.patience import Caller, UnansweredError


def test_without_a_limit_the_call_is_made_in_the_own_thread():
    assert Caller(lambda _: threading.get_ident(), None)(0) == threading.get_ident()


def test_with_a_limit_calls_are_made_in_one_other_thread():
    caller = Caller(lambda _: threading.get_ident(), 20)
    threads = {caller(i) for i in range(5)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@pytest.mark.parametrize("seconds", [None, 20])
def test_errors_reach_the_caller(seconds):
    with pytest.raises(ZeroDivisionError):
        Caller(lambda x: 1 / x, seconds)(0)


def test_a_late_answer_is_given_to_nobody():
    go = threading.Event()
    caller = Caller(lambda x: go.wait(20) and x, 0.01)
    with pytest.raises(UnansweredError, match="did not answer within 0.01 s"):
        caller(1)
    go.set()
    with pytest.raises(UnansweredError, match="is not asked again"):
        caller(2)


def test_it_is_the_plugin_that_failed():
    assert issubclass(UnansweredError, PluginError)
    assert not UnansweredError("x").passing
