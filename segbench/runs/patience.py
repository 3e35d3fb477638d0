"""Calls of strangers' code that are waited for no longer than one wants to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from segbench.errors import PluginError


class UnansweredError(PluginError):
    """A call that has not come back with an answer; the thread that made it is lost, and its process with it.

    Parameters
    ----------
    message
        What hangs.
    passing
        Whether it may come back in another process: there was no memory left in this one.
    """

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class Caller:
    """Calls a function: without a limit in the caller's thread, else in one of its own, always the same.

    Parameters
    ----------
    function
        What to call.
    seconds
        How long each call may take; None for any time.
    """

    def __init__(self, function: Callable[[Any], Any], seconds: float | None) -> None:
        self._function, self._seconds = function, seconds
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._started = self._lost = False

    def __call__(self, argument: Any) -> Any:
        """Call the function.

        Raises
        ------
        UnansweredError
            When it does not come back in time, and whenever it is called after that.
        """
        if self._seconds is None:
            return self._function(argument)
        if not self._started:
            # A daemon: a thread that hangs must not keep its process from ending.
            threading.Thread(target=self._serve, name="segbench-model", daemon=True).start()
            self._started = True
        if self._lost:
            raise UnansweredError("is not asked again: a call before has not come back")
        self._asked.put(argument)
        try:
            answer, error = self._answers.get(timeout=self._seconds)
        except queue.Empty:
            self._lost = True
            raise UnansweredError(f"did not answer within {self._seconds:g} s") from None
        if error is not None:
            raise error
        return answer

    def _serve(self) -> None:
        while True:
            argument = self._asked.get()
            try:
                self._answers.put((self._function(argument), None))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                self._answers.put((None, error))
