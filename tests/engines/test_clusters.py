"""The engine dask: real schedulers and workers, which are killed, replaced and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import jobs
import pytest
from dasks import SCHEDULER, WORKER, cluster, free_port, start, wait_for

from segbench.engines.clusters import DaskEngine
from segbench.engines.engine import Job, engine
from segbench.errors import DataError, UsageError, WorkerError

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A scheduler with two workers, which their nannies start again when they die."""
    with cluster(tmp_path_factory.mktemp("dask"), 2, "--resources", "GPU=1") as where:
        yield where


def test_results_come_in_order(address):
    results = list(engine("dask", scheduler=address).run(Job(jobs.three, jobs.times), range(12)))
    assert [value for value, _ in results] == [3 * i for i in range(12)]
    pids = {pid for _, pid in results}
    assert os.getpid() not in pids
    assert len(pids) <= 2


def test_two_clusters_of_this_machine_are_in_no_ones_way(capfd):
    with DaskEngine().open() as one, DaskEngine().open() as other:
        assert one.scheduler != other.scheduler
        assert [value for value, _ in other.run(Job(jobs.three, jobs.times), [1])] == [3]
    assert capfd.readouterr() == ("", "")


def test_workers_that_close_tell_no_errors(monkeypatch, capfd):
    """Each cuts off its own heartbeat where one is under way: here nearly always."""
    monkeypatch.setattr("distributed.scheduler.heartbeat_interval", lambda _: 0.002)
    for _ in range(2):
        with DaskEngine(workers=4).open():
            time.sleep(1.5)  # the first heartbeat comes after 1 s, and tells when the next is due
    assert capfd.readouterr() == ("", "")


def test_a_slow_task_holds_up_no_other_one(address):
    results = list(DaskEngine(scheduler=address).run(Job(jobs.three, jobs.one_is_slow, False), range(20)))
    assert sorted(results) == list(range(20))
    assert results[-1] == 0


def test_what_a_task_raises_is_raised(address):
    with pytest.raises(DataError, match=r"^f\.json: image 4: x: is no good$"):
        list(DaskEngine(scheduler=address).run(Job(jobs.three, jobs.refuse), range(9)))


def test_a_worker_that_is_killed_costs_nothing(address, tmp_path):
    job = Job(partial(Path, tmp_path), jobs.die_once)
    assert list(DaskEngine(scheduler=address).run(job, range(9))) == list(range(9))


def test_a_task_that_waited_where_a_worker_died_is_not_blamed(monkeypatch):
    """Every third task kills the only worker, which is given two at a time, like one that is left of two."""
    monkeypatch.setattr("segbench.engines.clusters._Session._count", lambda _: 2)
    job = Job(jobs.three, jobs.die_at_thirds, lost=jobs.lost)
    why = "its workers died (killed, or out of memory)"
    expected = [0, 1, f"2: {why}", 3, 4, f"5: {why}"]
    assert list(DaskEngine(workers=1).run(job, range(6))) == expected


def test_a_worker_that_starts_again_is_not_given_up(tmp_path):
    """Dask closes for good what is not there at one moment after a death: here before it can be."""
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 ms"}):
        results = DaskEngine(patience=20).run(Job(partial(Path, tmp_path), jobs.die_once), range(9))
        assert list(results) == list(range(9))
        assert dask.config.get("distributed.deploy.lost-worker-timeout") == "10 ms"


def test_a_worker_that_is_spent_is_replaced(address):
    pids = list(DaskEngine(scheduler=address).run(Job(jobs.three, jobs.spend), range(9)))
    assert len(pids) == 9
    assert not Path(f"/proc/{pids[4]}").exists()


def test_workers_are_chosen_by_their_resources(address):
    job = Job(jobs.three, jobs.times)
    assert len(list(DaskEngine(scheduler=address, resources={"GPU": 1}).run(job, range(4)))) == 4
    with pytest.raises(WorkerError, match="or has no worker with TPU 1, for 1 s"):
        list(DaskEngine(scheduler=address, resources={"TPU": 1}, patience=1).run(job, range(4)))


def test_a_scheduler_that_comes_back_is_given_the_work_again(tmp_path, monkeypatch):
    """It may be away for longer than it may take to answer at first."""
    port = free_port()
    where = f"tcp://127.0.0.1:{port}"
    scheduler, worker = [*SCHEDULER, "--port", port], [*WORKER, where, "--local-directory", tmp_path]
    first = [start(*scheduler), start(*worker)]
    try:
        wait_for(port)
        monkeypatch.setattr("segbench.engines.clusters._CONNECT", 3)
        results = DaskEngine(scheduler=where).run(Job(jobs.three, jobs.sleep), [0.05] * 30)
        found = [next(results)]
        for process in first:
            process.send_signal(signal.SIGKILL)
            process.wait()
        time.sleep(4)
        first = [start(*scheduler), start(*worker)]
        found += list(results)
    finally:
        for process in first:
            process.kill()
            process.wait()
    assert len(found) == 30
    assert len(set(found)) == 2, "of both lives"


def test_a_scheduler_that_does_not_come_back_is_told(tmp_path):
    port = free_port()
    where = f"tcp://127.0.0.1:{port}"
    processes = [start(*SCHEDULER, "--port", port), start(*WORKER, where, "--local-directory", tmp_path)]
    try:
        assert len(list(DaskEngine(scheduler=where).run(Job(jobs.three, jobs.times), [1]))) == 1
        results = DaskEngine(scheduler=where, patience=2).run(Job(jobs.three, jobs.sleep), [0.05] * 30)
        next(results)
        processes[0].kill()
        with pytest.raises(WorkerError, match=f"^{where} is away, or has no worker, for 2 s$"):
            list(results)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_where_there_is_no_scheduler():
    with pytest.raises(WorkerError, match="there is no scheduler at tcp://127.0.0.1:9"):
        list(DaskEngine(scheduler="tcp://127.0.0.1:9", patience=0.5).run(Job(jobs.three, jobs.times), [0]))


def test_without_dask_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'segbench\[dask\]'"):
        list(DaskEngine().run(Job(jobs.three, jobs.times), [0]))
