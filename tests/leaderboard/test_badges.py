"""Badges: what pins a run, and what repeats it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from leaderboard.synth import make_record
from tiny_runs import write_data, write_model

import segbench
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.badges import BADGES, badge_of
from segbench.leaderboard.runs import Run
from segbench.records.results import read_content

RECORD = make_record("semantic", n_images=5)
SHA = "0123abc" * 8


def run(model=(), provenance=()):
    return replace(
        RECORD,
        model={"name": "m", **dict(model)},
        provenance={"git_commit": None, "git_dirty": None, **dict(provenance)},
    )


@pytest.mark.parametrize(
    ("model", "provenance", "badge"),
    [
        ({}, {}, "self-reported"),
        ({"revision": "main"}, {"git_commit": SHA, "git_dirty": False}, "self-reported"),
        ({"weights_sha256": SHA}, {}, "self-reported"),
        ({"weights_sha256": SHA}, {"git_commit": SHA, "git_dirty": True}, "self-reported"),
        ({"weights_sha256": SHA}, {"git_commit": SHA, "git_dirty": False}, "verifiable"),
        ({"weights_sha256": SHA, "code_sha256": SHA}, {}, "verifiable"),
        ({"code_sha256": SHA, "n_params": 0}, {}, "verifiable"),
        ({"revision": SHA[:40]}, {}, "verifiable"),
    ],
)
def test_what_pins_a_run(model, provenance, badge):
    assert badge_of(Run("", Path(), run(model, provenance), ""), []) == badge
    assert badge in BADGES


@pytest.fixture
def made(tmp_path):
    """A run, and a function that makes it again."""
    spec, data = write_model(tmp_path), write_data(tmp_path / "data", 3)

    def again(place):
        record = segbench.run(spec, data, out=tmp_path / place)
        return Run(place, record.path, record, record.run_id)

    return again("first"), again


def copied(run, place, **changes):
    """The record of a run in another folder, with changes of its run.json alone."""
    folder = run.folder.parent / place
    shutil.copytree(run.folder, folder)
    content = read_content(folder)
    for key, more in changes.items():
        content[key] = {**content[key], **more}
    (folder / "run.json").write_text(json.dumps(content), encoding="utf-8")
    record = segbench.read_record(folder, tables=False)
    return Run(place, folder, record, record.run_id)


def test_a_second_run_is_one_that_took_its_own_time(made):
    first, again = made
    assert badge_of(first, [again("second")]) == "reproduced"
    assert badge_of(first, []) == "self-reported"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timing": {"wall_seconds": 99.0}, "env": {"host": "0" * 16, "processor": "another"}},
        {"provenance": {"finished": "2030-01-01T00:00:00.000+00:00"}},
        {"provenance": {"finished": "2030-01-01T00:00:00.000+00:00"}, "tables": {"images": "0" * 64}},
    ],
)
def test_a_copy_is_no_second_run_whatever_its_run_json_says(made, changes):
    first, _ = made
    copy = copied(first, "copy", **changes)
    assert copy.run_id == first.run_id
    assert badge_of(first, [copy]) == "self-reported"


def test_scoring_the_same_predictions_again_repeats_no_model(tmp_path):
    data = write_data(tmp_path / "data", 3)
    runs = []
    for place in ("one", "two"):
        record = segbench.score(data, data / "masks", out=tmp_path / place)
        runs.append(Run(place, record.path, record, record.run_id))
    assert runs[0].record.provenance["finished"] != runs[1].record.provenance["finished"]
    assert badge_of(runs[0], runs[1:]) == "self-reported"


def test_a_board_shows_it(made, tmp_path):
    _, again = made
    again("second")
    [board] = build_leaderboard(tmp_path, tmp_path / "o", formats=(), n_boot=100).boards
    assert [row.badge for row in board.rows] == ["reproduced"]
