"""Work that threads begin, this thread goes on with, and threads end: one hand-over each way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@dataclass(frozen=True)
class Relay(Generic[A, B, C, D]):
    """Three functions that follow each other for each item.

    Parameters
    ----------
    begin
        Called in threads, for items that are some places ahead.
    go_on
        Called in the thread that asks for results, in order.
    end
        Called in threads. A thread that ends an item begins another at once: to wake it costs as much as
        the work on a small image.
    """

    begin: Callable[[A], B]
    go_on: Callable[[B], C]
    end: Callable[[C], D]

    def run(self, items: Iterable[A], threads: int) -> Iterator[D]:
        """Yield results in order; with one thread one item is under way, else at most ``2 * (threads + 1)``.

        Where an item cannot be had, begun or gone on with, the results of those before it come first, and
        then the error.
        """
        if threads == 1:
            yield from map(self.end, map(self.go_on, map(self.begin, items)))
            return
        source, failure = iter(items), None
        with ThreadPoolExecutor(threads) as pool:
            turns: deque[Future[tuple[list[D], Sequence[B] | Exception]]] = deque()
            try:
                for _ in range(threads + 1):
                    turns.append(pool.submit(self._turn, (), _next_of(source)))
                while turns:
                    ended, begun = turns.popleft().result()
                    yield from ended
                    if failure is not None:
                        continue
                    try:
                        gone_on = [self.go_on(item) for item in _had(begun)]
                    except Exception as error:  # noqa: BLE001 - raised when those before it have ended
                        failure = error
                        continue
                    if gone_on:
                        turns.append(pool.submit(self._turn, gone_on, _next_of(source)))
            finally:
                for turn in turns:
                    turn.cancel()
        if failure is not None:
            raise failure

    def _turn(
        self, gone_on: Sequence[C], items: Sequence[A] | Exception
    ) -> tuple[list[D], Sequence[B] | Exception]:
        """End one item, if any, and begin another, if any; or say why there is none."""
        ended = [self.end(item) for item in gone_on]
        try:
            return ended, [self.begin(item) for item in _had(items)]
        except Exception as error:  # noqa: BLE001 - raised in its turn
            return ended, error


def _next_of(source: Iterator[A]) -> Sequence[A] | Exception:
    """The next item, none at the end, or why it cannot be had."""
    try:
        return tuple(islice(source, 1))
    except Exception as error:  # noqa: BLE001 - raised in its turn
        return error


def _had(found: Sequence[A] | Exception) -> Sequence[A]:
    if isinstance(found, Exception):
        raise found
    return found
