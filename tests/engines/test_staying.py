"""Workers that stay from one job to the next: what they were forked with is there, the rest is sent."""

import os
import signal
import sys
from functools import partial

import jobs
import pytest

from segbench.engines.engine import Job, engine
from segbench.errors import DataError, WorkerError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")


@pytest.fixture(autouse=True)
def forks(monkeypatch):
    """Whatever other tests have loaded: these jobs use none of it."""
    monkeypatch.setattr("segbench.engines.pool._may_fork", lambda: True)


def forked(given, work=jobs.times_held):
    return Job(given, work, forked=True)


def run(here, job, n=9):
    values, pids = zip(*here.run(job, range(n)), strict=True)
    return list(values), set(pids)


def test_workers_stay_and_what_they_have_is_not_sent():
    held = jobs.Held(3)
    with engine("local", 2).open() as here:
        values, pids = run(here, forked(held))
        assert values == [3 * i for i in range(9)]
        assert len(pids) == 2
        assert run(here, forked(jobs.View(held))) == ([-3 * i for i in range(9)], pids)
        assert run(here, forked(held)) == (values, pids)
    assert not any(map(jobs.alive, pids))


def test_others_are_forked_for_what_cannot_be_sent():
    with engine("local", 2).open() as here:
        _, pids = run(here, forked(jobs.Held(3)))
        values, others = run(here, forked(jobs.Held(5)))
        assert values == [5 * i for i in range(9)]
        assert not pids & others
        assert not any(map(jobs.alive, pids))
        assert run(here, forked(jobs.Held(7)))[0] == [7 * i for i in range(9)]


def test_a_worker_that_died_in_between_or_dies_at_the_next_job_is_replaced(tmp_path):
    held = jobs.Held(3)
    with engine("local", 2).open() as here:
        values, (pid, *_) = run(here, forked(held))
        os.kill(pid, signal.SIGKILL)
        found, pids = run(here, forked(jobs.View(held)))
        assert found == [-value for value in values]
        assert pid not in pids
        job = forked(held, partial(jobs.die_once_of, tmp_path))
        assert list(here.run(job, range(9))) == values
        assert run(here, forked(jobs.View(held)))[0] == found


def test_what_cannot_be_opened_or_done_is_raised_and_the_next_job_is_done():
    held = jobs.Held(3)
    with engine("local", 2).open() as here:
        run(here, forked(held))
        with pytest.raises(DataError, match=r"model\.bin: is not there"):
            list(here.run(forked(jobs.cannot_open), range(9)))
        with pytest.raises(DataError, match="image 4"):
            list(here.run(forked(held, jobs.refuse), range(9)))
        with pytest.raises(WorkerError, match="died"):
            list(here.run(forked(held, jobs.die), range(9)))
        assert run(here, forked(held))[0] == [3 * i for i in range(9)]


def test_workers_whose_results_nobody_takes_are_ended():
    held = jobs.Held(3)
    with engine("local", 2).open() as here:
        results = here.run(forked(held), range(100))
        _, pid = next(results)
        results.close()
        assert not jobs.alive(pid)
        assert run(here, forked(held))[0] == [3 * i for i in range(9)]


def test_jobs_that_are_not_forked_have_workers_of_their_own():
    with engine("local", 2).open() as here:
        _, pids = run(here, forked(jobs.Held(3)))
        values, others = zip(*here.run(Job(jobs.three, jobs.times), range(9)), strict=True)
        assert list(values) == [3 * i for i in range(9)]
        assert not pids & set(others)
        assert run(here, forked(jobs.Held(1)))[0] == list(range(9))


def test_one_worker_is_this_process():
    with engine("local", 1).open() as here:
        assert run(here, forked(jobs.Held(3)))[1] == {os.getpid()}
