"""Relay: order, how many items are under way, in which thread, and what becomes of those before an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from segbench.runs.relay import Relay

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


def relay(**functions) -> Relay:
    """Each step notes that it was taken; a step may be another one."""
    steps = {name: (lambda item, name=name: [*item, name]) for name in ("begin", "go_on", "end")}
    return Relay(**steps | functions)


def items(n: int) -> Iterator[list]:
    return ([i] for i in range(n))


@THREADS
@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_each_item_takes_the_three_steps_and_results_are_in_order(threads, n):
    assert list(relay().run(items(n), threads)) == [[i, "begin", "go_on", "end"] for i in range(n)]


@THREADS
def test_items_are_gone_on_with_in_this_thread_and_in_order(threads):
    seen = []

    def go_on(item):
        seen.append((item[0], threading.current_thread()))
        return item

    list(relay(begin=uneven, go_on=go_on).run(items(20), threads))
    assert seen == [(i, threading.current_thread()) for i in range(20)]


def uneven(item):
    time.sleep(0.003 * (item[0] % 3))
    return item


@pytest.mark.parametrize(
    ("ahead", "here", "behind"), [({1, 2}, {0}, set()), (set(), {1}, {0}), ({2}, {1}, {0})]
)
def test_threads_work_while_this_one_does(ahead, here, behind):
    """Those of the named items are at work at the same time: else the barrier breaks."""
    barrier = threading.Barrier(len(ahead | here | behind), timeout=10)

    def meet(numbers):
        def step(item):
            if item[0] in numbers:
                barrier.wait()
            return item

        return step

    one = relay(begin=meet(ahead), go_on=meet(here), end=meet(behind))
    assert len(list(one.run(items(6), 2))) == 6


@THREADS
def test_few_items_are_under_way(threads):
    drawn = []

    def source():
        for i in range(100):
            drawn.append(i)
            yield [i]

    results = relay().run(source(), threads)
    for done in range(1, 30):
        next(results)
        assert len(drawn) <= done + 2 * threads + 1
    results.close()


def fails(at, error=ValueError):
    def step(item):
        if item[0] == at:
            raise error(f"item {at}")
        return item

    return step


def spoilt_source(at):
    yield from items(at)
    raise ValueError(f"item {at}")


@THREADS
@pytest.mark.parametrize("at", [0, 1, 2, 3, 7, 19])
@pytest.mark.parametrize("step", ["source", "begin", "go_on", "end"])
def test_results_before_an_error_come_first(threads, at, step):
    source = spoilt_source(at) if step == "source" else items(20)
    one = relay() if step == "source" else relay(**{step: fails(at)})
    results = one.run(source, threads)
    assert [next(results)[0] for _ in range(at)] == list(range(at))
    with pytest.raises(ValueError, match=f"item {at}$"):
        next(results)


def test_of_two_errors_the_first_item_s_is_raised():
    def begin(item):
        if item[0] in (4, 5):
            time.sleep(0.05 * (5 - item[0]))  # the later one fails sooner
            raise ValueError(f"item {item[0]}")
        return item

    with pytest.raises(ValueError, match="item 4"):
        list(relay(begin=begin).run(items(9), 3))


def test_after_an_error_no_item_is_begun():
    begun = []

    def begin(item):
        begun.append(item[0])
        return item

    with pytest.raises(ValueError, match="item 2"):
        list(relay(begin=begin, go_on=fails(2)).run(items(100), 2))
    assert max(begun) <= 5


def test_an_interruption_is_not_waited_with():
    ended = []

    def end(item):
        ended.append(item[0])
        return item

    with pytest.raises(KeyboardInterrupt):
        list(relay(go_on=fails(3, KeyboardInterrupt), end=end).run(items(100), 2))
    assert set(ended) <= {0, 1, 2}
