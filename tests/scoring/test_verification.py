"""verify: a record that is what it says, and one change of each kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from tiny_runs import write_data, write_model
from together import data, instance, panoptic

import segbench
from segbench.cli.main import main
from segbench.protocols import PROTOCOLS
from segbench.records.results import read_content
from segbench.records.tables import hash_tables


def verdicts(folder, **beside):
    return {(check.what, check.verdict) for check in segbench.verify(folder, **beside)}


def differing(folder, **beside):
    return [check.what for check in segbench.verify(folder, **beside) if check.verdict == "differs"]


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_every_protocol_is_counted_again_from_its_tables(task, tmp_path):
    make = instance if task == "instance" else panoptic
    names = [protocol.name for protocol in PROTOCOLS.values() if protocol.task == task]
    for record in segbench.score(data("truth", make), data("pred", make), protocol=names, out=tmp_path):
        checks = segbench.verify(record.path, dataset=data("truth", make))
        assert {check.verdict for check in checks} == {"ok"}, (record.protocol["name"], checks)
        told = {check.what: check.text for check in checks}
        assert told["metrics"] == f"{len(record.metrics)} scores counted again"
        assert {"run_id", "images.parquet", "status", "per_class", "dataset.fingerprint"} <= told.keys()


@pytest.fixture
def record(tmp_path):
    return segbench.score(data("truth"), data("pred"), task="panoptic", out=tmp_path)


@pytest.fixture
def detected(tmp_path):
    return segbench.score(data("truth", instance), data("pred", instance), out=tmp_path)


def change(record, **changes):
    """Write another ``run.json`` in the place of the first."""
    content = {**read_content(record.path), **changes}
    (record.path / "run.json").write_text(json.dumps(content), encoding="utf-8")
    return record.path


def change_table(record, name, table, honest=False):
    pq.write_table(table, record.path / f"{name}.parquet")
    return change(record, tables=hash_tables(record.path)) if honest else record.path


def test_a_score_that_was_changed(record):
    metrics = record.to_dict()["metrics"]
    metrics["pq"]["value"] += 1e-9
    assert differing(change(record, metrics=metrics)) == ["run_id", "metrics.pq"]


def test_scores_that_were_changed_with_the_run_id(record):
    rows = [dict(row) for row in record.per_class]
    rows[1]["sq"] = 0.5
    forged = replace(record, per_class=rows)
    path = change(record, per_class=forged.to_dict()["per_class"], run_id=forged.run_id)
    assert differing(path) == ["per_class.1 sky: sq"]
    assert ("run_id", "unknown") in verdicts(path)  # the folder has the name that it had


def test_rounding_is_told_and_is_no_difference(record):
    metrics = record.to_dict()["metrics"]
    metrics["pq"]["value"] += 1e-16
    forged = replace(record, metrics={**record.metrics, "pq": segbench.MetricValue(metrics["pq"]["value"])})
    texts = [str(check) for check in segbench.verify(change(record, metrics=metrics, run_id=forged.run_id))]
    assert "ok       metrics: 9 scores counted again, within 1e-12" in texts


def test_a_score_that_is_not_there(record):
    metrics = {key: value for key, value in record.to_dict()["metrics"].items() if key != "sq_stuff"}
    assert differing(change(record, metrics=metrics)) == ["run_id", "metrics.sq_stuff"]


def test_a_table_that_was_changed(record):
    more = pa.array([[9] * len(row) for row in record.images["fp"].to_pylist()])
    table = record.images.drop_columns("fp").append_column("fp", more)
    found = differing(change_table(record, "images", table))
    assert found[0] == "images.parquet"
    assert "metrics.pq" in found
    assert differing(change_table(record, "images", table, honest=True))[0] == "metrics.pq"


def test_an_image_that_was_left_out_or_stands_there_twice(record):
    found = differing(change_table(record, "images", record.images.slice(1), honest=True))
    assert found[:2] == ["dataset.n_scored", "status"]
    twice = pa.concat_tables([record.images, record.images.slice(0, 1)])
    found = differing(change_table(record, "images", twice, honest=True))
    assert found.count("images.parquet") == 2
    assert found[-1] == "metrics"


@pytest.mark.parametrize("name", ["images", "detections"])
def test_a_table_that_is_damaged_or_gone(detected, name):
    file = detected.path / f"{name}.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    assert differing(detected.path) == [f"{name}.parquet", "tables"]
    file.unlink()
    assert f"{name}.parquet" in differing(detected.path)


def test_a_table_that_the_record_does_not_state(record):
    assert differing(change(record, tables={})) == ["images.parquet"]
    (record.path / "images.parquet").unlink()
    assert differing(record.path) == []
    assert ("images.parquet", "unknown") in verdicts(record.path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "depth"}, "task: 'depth' is not one of"),
        ({"metrics": {"pq": {"value": "high"}}}, "metrics.pq.value: 'high' is not of type"),
        ({"run_id": "../x"}, "run_id: '../x' does not match"),
        ({"tables": {"images": "00"}}, "tables.images: '00' does not match"),
        ({"colour": 1}, "run.json: Additional properties are not allowed"),
    ],
)
def test_a_record_that_does_not_follow_the_schema(record, changes, message):
    checks = segbench.verify(change(record, **changes))
    assert {check.what for check in checks} == {"run.json"}
    assert any(message in check.text for check in checks), checks


def test_a_protocol_of_another_version(record):
    forged = replace(record, protocol={**record.protocol, "version": "0"})
    path = change(record, protocol=forged.protocol, run_id=forged.run_id)
    assert differing(path) == []
    texts = {check.what: str(check) for check in segbench.verify(path)}
    assert texts["metrics"].startswith("unknown  metrics: they are of version 0 of panopticapi; ")


def test_an_unknown_protocol(record):
    protocol = {**record.protocol, "name": "best"}
    assert differing(change(record, protocol=protocol)) == ["run_id", "metrics"]


def test_other_data_and_another_model(tmp_path):
    dataset, spec = write_data(tmp_path / "data", 4), write_model(tmp_path)
    done = segbench.run(spec, dataset, out=tmp_path / "out")
    beside = {"dataset": dataset, "model": spec}
    assert differing(done.path, **beside) == []
    assert ("model.code_sha256", "ok") in verdicts(done.path, **beside)
    assert ("model.weights_sha256", "unknown") in verdicts(done.path, **beside)
    (tmp_path / "model.py").write_text((tmp_path / "model.py").read_text() + "# more\n")
    assert differing(done.path, model=spec) == ["model.code_sha256"]


def test_a_model_is_loaded_with_the_options_of_its_record(tmp_path):
    spec = write_model(tmp_path)
    file = tmp_path / "named.py"
    file.write_text(
        "import segbench\n"
        "from pathlib import Path\n"
        f"exec(Path({spec.removeprefix('file:').rpartition(':')[0]!r}).read_text())\n"
        "def named(name):\n"
        "    model = Model()\n"
        "    model.info = segbench.ModelInfo(name=name, tasks=('semantic',), id2label=Model.info.id2label)\n"
        "    return model\n"
    )
    data = write_data(tmp_path / "set", 4)
    how = {"out": tmp_path / "out", "options": {"name": "n"}}
    done = segbench.run(f"file:{file}:named", data, **how)
    assert differing(done.path, model=f"file:{file}:named") == []
    assert differing(done.path, dataset=write_data(tmp_path / "other", 5)) == ["dataset.fingerprint"]


def test_predictions_are_scored_again(tmp_path):
    dataset, spec = write_data(tmp_path / "data", 4), write_model(tmp_path)
    done = segbench.run(spec, dataset, out=tmp_path / "out", save_predictions="png")
    assert ("predictions.metrics", "ok") in verdicts(done.path, dataset=dataset)
    assert ("predictions.metrics", "ok") not in verdicts(done.path)
    file = next((done.path / "predictions").rglob("00001.png"))
    file.write_bytes((dataset / "masks/00001.png").read_bytes())
    assert "predictions.metrics.miou" in differing(done.path, dataset=dataset)
    files = segbench.score(dataset, dataset / "masks", out=tmp_path / "out")
    beside = {"dataset": dataset, "predictions": dataset / "masks"}
    assert differing(files.path, **beside) == []
    assert "predictions.metrics.miou" in differing(done.path, **beside)
    with pytest.raises(segbench.UsageError, match="name the data set, too"):
        segbench.verify(files.path, predictions=dataset / "masks")


@pytest.mark.parametrize("protocol", ["hf", "coco-instance", "boundary-pq"])
def test_predictions_are_scored_under_the_settings_of_the_record(protocol, tmp_path):
    make = instance if protocol == "coco-instance" else panoptic
    settings = {"coco-instance": {"max_detections": [1, 3, 100]}, "hf": {"pred_outside": "miss"}}.get(
        protocol
    )
    truth, pred = data("truth", make), data("pred", make)
    record = segbench.score(truth, pred, protocol=protocol, settings=settings, out=tmp_path)
    checks = segbench.verify(record.path, dataset=truth, predictions=pred)
    assert {check.verdict for check in checks} == {"ok"}


def test_partial_runs_are_what_they_say(tmp_path, monkeypatch):
    dataset, spec = write_data(tmp_path / "data", 4), write_model(tmp_path)
    monkeypatch.setenv("FAULT", json.dumps({"kind": "raise", "images": ["00002"]}))
    done = segbench.run(spec, dataset, on_error="skip", out=tmp_path / "out")
    assert done.status == "partial"
    assert differing(done.path) == []


def test_the_command(record, detected, tmp_path):
    done = CliRunner().invoke(main, ["verify", str(record.path)])
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, str(record.path))
    both = CliRunner().invoke(main, ["verify", str(tmp_path), "--json"])
    assert set(json.loads(both.stdout)) == {str(record.path), str(detected.path)}
    change(record, status="partial")
    done = CliRunner().invoke(main, ["verify", str(record.path)])
    assert done.exit_code == 3
    assert "  differs  status: run.json says partial, found complete" in done.stdout.splitlines()
    assert done.stderr.startswith(f"error: {record.path}: run_id: run.json says {record.run_id}, found ")
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "none")]).exit_code == 3
