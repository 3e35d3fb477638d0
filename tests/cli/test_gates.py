"""Gates: thresholds, a baseline and their JUnit report, for continuous integration."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from leaderboard.hostile import HOSTILE
from leaderboard.synth import make_record
from tiny_runs import write_data, write_model

import segbench
from segbench.cli.gates import judge
from segbench.cli.junit import junit_xml
from segbench.cli.main import main
from segbench.errors import DataError, UsageError


def record(tmp_path, model="m", quality=0.7, **changes):
    return make_record("semantic", model, quality=quality, n_images=60, **changes).kept(tmp_path)


def judged(records, fail_under, baseline=None):
    return [(one.gate, one.passed) for one in judge(records, fail_under, baseline)]


def test_thresholds(tmp_path):
    found = record(tmp_path)
    least = {"miou": found.metrics["miou"].value, "iou/sky": 0.999}
    assert judged([found], least) == [(f"miou ≥ {least['miou']:g}", True), ("iou/sky ≥ 0.999", False)]
    assert judged([found], {"miou": math.nextafter(least["miou"], 1)})[0][1] is False
    with pytest.raises(UsageError, match="no score 'mioo'.*Did you mean 'miou'"):
        judge([found], {"mioo": 0.5})


def test_a_score_that_is_undefined_reaches_nothing(tmp_path):
    found = replace(record(tmp_path), metrics={"miou": segbench.MetricValue(math.nan)})
    [outcome] = judge([found], {"miou": 0.0})
    assert (outcome.passed, outcome.text) == (False, "undefined")


@pytest.mark.parametrize(("quality", "passed"), [(0.7, True), (0.9, True), (0.4, False)])
def test_a_baseline_fails_what_is_significantly_worse(tmp_path, quality, passed):
    old, new = record(tmp_path, "old"), record(tmp_path, "new", quality)
    [outcome] = judge([new], {}, old.path)
    compared = segbench.compare_runs(old.path, new.path).score
    assert outcome.passed is passed
    assert (compared.p < 0.05 and compared.difference < 0) is not passed
    assert f"{compared.difference:+.6g}" in outcome.text
    assert f"p {compared.p:.2g}" in outcome.text


def test_a_baseline_must_be_one_record_of_a_protocol_that_was_run(tmp_path):
    new = record(tmp_path / "new")
    record(tmp_path / "old", "one")
    other = record(tmp_path / "old", "two")
    with pytest.raises(DataError, match="holds 2 run records: name one"):
        judge([new], {}, tmp_path / "old")
    with pytest.raises(UsageError, match="of protocol mmseg, which was not run"):
        judge([new], {}, replace(other, protocol={**other.protocol, "name": "mmseg"}).write(tmp_path / "x"))
    with pytest.raises(DataError, match="cannot read the record"):
        judge([new], {}, tmp_path / "none")
    partial = replace(new, status="partial")
    [outcome] = judge([partial], {}, other.path)
    assert (outcome.passed, outcome.text) == (False, "the run is partial: it cannot be compared")


@pytest.fixture
def files(tmp_path):
    return write_model(tmp_path), write_data(tmp_path / "data", 4), tmp_path


def run(files, *options):
    model, dataset, folder = files
    words = ["run", model, dataset, "--out", folder / "out", "--junit", folder / "ci.xml", *options]
    return CliRunner().invoke(main, [str(word) for word in words])


def report(files):
    root = ElementTree.fromstring((files[2] / "ci.xml").read_bytes())
    cases = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in root.iter("testcase")
    }
    return root, cases


def test_the_command_passes(files):
    done = run(files, "--fail-under", "miou=0.1", "--fail-under", "timing/images_per_second=1", "--json")
    assert done.exit_code == 0
    score = json.loads(done.stdout)["metrics"]["miou"]["value"]
    assert f"passed  miou ≥ 0.1: {score:.6g}" in done.stderr
    root, cases = report(files)
    assert cases == {
        "every image is scored": [], "miou ≥ 0.1": [], "timing/images_per_second ≥ 1": []
    }  # fmt: skip
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "0", "0")
    [value] = [one.get("value") for one in root.iter("property") if one.get("name") == "miou"]
    assert float(value) == score


def test_the_command_fails_below_a_threshold_and_keeps_the_record(files):
    done = run(files, "--fail-under", "miou=0.99", "--fail-under", "iou/a=0.98")
    assert done.exit_code == 6
    assert done.stderr.splitlines()[-1].startswith("error: miou ≥ 0.99 is not reached: 0.")
    assert done.stderr.splitlines()[-1].endswith("; 1 more gates are not passed")
    assert len(list((files[2] / "out").rglob("run.json"))) == 1
    root, cases = report(files)
    assert (cases["miou ≥ 0.99"], root.get("failures")) == (["failure"], "2")


def test_the_command_holds_a_run_against_itself(files):
    assert run(files).exit_code == 0
    [file] = (files[2] / "out").rglob("run.json")
    done = run(files, "--baseline", file.parent, "--protocol", "exact,mmseg")
    assert done.exit_code == 0
    assert "passed  not worse than m " in done.stderr


@pytest.mark.parametrize("options", [[], ["--workers", "1"]])
def test_what_a_model_prints_is_not_on_stdout(files, options):
    model, dataset, folder = files
    words = ["run", model, dataset, "--out", folder / "out", "--json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "segbench", *map(str, words)],
        env={**os.environ, "FAULT": json.dumps({"kind": "print"})},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["status"] == "complete"
    assert "found: 00003" in done.stderr
    assert "by a program" in done.stderr


def test_a_baseline_that_is_none_is_told_before_the_run(files):
    done = run(files, "--baseline", files[2] / "none")
    assert done.exit_code == 3
    assert "cannot read the record" in done.stderr
    assert not (files[2] / "out").exists()
    assert [one.get("type") for one in report(files)[0].iter("error")] == ["DataError"]


@pytest.mark.parametrize(
    ("kind", "options", "code", "error"),
    [
        ("raise", [], 4, "PluginError"),
        ("raise", ["--on-error", "skip"], 5, "PartialError"),
    ],
)
def test_a_run_that_fails_is_reported(files, monkeypatch, kind, options, code, error):
    monkeypatch.setenv("FAULT", json.dumps({"kind": kind, "images": ["00001"]}))
    assert run(files, "--fail-under", "miou=0.99", *options).exit_code == code
    root, _ = report(files)
    assert [one.get("type") for one in root.iter("error")] == [error]
    assert root.get("errors") == "1"


@pytest.mark.parametrize("word", ["miou", "miou=high", "=0.5", "miou=nan", "miou=75"])
def test_a_threshold_that_is_none(files, word):
    done = run(files, "--fail-under", word)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "miou=0.75" in done.stderr
    assert not (files[2] / "out").exists()


@pytest.mark.parametrize("name", [*HOSTILE, "\x00\x1b\ufffe\udcff]]><failure/>"])
def test_hostile_names_are_text(tmp_path, name):
    made = make_record("semantic", name, names=[name] * 8, data=name)
    outcomes = judge([made], {"miou": 0.99})
    [suite] = ElementTree.fromstring(junit_xml([made], outcomes))
    assert len(suite.findall("testcase")) == 2
    assert len(suite.findall("testcase/failure")) == 1
    assert suite.get("name").endswith(", exact")
    if name.isprintable():
        assert suite.get("name") == f"{name} on {name}, exact"
