"""show: what a reader sees of a record."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner
from leaderboard.hostile import HOSTILE
from leaderboard.synth import make_record
from together import data

import segbench
from segbench.cli.main import main
from segbench.cli.shown import record_text


@pytest.fixture
def record(tmp_path):
    return segbench.score(data("truth"), data("pred"), task="panoptic", model="mine", out=tmp_path)


def test_scores_categories_and_circumstances(record):
    lines = record_text(record).splitlines()
    assert lines[0] == "mine on truth"
    assert lines[1] == "panoptic, protocol panopticapi version 1, complete: 6 of 6 images scored; in %"
    assert any(
        line.startswith(f"  pq                {100 * record.metrics['pq'].value:8.2f}  █") for line in lines
    )
    head = next(i for i, line in enumerate(lines) if "6 categories" in line)
    assert lines[head].split() == ["6", "categories", "pq", "sq", "rq"]
    assert [line.split()[0] for line in lines[head + 1 : head + 7]] == [
        row["name"] for row in record.per_class
    ]
    assert f"fingerprint {record.dataset['fingerprint'][:12]}" in record_text(record)
    assert f"  record    {record.path} (run id {record.run_id})" in lines
    assert lines[-1] == f"  warning: {record.warnings[-1]}"


def test_a_bar_is_as_long_as_its_score():
    rows = [{"category_id": i, "name": str(i), "iou": i / 8} for i in range(9)]
    lines = record_text(replace(make_record("semantic"), per_class=rows)).splitlines()
    bars = [line.split("  ")[-1] for line in lines if line[2:3].isdigit() and "categories" not in line]
    assert [len(bar) for bar in bars[1:]] == [3, 6, 9, 12, 15, 18, 21, 24]


def test_of_many_categories_both_ends_are_shown():
    rows = [{"category_id": i, "name": f"c{i}", "iou": (i * 37 % 150) / 150} for i in range(150)]
    record = replace(
        make_record("semantic"), per_class=[*rows, {"category_id": 150, "name": "x", "iou": float("nan")}]
    )
    short, long = record_text(record), record_text(record, all_classes=True)
    assert "151 categories" in short
    assert "… and 136 between the lowest and the highest; --classes shows all" in short
    assert [len(re.findall(r"^  c\d", text, re.MULTILINE)) for text in (short, long)] == [15, 150]
    assert "  x                        –" in long


@pytest.mark.parametrize("name", [*HOSTILE, "a\x1b[31mred\nline\rcarriage"])
def test_hostile_names_move_nothing(name):
    record = make_record("semantic", name, names=[name] * 8, warnings=[name], data=name)
    text = record_text(record)
    assert not {"\x1b", "\r", "\u202e"} & set(text)
    assert len(text.splitlines()) == len(
        record_text(make_record("semantic", "m", warnings=["w"])).splitlines()
    )


def test_the_command(record):
    shown = CliRunner().invoke(main, ["show", str(record.path)])
    assert (shown.exit_code, shown.stdout.rstrip("\n")) == (0, record_text(record))
    content = CliRunner().invoke(main, ["show", str(record.path), "--json"]).stdout
    assert json.loads(content) == json.loads((record.path / "run.json").read_text(encoding="utf-8"))
    below = CliRunner().invoke(main, ["show", str(record.path.parent)])
    assert below.stdout == shown.stdout


def test_a_folder_of_no_record_or_of_several(record, tmp_path):
    (tmp_path / "none").mkdir()
    missing = CliRunner().invoke(main, ["show", str(tmp_path / "none")])
    assert (missing.exit_code, "cannot read the record" in missing.stderr) == (3, True)
    for name in "ab":
        shutil.copytree(record.path, tmp_path / "two" / name)
    several = CliRunner().invoke(main, ["show", str(tmp_path / "two")])
    assert several.exit_code == 3
    assert several.stderr.splitlines() == [
        f"error: {tmp_path / 'two'}: holds 2 run records, of which one is shown: name it",
        *(f"  {tmp_path / 'two' / name}" for name in "ab"),
    ]
