"""Curves of a run record: Python, and the command line."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from metrics.test_settings import dataset

import segbench
from segbench.cli.main import main
from segbench.records.recount import metric_of


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return segbench.score(dataset(0), dataset(1), out=tmp_path_factory.mktemp("results"))


def test_a_record_its_folder_and_its_metric_say_the_same(record):
    shown = segbench.operating_points(record)
    assert list(shown.columns) == [
        "category_id", "name", "score", "tp", "fp", "fn", "precision", "recall", "f1",
    ]  # fmt: skip
    assert shown["name"].tolist() == ["all", "car", "sky"]
    assert shown["category_id"].tolist()[1:] == [0, 1]
    assert shown["category_id"].isna().tolist() == [True, False, False]
    for other in (record.path, str(record.path), metric_of(record)):
        pd.testing.assert_frame_equal(segbench.operating_points(other), shown)
    curve = segbench.precision_recall(record.path)
    at_best = curve[curve["name"] == "car"]
    assert at_best["f1"].max() == shown["f1"][1]
    assert segbench.operating_points(record, 2.0)["tp"].tolist() == [0, 0, 0]


def test_average_precision_is_the_mean_of_the_curves_by_recall(record):
    mean = np.mean(
        [
            segbench.precision_recall(record, "recall", iou_threshold=t)["precision"].mean()
            for t in record.protocol["settings"]["iou_thresholds"]
        ]
    )
    assert mean == pytest.approx(record.metrics["ap"].value)
    small = segbench.precision_recall(record, "recall", area_range="small", max_detections=10)
    assert small.columns.tolist() == ["category_id", "name", "recall", "precision", "score"]
    assert len(small) == 2 * 101


def invoke(*arguments):
    return CliRunner().invoke(main, ["curves", *map(str, arguments)])


def test_the_command_shows_points_and_writes_curves(record, tmp_path):
    shown = invoke(record.path, "--out", tmp_path / "new" / "curves.csv")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.split()[:8] == ["name", "score", "tp", "fp", "fn", "precision", "recall", "f1"]
    written = pd.read_csv(tmp_path / "new" / "curves.csv", dtype={"category_id": "Int64"})
    pd.testing.assert_frame_equal(written, segbench.precision_recall(record), check_exact=True)
    arguments = ("--points", "recall", "--iou", 0.75, "--area", "small", "--max-detections", 10)
    assert invoke(record.path, *arguments, "--out", tmp_path / "recall.csv").exit_code == 0
    assert len(pd.read_csv(tmp_path / "recall.csv")) == 2 * 101
    rows = json.loads(invoke(record.path, "--json", "--score", 0.5).stdout)
    expected = segbench.operating_points(record, 0.5)
    assert [row["category_id"] for row in rows] == [None, 0, 1]
    assert [row["f1"] for row in rows] == expected["f1"].tolist()


def test_what_is_undefined_is_null(record):
    rows = json.loads(invoke(record.path, "--json", "--score", 2).stdout)
    assert [row["precision"] for row in rows] == [None] * 3


def semantic(tmp_path):
    from segbench.canonical.images import encode_labels

    for name in ("truth", "pred"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(encode_labels(np.zeros((3, 3), np.uint8)))
    return segbench.score(tmp_path / "truth", tmp_path / "pred", num_classes=2, out=tmp_path / "r").path


def test_other_runs_are_refused(record, tmp_path):
    refused = invoke(semantic(tmp_path))
    assert refused.exit_code == 2
    assert "those of instances; this run is semantic" in refused.stderr
    missing = invoke(tmp_path)
    assert missing.exit_code == 3
    assert "run.json: cannot read the record" in missing.stderr
    with pytest.raises(segbench.UsageError, match="unknown points 'recal'. Did you mean 'recall'"):
        segbench.precision_recall(record, "recal")
    with pytest.raises(segbench.DataError, match="images.parquet is missing"):
        metric_of(segbench.read_record(record.path, tables=False))


def test_damaged_tables_are_named(record, tmp_path):
    broken = segbench.read_record(segbench.score(dataset(0), dataset(1), out=tmp_path).path).path
    (broken / "detections.parquet").write_bytes(b"PAR1")
    refused = invoke(broken)
    assert refused.exit_code == 3
    assert "the record's tables cannot be read" in refused.stderr
    (broken / "detections.parquet").unlink()
    assert "average precision needs the table of detections" in invoke(broken).stderr


def test_cityscapes_has_points_by_score_alone():
    record = segbench.score(dataset(0), dataset(1), protocol="cityscapes-instance")
    shown = segbench.operating_points(record, 0.5)
    assert shown["name"].tolist() == ["all", "car", "sky"]
    assert shown["tp"][1] > 0
    assert math.isnan(shown["recall"][2])
    assert segbench.precision_recall(record)["recall"].max() <= 1
    with pytest.raises(segbench.UsageError, match="protocol cityscapes-instance has no recall thresholds"):
        segbench.precision_recall(record, "recall")
