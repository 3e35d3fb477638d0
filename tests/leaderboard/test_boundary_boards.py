"""Boards of runs on boundaries: ranked by their own metric, under its name, with their own cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from leaderboard.test_protocol_evidence import dataset
from scoring.test_evaluate import N, make

import segbench
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.evidence import PRIMARY_OF_PROTOCOLS, rankable, read_evidence
from segbench.leaderboard.text import class_key, label, metric_keys
from segbench.protocols import PROTOCOLS
from segbench.records.results import RunRecord

HEADINGS = {
    "boundary-iou": ("Boundary mIoU", "Boundary IoU"),
    "boundary-f1": ("Boundary F1", "Boundary F1"),
    "boundary-ap": ("Boundary AP", "Boundary AP"),
    "boundary-pq": ("Boundary PQ", "Boundary PQ"),
}


def scored(protocol, seed, out):
    task = PROTOCOLS[protocol].task
    sides = [make(task, s) if task == "instance" else dataset(s, task) for s in (0, seed)]
    record = segbench.score(*sides, protocol=protocol, model=f"model {seed}", out=out)
    return segbench.read_record(record.path)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    return out, {name: [scored(name, seed, out) for seed in (1, 3)] for name in HEADINGS}


def test_every_protocol_has_a_board_of_its_own(results, tmp_path):
    out, records = results
    built = build_leaderboard(out, tmp_path, n_boot=200)
    assert built.left_out == []
    assert {board.protocol: board.metric for board in built.boards} == PRIMARY_OF_PROTOCOLS
    texts = {path.name: path.read_text(encoding="utf-8") for path in built.paths}
    markdown, csv, page = (texts[name] for name in ("leaderboard.md", "leaderboard.csv", "index.html"))
    for board in built.boards:
        heading, cells = HEADINGS[board.protocol]
        values = [record.metrics[board.metric].value for record in records[board.protocol]]
        assert [row.value for row in board.rows] == sorted(values, reverse=True)
        assert all(row.ci_low <= row.value <= row.ci_high for row in board.rows)
        assert f"| Rank | Model | {heading} |" in markdown
        assert f'"{cells}"' in page  # among the scores of classes to choose from
        assert f",{board.metric}," in csv
    assert '"imageScore":"Boundary F1"' in page
    assert '"classScore":"Boundary IoU"' in page


def test_runs_are_compared_and_analysed(results, tmp_path):
    _, records = results
    for board in build_leaderboard(results[0], tmp_path, n_boot=100, formats=()).boards:
        found = segbench.compare_runs(*(record.path for record in records[board.protocol]), n_boot=100)
        assert found.score.low <= found.score.difference <= found.score.high
        assert bool(found.classes) == (board.protocol != "boundary-f1")
        assert ("amount" in board.analyses) == (board.task != "semantic")


def test_detections_and_images_give_boundary_ap(results):
    for record in results[1]["boundary-ap"]:
        found = read_evidence(record).pooled.scores(np.ones((1, N)))[0]
        assert found == pytest.approx(record.metrics["boundary_ap"].value, abs=1e-9)


def test_f1_of_single_images(results):
    record = results[1]["boundary-f1"][0]
    evidence = read_evidence(record)
    assert np.nanmean(evidence.by_image) == pytest.approx(record.metrics["boundary_f1"].value, abs=1e-8)
    (first, *_), scores = evidence.cells.worst_by_category(3)[0]
    assert 0 <= first < len(evidence.image_ids)
    assert scores.tolist() == sorted(scores.tolist())


def test_a_run_without_its_metric_is_left_out(results):
    record = results[1]["boundary-pq"][0]
    assert rankable(record) is None
    plain = {key.removeprefix("boundary_"): value for key, value in record.metrics.items()}
    parts = {name: getattr(record, name) for name in ("task", "model", "dataset", "protocol", "per_class")}
    assert rankable(RunRecord(**parts, metrics=plain)) == "its boundary_pq is undefined"


def test_names(results):
    assert [label(key) for key in ("boundary_miou", "boundary_f1_c", "boundary_ap_small")] == [
        "Boundary mIoU",
        "Boundary F1 by class",
        "Boundary AP small",
    ]
    assert [class_key(key) for key in ("miou", "boundary_miou", "boundary_f1", "pq")] == [
        "iou",
        "boundary_iou",
        "boundary_f1",
        "pq",
    ]
    rows = [type("Row", (), {"record": record}) for record in results[1]["boundary-ap"]]
    keys = metric_keys(rows)
    assert keys[:3] == ["boundary_ap", "boundary_ap50", "boundary_ap75"]
    assert not any(math.isnan(record.metrics[keys[0]].value) for record in results[1]["boundary-ap"])
