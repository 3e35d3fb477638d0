"""Runs by several workers: the record is that of one, whatever becomes of the workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from dasks import cluster
from tiny_runs import same_result, write_data, write_model

import segbench
from segbench.demo import STUFF, draw
from segbench.runs.team import HOPELESS

N = 30
unix = pytest.mark.skipif(os.name == "nt", reason="signals of Unix")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "set", N)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(data, spec):
    return segbench.run(spec, data, threads=1, out=None)


@pytest.fixture
def fault(monkeypatch):
    return lambda **how: monkeypatch.setenv("FAULT", json.dumps(how))


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 2}, {"workers": 3, "shard_size": 7}])
def test_the_record_is_that_of_one(data, spec, whole, tmp_path, options):
    record = segbench.run(spec, data, out=tmp_path, **{"shard_size": 4} | options)
    assert same_result(record, whole)
    assert record.env["workers"] == options["workers"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


FAILING = """
from segbench.demo_models import PixelColor

class Failing(PixelColor):
    def predict(self, batch):
        raise RuntimeError("out of luck")
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    sources = draw(folder, n_images=5)
    for task, source in [("instance", sources.instances), ("panoptic", sources.panoptic)]:
        segbench.convert(source, folder / "set" / task)
    instance, panoptic = folder / "set" / "instance", folder / "set" / "panoptic"
    return {"instance": instance, "panoptic": panoptic, "semantic": panoptic}


@pytest.mark.filterwarnings("ignore:no segment of any category")
@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_every_task_is_spread_and_may_fail(drawn, tmp_path, task):
    how = {"task": task, "shard_size": 2, "ignore": STUFF if task == "instance" else ()}
    spec = "module:segbench.demo_models:PixelColor"
    one, two = (segbench.run(spec, drawn[task], out=tmp_path / str(n), workers=n, **how) for n in (None, 2))
    assert same_result(one, two)
    (tmp_path / "failing.py").write_text(FAILING)
    spec = f"file:{tmp_path / 'failing.py'}:Failing"
    with pytest.raises(segbench.PluginError, match="no image could be scored"):
        segbench.run(spec, drawn[task], out=tmp_path / "none", on_error="skip", **how)
    (path,) = (tmp_path / "none").rglob("run.json")
    record = segbench.read_record(path.parent)
    assert (record.status, record.images.num_rows) == ("failed", 5)


def test_what_cannot_be_sent_to_workers_is_told(data, spec):
    with pytest.raises(segbench.WorkerError, match="give the data set by its path and the model by its spec"):
        segbench.run(SimpleNamespace(info=segbench.load_model(spec).info, predict=lambda batch: []), data,
                     out=None, workers=2)  # fmt: skip


def test_any_number_of_workers_goes_on_where_another_one_stopped(data, spec, whole, tmp_path, fault):
    for workers, image in [(None, "00005"), (2, "00017"), (3, "00026")]:
        fault(kind="raise", images=[image])
        with pytest.raises(segbench.PluginError, match=f"image {image}: predict raised"):
            segbench.run(spec, data, out=tmp_path, shard_size=2, workers=workers)
    fault(kind="raise", images=["00000", "00001"])  # of a shard that is there
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=2, workers=2), whole)


def test_workers_keep_predictions_for_the_process_that_writes_them(data, spec, whole, tmp_path):
    records = [
        segbench.run(spec, data, out=tmp_path / str(n), shard_size=4, workers=n, save_predictions="png")
        for n in (None, 2)
    ]
    files = [
        {str(f.relative_to(r.path)): f.read_bytes() for f in (r.path / "predictions").rglob("*.png")}
        for r in records
    ]
    assert files[0] == files[1]
    assert len(files[0]) == N
    assert records[0].metrics == records[1].metrics == whole.metrics


@unix
def test_an_image_that_kills_its_workers_fails_alone(data, spec, tmp_path, fault):
    fault(kind="kill", images=["00009"])
    record = segbench.run(spec, data, out=tmp_path, shard_size=4, workers=2, on_error="skip")
    errors = [row["error"] for row in record.images.to_pylist() if row["error"]]
    assert errors == ["m: image 00009: a worker process died (killed, or out of memory)"]
    with pytest.raises(segbench.PluginError, match="m: image 00009: a worker process died"):
        segbench.run(spec, data, out=tmp_path, shard_size=4, workers=2)


def test_images_at_which_the_model_hangs_fail_alone(data, spec, whole, tmp_path, fault):
    fault(kind="hang", images=["00009", "00010", "00029"])
    how = {"shard_size": 6, "workers": 2, "timeout": 0.2, "batch_size": 2}
    record = segbench.run(spec, data, out=tmp_path, on_error="skip", **how)
    errors = {row["image_id"]: row["error"] for row in record.images.to_pylist() if row["error"]}
    assert errors == {
        i: f"m: image {i}: predict did not answer within 0.2 s" for i in ("00009", "00010", "00029")
    }
    with pytest.raises(segbench.PluginError, match="predict did not answer within 0.2 s"):
        segbench.run(spec, data, out=tmp_path, **how)
    fault()
    record = segbench.run(spec, data, out=tmp_path, **how)
    assert record.status == "complete"
    assert record.metrics == whole.metrics


def test_a_worker_whose_memory_is_full_is_replaced(data, spec, whole, tmp_path, fault):
    fault(kind="leak", megabytes=100, limit=1200)  # of each process; a few images, and it is full
    record = segbench.run(spec, data, out=tmp_path, shard_size=4, workers=2)
    assert same_result(record, whole)
    fault(kind="leak", megabytes=2000, limit=1200, images=["00009"])
    record = segbench.run(spec, data, out=tmp_path, shard_size=4, workers=1, on_error="skip")
    errors = [row["error"] for row in record.images.to_pylist() if row["error"]]
    assert len(errors) == 1
    assert errors[0].startswith("m: image 00009: predict ran out of memory")


def test_a_model_that_remembers_is_found_out(data, spec, tmp_path, fault):
    fault(kind="count", stop="00017")
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    fault(kind="count")
    with pytest.raises(segbench.PluginError, match="two runs of it give different results"):
        segbench.run(spec, data, out=tmp_path, shard_size=4, workers=2, resume=False)


@unix
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_that_are_killed_cost_nothing(data, spec, whole, tmp_path, fault, workers):
    fault(kind="kill", images=["00003", "00013", "00014", "00029"], once=str(tmp_path / "killed at "))
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4, workers=workers), whole)
    assert len(list(tmp_path.glob("killed at *"))) == 4


RANDOM = """
import numpy as np
import segbench

class Model:
    info = segbench.ModelInfo(name="r", tasks=("semantic",), id2label={0: "a", 1: "b", 2: "c"})

    def __init__(self):
        self.weights = np.random.default_rng(SEED).random(3)

    def predict(self, batch):
        return [(image[0] * self.weights[0]).astype(int) % 3 for image in batch.images]
"""


def test_workers_that_load_different_models_are_refused(data, tmp_path):
    for seed in ("None", "0"):
        (tmp_path / f"r{seed}.py").write_text(RANDOM.replace("SEED", seed))
    with pytest.raises(segbench.PluginError, match="r: a worker loads another model than the first one"):
        segbench.run(f"file:{tmp_path / 'rNone.py'}:Model", data, out=None, workers=2)
    assert segbench.run(f"file:{tmp_path / 'r0.py'}:Model", data, out=None, workers=2).status == "complete"


def test_dask_starts_a_cluster_where_none_is_named(data, spec, whole, tmp_path):
    pytest.importorskip("distributed")
    record = segbench.run(spec, data, out=tmp_path, shard_size=7, engine="dask", workers=2)
    assert same_result(record, whole)
    assert (record.env["engine"], record.env["workers"]) == ("dask", 2)


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_an_interrupt_of_a_terminal_ends_all_with_one_line(data, spec, whole, tmp_path, fault, engine):
    """Ctrl-C is heard by each process of a terminal's foreground."""
    pytest.importorskip("distributed")
    fault(seconds=0.2)
    words = [spec, data, "--out", tmp_path, "--shard-size", 1, "--workers", 2, "--engine", engine]
    process = subprocess.Popen(
        [sys.executable, "-m", "segbench", "run", *map(str, words)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and not list(tmp_path.glob(".shards/*/*.npz")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (130, "error: interrupted")
    fault()
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=1), whole)


FATAL = """
import ctypes, json, os, tempfile
import numpy as np
import segbench

FATAL = json.loads(os.environ["FATAL"])

class Model:
    info = segbench.ModelInfo(name="m", tasks=("semantic",), id2label={0: "a", 1: "b", 2: "c"}, revision="1")

    def __init__(self):
        tempfile.mkstemp(prefix="loaded-", dir=FATAL["folder"])

    def predict(self, batch):
        if FATAL["images"] is None or set(FATAL["images"]) & set(batch.image_ids):
            ctypes.string_at(0)
        return [((image[0] + (image[1] > 200)) % 3).astype(np.uint8) for image in batch.images]
"""
"""Reads memory that is not its own, which no exception tells of, at some images or at all."""


@pytest.fixture
def fatal(tmp_path, monkeypatch):
    """Returns a spec, and a function that counts how often the model was loaded, for what it dies at."""

    def dying(*images):
        where = {"folder": str(tmp_path), "images": list(images) or None}
        monkeypatch.setenv("FATAL", json.dumps(where))
        (tmp_path / "fatal.py").write_text(FATAL)
        return f"file:{tmp_path / 'fatal.py'}:Model", lambda: len(list(tmp_path.glob("loaded-*")))

    return dying


ENGINES = [{"workers": 2}, {"engine": "dask", "workers": 2}]


@pytest.mark.parametrize("how", ENGINES, ids=["local", "dask"])
@pytest.mark.parametrize("images", [("00013",), ()], ids=["one", "all"])
def test_a_model_that_dies_natively_ends_a_run_soon(data, fatal, images, how, tmp_path):
    """A shard at which a worker died is cut and tried before others: few workers die, be it at all images."""
    pytest.importorskip("distributed")
    spec, loads = fatal(*images)
    named = images[0] if images else r"000\d\d"
    with pytest.raises(segbench.PluginError, match=f"m: image {named}: .*died"):
        segbench.run(spec, data, out=tmp_path / "out", shard_size=8, **how)
    assert loads() <= 1 + 2 + 8  # the first look, the workers, and those in the place of dead ones


@pytest.mark.parametrize("how", ENGINES, ids=["local", "dask"])
def test_an_image_at_which_workers_die_is_left_out(data, whole, fatal, how, tmp_path):
    pytest.importorskip("distributed")
    spec, loads = fatal("00013")
    record = segbench.run(spec, data, out=tmp_path / "out", shard_size=8, on_error="skip", **how)
    failed = [row["image_id"] for row in record.images.to_pylist() if row["error"]]
    assert (record.status, failed) == ("partial", ["00013"])
    assert loads() <= 1 + 2 + 4


@pytest.mark.parametrize("how", ENGINES, ids=["local", "dask"])
def test_a_model_that_dies_at_every_image_is_given_up(data, fatal, how, tmp_path):
    pytest.importorskip("distributed")
    spec, loads = fatal()
    with pytest.raises(segbench.PluginError, match=r"so it was with 8 images, and none was predicted"):
        segbench.run(spec, data, out=tmp_path / "out", shard_size=8, on_error="skip", **how)
    assert loads() <= 1 + 2 + 2 * 2 + 2 * (HOPELESS + 1)


def test_the_last_images_may_be_those_at_which_workers_die(data, fatal, tmp_path):
    """What was predicted before tells that the model works: each is recorded, however many there are."""
    spec, _ = fatal(*[f"{i:05d}" for i in range(20, 30)])
    record = segbench.run(spec, data, out=tmp_path, shard_size=5, on_error="skip", workers=2)
    assert (record.status, record.dataset["n_failed"]) == ("partial", 10)


@pytest.mark.parametrize(
    ("engine", "times", "seconds"),
    [
        *(("local", 1, seconds) for seconds in (0.4, 0.5, 0.7)),
        *(("dask", 1, seconds) for seconds in (0.3, 0.6, 0.9, 1.2, 1.6, 2.2, 3)),
        *(("dask", 2, seconds) for seconds in (0.8, 2)),
    ],
)
def test_an_interrupt_while_workers_start_ends_all_with_one_line(
    data, spec, tmp_path, fault, engine, times, seconds
):
    """A worker that hears it as it is imported, and a cluster that is half started, would print their own."""
    pytest.importorskip("distributed")
    fault(seconds=0.5)
    words = [spec, data, "--out", tmp_path / "out", "--shard-size", 1, "--workers", 2, "--engine", engine]
    process = subprocess.Popen(
        [sys.executable, "-m", "segbench", "run", *map(str, words)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    for _ in range(times):
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        seconds = 0.1
    _, told = process.communicate(timeout=30)
    if "error:" in told or "multiprocessing" in told:  # and not before segbench was imported
        assert told.strip() == "error: interrupted"
    assert process.returncode in (130, -signal.SIGINT)  # either of which a shell calls 130
    deadline = time.monotonic() + 10
    while left := at_work(process.pid):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def at_work(session):
    """Commands of the processes of a session that have not ended."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = file.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        state, _, _, of = fields.split()[:4]
        if int(of) == session and state != "Z":
            found.append(name)
    return found


def test_workers_of_a_scheduler(data, whole, tmp_path):
    """One dies in the middle of a shard, an image hangs; a run that is stopped goes on without Dask."""
    pytest.importorskip("distributed")
    dying = write_model(tmp_path, kind="kill", images=["00013"], once=str(tmp_path / "died at "))
    (hanging := tmp_path / "hanging").mkdir()
    hanging = write_model(hanging, kind="hang", images=["00009"])
    (stopping := tmp_path / "stopping").mkdir()
    stopping = write_model(stopping, kind="raise", images=["00021"])
    with cluster(tmp_path / "scratch", 2) as scheduler:
        how = {"out": tmp_path / "out", "engine": "dask", "scheduler": scheduler, "shard_size": 4}
        record = segbench.run(dying, data, **how)
        assert same_numbers(record, whole)
        assert (tmp_path / "died at 00013").exists()
        record = segbench.run(hanging, data, timeout=0.5, on_error="skip", **how)
        errors = [row["error"] for row in record.images.to_pylist() if row["error"]]
        assert errors == ["m: image 00009: predict did not answer within 0.5 s"]
        with pytest.raises(segbench.PluginError, match="image 00021: predict raised"):
            segbench.run(stopping, data, **how)
    record = segbench.run(stopping, data, out=tmp_path / "out", shard_size=4, on_error="skip", workers=2)
    assert [row["image_id"] for row in record.images.to_pylist() if row["error"]] == ["00021"]


def same_numbers(one, two):
    tables = [record.images.drop_columns("latency_ms") for record in (one, two)]
    return one.metrics == two.metrics and tables[0].equals(tables[1])


def start(command, rank, size, **fault):
    env = os.environ | {"RANK": str(rank), "WORLD_SIZE": str(size), "FAULT": json.dumps(fault)}
    return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_processes_of_a_launcher_share_a_run(data, spec, whole, tmp_path):
    words = ["run", spec, data, "--out", tmp_path, "--shard-size", "7", "--threads", "1"]
    command = [sys.executable, "-m", "segbench", *map(str, words)]
    processes = [start(command, rank, 3) for rank in range(3)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 3
    made = [text for text in said if "its share is done" not in text]
    assert len(made) == 1, "one of them made the record"
    (path,) = tmp_path.rglob("run.json")
    assert same_result(segbench.read_record(path.parent), whole)
    assert not (tmp_path / ".shards").exists()


def test_what_a_share_lacks_is_run_or_left_out(data, spec, whole, tmp_path, fault, monkeypatch):
    with pytest.raises(segbench.UsageError, match="there are no shards of this run below"):
        segbench.run(spec, data, out=tmp_path, shard_size=4, merge=True)
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(segbench.UnfinishedError, match="process 1 of 3: its share is done; the last one"):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    record = segbench.run(spec, data, out=tmp_path, shard_size=4, merge=True)
    assert record.status == "partial"
    assert record.dataset["n_scored"] == 10
    fault(kind="raise", images=["00004"])  # of the share
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4, workers=2), whole)


@pytest.mark.parametrize(
    ("rank", "size", "options", "message"),
    [
        ("3", "3", {}, "RANK=3, WORLD_SIZE=3: no place among processes"),
        ("x", "3", {}, "RANK=x, WORLD_SIZE=3: no place among processes"),
        ("0", "3", {"workers": 2}, "process 0 of 3 has its share of the run, and no workers of its own"),
        ("0", "3", {"out": None}, "3 processes need a folder"),
    ],
)
def test_shares_that_cannot_be_are_refused(data, spec, tmp_path, monkeypatch, rank, size, options, message):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(segbench.UsageError, match=message):
        segbench.run(spec, data, **{"out": tmp_path} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://x:1"}, "for the engine dask"),
        ({"engine": "ray"}, "unknown engine 'ray'"),
        ({"engine": "dask", "scheduler": "tcp://x:1", "workers": 2}, "leave out how many"),
        ({"workers": 0}, "at least 1 worker is needed, not 0"),
    ],
)
def test_crews_that_cannot_be_are_refused(data, spec, options, message):
    with pytest.raises(segbench.UsageError, match=message):
        segbench.run(spec, data, out=None, **options)


def test_torchrun_launches_a_run(data, spec, whole, tmp_path):
    pytest.importorskip("torch")
    words = ["run", spec, data, "--out", tmp_path, "--shard-size", "7", "--threads", "1"]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "segbench"]
    subprocess.run([sys.executable, "-m", *launcher, *map(str, words)], check=True, capture_output=True)
    (path,) = tmp_path.rglob("run.json")
    assert same_result(segbench.read_record(path.parent), whole)
