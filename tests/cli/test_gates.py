"""Gates: thresholds, a baseline and their JUnit report, for continuous integration."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from leaderboard.hostile import HOSTILE
from leaderboard.synth import make_record
from PIL import Image
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


def asked(folder):
    """How often the model was asked: each time, it leaves a mark."""
    return len(list(folder.glob("asked-*")))


@pytest.fixture
def marking(files, monkeypatch):
    model, dataset, folder = files
    file = folder / "marking.py"
    file.write_text(
        "import pathlib, tempfile\n"
        f"exec(pathlib.Path({str(model).removeprefix('file:').rpartition(':')[0]!r}).read_text())\n"
        "class Marking(Model):\n"
        "    def predict(self, batch):\n"
        f"        tempfile.mkstemp(prefix='asked-', dir={str(folder)!r})\n"
        "        return super().predict(batch)\n"
    )
    return f"file:{file}:Marking", dataset, folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--fail-under", "mioo=0.5"],
            "no score 'mioo' to hold a threshold against. Did you mean 'miou'",
        ),
        (["--fail-under", "iou/d=0.5"], "there is no score 'iou/d' .*Did you mean 'iou/[abc]'"),
        (["--fail-under", "pq=0.5"], "there is no score 'pq'"),
        (["--fail-under", "timing/image_per_second=9"], "Did you mean 'timing/images_per_second'"),
        (["--fail-under", "miou=0.1", "--fail-under", "ap=0.1", "--workers", "1"], "there is no score 'ap'"),
    ],
)
def test_a_key_that_no_record_will_have_is_told_before_the_model_is_asked(marking, options, message):
    done = run(marking, *options)
    assert done.exit_code == 2
    assert re.search(message, done.stderr)
    assert asked(marking[2]) == 0
    assert not list((marking[2] / "out").rglob("*"))
    assert [one.get("type") for one in report(marking)[0].iter("error")] == ["UsageError"]


def test_keys_that_records_have_are_let_through(marking):
    keys = ["miou=0.1", "iou/a=0.1", "timing/latency_ms/p50=0", "timing/stages_ms/decode/p99=0"]
    done = run(marking, *[word for key in keys for word in ("--fail-under", key)])
    assert done.exit_code == 0, done.stderr
    assert asked(marking[2]) == 4


@pytest.mark.parametrize(
    ("change", "options", "code", "message"),
    [
        ({}, ["--protocol", "mmseg"], 2, "is of protocol exact, which is not run, but mmseg"),
        (
            {},
            ["--setting", "ignore_index=2"],
            3,
            "protocol.settings.ignore_index: the baseline has 255, this run 2",
        ),
        ({"n": 5}, [], 3, "dataset.n_expected: the baseline has 5, this run 4"),
        (
            {"names": "pqrs"},
            [],
            3,
            "image_id: the baseline is of other data: it has 4, this run 4, and '00000'",
        ),
        (
            {"labels": "abd"},
            [],
            3,
            "categories: the baseline is of other data: .*'c' is in one of them alone",
        ),
    ],
)
def test_a_baseline_of_other_data_or_rules_is_told_before_the_model_is_asked(
    marking, change, options, code, message
):
    model, _, folder = marking
    other = write_data(folder / "other", change.get("n", 4))
    for i, name in enumerate(change.get("names", "")):
        for file in (f"images/{i:05d}.png", f"masks/{i:05d}.png"):
            (other / file).rename(other / file.replace(f"{i:05d}", name))
    if labels := change.get("labels"):
        (other / "id2label.json").write_text(json.dumps(dict(enumerate(labels))))
    synonyms = ["--ignore", "c"] if change.get("labels") else []
    assert run((model, other, folder), *synonyms).exit_code == 0
    [file] = (folder / "out").rglob("run.json")
    n_asked = asked(folder)
    done = run(marking, "--baseline", file.parent, *options)
    assert done.exit_code == code
    assert re.search(message, done.stderr), done.stderr
    assert asked(folder) == n_asked
    assert list((folder / "out").rglob("run.json")) == [file]


def test_a_baseline_of_other_masks_is_told_after_the_run(marking):
    """Names are the same, so that only the fingerprint can tell; which takes reading all of the truth."""
    model, _, folder = marking
    other = write_data(folder / "other", 4)
    Image.fromarray(np.ones((8, 12), np.uint8)).save(other / "masks/00002.png")
    assert run((model, other, folder)).exit_code == 0
    [file] = (folder / "out").rglob("run.json")
    done = run(marking, "--baseline", file.parent)
    assert done.exit_code == 3
    assert "dataset: it has " in done.stderr


def test_score_tells_it_too(files):
    dataset, folder = files[1], files[2]
    words = ["score", dataset, dataset, "--out", folder / "out", "--fail-under", "mioo=1"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2
    assert "Did you mean 'miou'" in done.stderr
    assert not (folder / "out").exists()
