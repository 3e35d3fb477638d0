"""Engines: results in the order of the tasks, whoever works; and what happens to workers that die."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import count, islice
from pathlib import Path

import jobs
import pytest

from segbench.engines.engine import Job, LocalEngine, engine
from segbench.errors import DataError, UsageError, WorkerError

forked = pytest.mark.parametrize(
    "forked",
    [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="forks of Linux"))],
)
unix = pytest.mark.skipif(os.name == "nt", reason="signals of Unix")


@forked
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order(workers, forked):
    results = list(engine("local", workers).run(Job(jobs.three, jobs.times, forked=forked), range(20)))
    assert [value for value, _ in results] == [3 * i for i in range(20)]
    workers_seen = {pid for _, pid in results}
    assert (os.getpid() in workers_seen) == (workers == 1)
    assert len(workers_seen) <= workers


@forked
@pytest.mark.parametrize("workers", [1, 2])
def test_few_tasks_are_taken_ahead(workers, forked):
    taken = []
    results = engine("local", workers).run(Job(jobs.three, jobs.times, forked=forked), noted(taken))
    assert [value for value, _ in islice(results, 2)] == [0, 3]
    results.close()
    assert len(taken) <= 2 + 2 * workers


def noted(taken):
    for task in count():
        taken.append(task)
        yield task


@forked
@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised(workers, forked):
    results = engine("local", workers).run(Job(jobs.three, jobs.refuse, forked=forked), range(9))
    assert list(islice(results, 4)) == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"^f\.json: image 4: x: is no good$") as raised:
        next(results)
    assert (raised.value.file, raised.value.image_id, raised.value.message) == ("f.json", "4", "is no good")


@unix
@forked
def test_a_task_whose_workers_die_is_an_error(forked):
    with pytest.raises(WorkerError, match="a worker process died .killed, or out of memory"):
        list(engine("local", 2).run(Job(jobs.three, jobs.die, forked=forked), range(9)))


@unix
@forked
@pytest.mark.parametrize("workers", [2, 3])
def test_a_worker_that_dies_is_replaced(tmp_path, workers, forked):
    job = Job(partial(Path, tmp_path), jobs.die_once, forked=forked)
    assert list(engine("local", workers).run(job, range(9))) == list(range(9))


@unix
@forked
def test_what_stands_for_a_lost_task(forked):
    job = Job(jobs.three, jobs.die, lost=jobs.lost, forked=forked)
    why = "4: a worker process died (killed, or out of memory)"
    assert list(engine("local", 2).run(job, range(9))) == [0, 1, 2, 3, why, 5, 6, 7, 8]


@unix
@forked
def test_a_task_that_waited_where_a_worker_died_is_not_blamed(forked):
    """Every third task kills its worker, which may have been given another one."""
    job = Job(jobs.three, jobs.die_at_thirds, lost=jobs.lost, forked=forked)
    why = "a worker process died (killed, or out of memory)"
    expected = [0, 1, f"2: {why}", 3, 4, f"5: {why}", 6]
    for workers in (1, 2):
        assert list(LocalEngine(workers, apart=True).run(job, range(7))) == expected


@unix
@forked
def test_a_worker_that_is_spent_works_no_more(forked):
    pids = list(engine("local", 2).run(Job(jobs.three, jobs.spend, forked=forked), range(9)))
    assert pids[4] not in pids[5:]
    assert engine("local", 1).run(Job(jobs.three, jobs.spend), [4]).__next__() == os.getpid()


def test_a_slow_task_holds_up_no_other_one():
    job = Job(jobs.three, jobs.one_is_slow, ordered=False)
    results = list(engine("local", 2).run(job, range(20)))
    assert sorted(results) == list(range(20))
    assert results[-1] == 0


@unix
def test_what_cannot_be_opened_is_told():
    with pytest.raises(DataError, match=r"^model\.bin: is not there$"):
        list(engine("local", 2).run(Job(jobs.cannot_open, jobs.times), range(9)))
    with pytest.raises(WorkerError, match="died .killed, or out of memory. before it could work"):
        list(engine("local", 2).run(Job(jobs.dies_opening, jobs.times), range(9)))
    with pytest.raises(WorkerError, match=r"UnsendableError: \('no', 0\)"):
        list(engine("local", 2).run(Job(jobs.three, jobs.stubborn), range(9)))


def test_work_that_cannot_be_sent_is_refused():
    with pytest.raises(WorkerError, match="cannot be sent to workers"):
        list(engine("local", 2).run(Job(lambda: 3, jobs.times), range(3)))
    assert [v for v, _ in engine("local", 1).run(Job(lambda: 3, jobs.times), range(3))] == [0, 3, 6]


def test_unknown_engines_and_numbers_are_refused():
    with pytest.raises(UsageError, match="unknown engine 'ray'. Known: dask, local"):
        engine("ray")
    with pytest.raises(UsageError, match="the engine local has no scheduler: the engine dask has"):
        engine("local", 2, scheduler="tcp://127.0.0.1:8786")
    with pytest.raises(UsageError, match="at least 1 worker is needed, not 0"):
        engine("local", 0)


ORPHANS = """
import sys, jobs
from segbench.engines.engine import Job, engine
if __name__ == "__main__":
    for pid in engine("local", 2).run(Job(jobs.three, jobs.sleep), [0, 0, 0, 0, 60, 60]):
        print(pid, flush=True)
"""


@unix
def test_workers_end_with_a_process_that_is_killed(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS, encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(Path(jobs.__file__).parent)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=env) as process:
        pids = {int(process.stdout.readline()) for _ in range(2)}
        assert all(map(jobs.alive, pids))
        process.send_signal(signal.SIGKILL)
        until = time.monotonic() + 20
        while any(map(jobs.alive, pids)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(jobs.alive, pids))


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    """Workers run the script once more; Python's own traceback says it, and the error in the end does."""
    script = tmp_path / "script.py"
    script.write_text(
        "from segbench.engines.engine import Job, engine\n"
        "import jobs\n"
        "print(list(engine('local', 2).run(Job(jobs.three, jobs.times), range(4))))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f'in {script}, what is run must stand below `if __name__ == "__main__":`'
    )
