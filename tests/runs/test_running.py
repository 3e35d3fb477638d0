"""run(): killed, cut short, repeated or misled, it loses nothing and counts nothing twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_runs import same_result, write_data, write_model

import segbench
from segbench.canonical.views import select
from segbench.cli.main import main

N = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "set", N)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(data, spec):
    """The record of a run that nothing happens to."""
    record = segbench.run(spec, data, threads=1, out=None)
    assert record.status == "complete"
    assert 0 < record.metrics["miou"].value < 1
    return record


@pytest.fixture
def fault(monkeypatch):
    return lambda **how: monkeypatch.setenv("FAULT", json.dumps(how))


def shards(out):
    return sorted(file.name for file in out.glob(".shards/*/*.npz"))


@pytest.mark.parametrize(
    "options", [{"threads": 1}, {"threads": 3}, {"shard_size": 4}, {"shard_size": 1}, {"timeout": 60}]
)
def test_a_run_is_the_same_however_it_is_cut(data, spec, whole, tmp_path, options):
    record = segbench.run(spec, data, out=tmp_path, **options)
    assert same_result(record, whole)
    assert same_result(segbench.read_record(record.path), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["set"], "shards are gone once there is a record"


def test_a_run_goes_on_where_it_stopped(data, spec, whole, tmp_path, fault):
    fault(kind="raise", images=["00017"])
    with pytest.raises(
        segbench.PluginError, match="m: image 00017: predict raised RuntimeError: out of luck"
    ):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    assert shards(tmp_path) == [f"00000{i}.npz" for i in range(4)], "those before it are kept"
    fault(kind="raise", images=[f"{i:05d}" for i in range(16)])  # they are not asked again
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4), whole)
    assert shards(tmp_path) == []


def test_without_resume_all_is_run_again_and_compared(data, spec, whole, tmp_path, fault):
    fault(kind="raise", images=["00017"])
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    fault(kind="random", images=["00002"])
    with pytest.raises(segbench.PluginError, match="image 00002: two runs of it give different results"):
        segbench.run(spec, data, out=tmp_path, shard_size=4, resume=False)
    fault()
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4, resume=False), whole)


def test_an_image_that_fails_is_noted_and_never_scored(data, spec, whole, tmp_path, fault):
    fault(kind="shape", images=["00005", "00029"])
    record = segbench.run(spec, data, out=tmp_path, on_error="skip", shard_size=4)
    assert record.status == "partial"
    counts = {key: record.dataset[key] for key in ("n_expected", "n_scored", "n_failed")}
    assert counts == {"n_expected": N, "n_scored": N - 2, "n_failed": 2}
    assert record.dataset["fingerprint"] == whole.dataset["fingerprint"]
    assert record.warnings[0].startswith(
        "2 of 30 images are not scored, the first image 00005: m: image 00005: mask"
    )
    rows = record.images.to_pylist()
    failed = [row for row in rows if row["error"]]
    assert [row["image_id"] for row in failed] == ["00005", "00029"]
    assert all(row["tp"] == [] and row["latency_ms"] is None for row in failed)
    expected = [
        row
        for row in whole.images.drop_columns("latency_ms").to_pylist()
        if row["image_id"] not in ("00005", "00029")
    ]
    assert [
        {k: v for k, v in row.items() if k != "latency_ms"} for row in rows if not row["error"]
    ] == expected
    with pytest.raises(segbench.DataError, match="is partial, and only complete runs are ranked"):
        segbench.build_leaderboard(tmp_path, tmp_path / "board")
    fault()
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4), whole), (
        "failures are tried again"
    )


def test_of_a_batch_one_image_fails_alone(data, spec, tmp_path, fault):
    fault(kind="raise", images=["00005"])
    record = segbench.run(spec, data, out=tmp_path, on_error="skip", batch_size=4)
    assert record.dataset["n_failed"] == 1
    assert record.images.to_pylist()[5]["error"] == "m: image 00005: predict raised RuntimeError: out of luck"


@pytest.mark.parametrize("protocol", [None, ["mmseg", "exact"]])
def test_where_every_image_fails_the_record_says_so(data, spec, tmp_path, fault, protocol):
    fault(kind="raise")
    with pytest.raises(
        segbench.PluginError, match="m: no image could be scored; m: image 00000: predict raised"
    ):
        segbench.run(spec, data, out=tmp_path, on_error="skip", protocol=protocol)
    for path in tmp_path.rglob("run.json"):
        record = segbench.read_record(path.parent)
        assert record.status == "failed"
        assert record.dataset["n_failed"] == N
        assert np.isnan(record.metrics["miou"].value)
    assert len(list(tmp_path.rglob("run.json"))) == len(protocol or "1")
    with pytest.raises(segbench.DataError, match="is failed, and only complete runs are ranked"):
        segbench.build_leaderboard(tmp_path, tmp_path / "board")
    fault()
    segbench.run(spec, data, out=tmp_path, protocol=protocol)


def test_a_picture_that_cannot_be_read_is_noted_with_its_file(spec, tmp_path):
    data = write_data(tmp_path / "set", 5)
    (data / "images/00003.png").write_bytes(b"no picture")
    with pytest.raises(segbench.DataError, match="00003"):
        segbench.run(spec, data, out=None)
    record = segbench.run(spec, data, out=None, on_error="skip")
    assert record.status == "partial"
    assert "00003.png" in record.images.to_pylist()[3]["error"]


def test_a_mask_that_cannot_be_read_leaves_the_fingerprint_open(spec, tmp_path):
    data = write_data(tmp_path / "set", 5)
    (data / "masks/00003.png").write_bytes((data / "masks/00003.png").read_bytes()[:60])
    record = segbench.run(spec, data, out=tmp_path / "out", on_error="skip")
    assert record.dataset["n_failed"] == 1
    assert record.dataset["fingerprint"] is None
    assert segbench.read_record(record.path).status == "partial"


@pytest.mark.parametrize("options", [[], ["--timeout", "60"], ["--workers", "1"]])
def test_a_model_that_ends_its_process_has_failed(data, spec, tmp_path, fault, options):
    fault(kind="exit", images=["00009"])
    done = CliRunner().invoke(main, ["run", spec, str(data), "--out", str(tmp_path), *options])
    assert done.exit_code == 4
    assert done.stderr.splitlines()[-1] == "error: m: image 00009: predict raised SystemExit: 0"


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_model_that_hangs_is_given_up(data, spec, tmp_path, fault, on_error):
    fault(kind="hang", images=["00009"])
    with pytest.raises(segbench.PluginError, match="m: image 00009: predict did not answer within 0.5 s"):
        segbench.run(spec, data, out=tmp_path, timeout=0.5, on_error=on_error, shard_size=4)
    assert shards(tmp_path) == ["000000.npz", "000001.npz"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[:-1]]
)
def test_a_shard_cut_short_is_run_again(data, spec, whole, tmp_path, fault, damage):
    fault(kind="raise", images=["00017"])
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    first = next(tmp_path.glob(".shards/*/000001.npz"))
    first.write_bytes(damage(first.read_bytes()))
    fault(kind="raise", images=["00001"])  # of shard 0, which is whole
    assert same_result(segbench.run(spec, data, out=tmp_path, shard_size=4), whole)


def test_a_shard_in_the_place_of_another_counts_nothing_twice(data, spec, whole, tmp_path, fault):
    fault(kind="raise", images=["00017"])
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    folder = next(tmp_path.glob(".shards/*"))
    (folder / "000001.npz").write_bytes((folder / "000000.npz").read_bytes())
    (folder / "000009.npz").write_bytes((folder / "000000.npz").read_bytes())
    fault()
    record = segbench.run(spec, data, out=tmp_path, shard_size=4)
    assert same_result(record, whole)
    assert len(set(record.images["image_id"].to_pylist())) == N


def test_another_model_or_other_data_never_take_up_its_shards(data, spec, tmp_path, fault):
    fault(kind="raise", images=["00017"])
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, out=tmp_path, shard_size=4)
    before = set(tmp_path.glob(".shards/*"))
    changed = tmp_path / "changed.py"
    changed.write_text((tmp_path / spec.split(":")[1]).read_text() + "\n# changed\n")
    other = write_data(tmp_path / "set", N)
    (other / "masks/00000.png").write_bytes((other / "masks/00001.png").read_bytes())
    for model, dataset, options in [
        (f"file:{changed}:Model", data, {}), (spec, other, {}), (spec, data, {"protocol": "mmseg"}),
        (spec, data, {"batch_size": 2}), (spec, data, {"settings": {"pred_outside": "miss"}}),
    ]:  # fmt: skip
        with pytest.raises(segbench.PluginError):
            segbench.run(model, dataset, out=tmp_path, shard_size=4, **options)
        after = set(tmp_path.glob(".shards/*"))
        assert len(after - before) == 1, (model, dataset, options)
        before = after


class Nameless:
    """A model that states nothing by which it could be told from another."""

    info = segbench.ModelInfo(name="n", tasks=("semantic",), id2label={0: "a", 1: "b", 2: "c"})

    def predict(self, batch):
        if batch.image_ids[0] == "00017":
            raise RuntimeError
        return [np.zeros(image.shape[1:], np.uint8) for image in batch.images]


def test_a_model_that_cannot_be_told_from_another_leaves_no_shards(data, tmp_path):
    with pytest.raises(segbench.PluginError):
        segbench.run(Nameless(), data, out=tmp_path, shard_size=4)
    assert list(tmp_path.iterdir()) == []
    stated = Nameless()
    stated.info = segbench.ModelInfo(
        name="n", tasks=("semantic",), id2label=Nameless.info.id2label, revision="1"
    )
    with pytest.raises(segbench.PluginError):
        segbench.run(stated, data, out=tmp_path, shard_size=4)
    assert len(shards(tmp_path)) == 4


def test_several_protocols_resume_with_their_reasons(data, spec, tmp_path, fault):
    names = ["mmseg", "exact", "image-level"]
    expected = segbench.run(spec, data, protocol=names, out=None)
    fault(kind="raise", images=["00017"])
    with pytest.raises(segbench.PluginError):
        segbench.run(spec, data, protocol=names, out=tmp_path, shard_size=4)
    fault()
    found = segbench.run(spec, data, protocol=names, out=tmp_path, shard_size=4)
    assert [reason.to_dict() for reason in found.reasons] == [reason.to_dict() for reason in expected.reasons]
    assert all(same_result(one, two) for one, two in zip(found, expected, strict=True))


def test_the_command_ends_with_5_where_images_failed(data, spec, tmp_path):
    environment = {"FAULT": json.dumps({"kind": "raise", "images": ["00003"]})}
    command = ["run", spec, str(data), "--out", str(tmp_path), "--on-error", "skip", "--shard-size", "8"]
    done = CliRunner(env=environment).invoke(main, command)
    assert done.exit_code == 5, done.stderr
    assert (
        "error: the record is partial: 29 of 30 images are scored; run again to try the others" in done.stderr
    )
    assert "warning: 1 of 30 images are not scored, the first image 00003: m: image 00003" in done.stderr
    assert CliRunner().invoke(main, command).exit_code == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(("kills", "crews", "seconds"), [(50, "0", 0.001), (6, "0,2,3", 0.004)])
def test_kill_9_at_random_moments_loses_nothing(spec, tmp_path, fault, kills, crews, seconds):
    fault(seconds=seconds)
    data = write_data(tmp_path / "set", 120)
    expected = segbench.run(spec, data, out=None)
    script = Path(__file__).parent.parent / "killing.py"
    done = subprocess.run(
        [sys.executable, script, spec, data, tmp_path / "out", str(kills), crews],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["killed"] == kills
    assert told["left"] == [], "half-written files are gone with the store"
    assert kills < 50 or len(told["records"]) < 25, "most runs were cut short more than once"
    for path in told["records"]:
        assert same_result(segbench.read_record(path), expected)


@pytest.fixture(params=["tmpfs", "limit"])
def cramped(request, tmp_path):
    """A folder, a function that makes room in it, and what a process does that finds none until then."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if request.param == "limit":
        resource = pytest.importorskip("resource")
        yield disk, lambda: None, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("no file system may be mounted")
    try:
        yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True), None
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_loses_nothing(spec, tmp_path, cramped):
    disk, make_room, before = cramped
    workers = ["--workers", "2"] if before else []
    data = write_data(tmp_path / "set", 200, 32, 32)
    expected = segbench.run(spec, data, out=None)
    words = ["run", spec, data, "--out", disk, "--shard-size", "8", *workers]
    command = [sys.executable, "-m", "segbench", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=before, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert re.match(r"error: .*(No space left on device|File too large)", line)
    kept = len(shards(disk))
    make_room()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (path,) = disk.rglob("run.json")
    assert same_result(segbench.read_record(path.parent), expected)
    assert kept < 25


def test_data_in_another_order_than_its_ids_is_merged_from_files(spec, tmp_path, monkeypatch):
    source = write_data(tmp_path / "set", 40)
    data = segbench.open_dataset(source)
    order = np.random.default_rng(0).permutation(40).tolist()
    mixed = select(data, order)
    expected = segbench.run(spec, mixed, out=None)
    monkeypatch.setattr("segbench.runs.sorting.RUN", 10)
    monkeypatch.setattr("segbench.runs.sorting.CHUNK", 3)
    record = segbench.run(spec, mixed, out=None, shard_size=4)
    assert same_result(record, expected)
    assert record.images["image_id"].to_pylist() == [data.image_ids[i] for i in order]
