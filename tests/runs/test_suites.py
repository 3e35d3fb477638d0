"""Suites: models × data sets × protocols; what fails, what is there already, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from tiny_runs import same_result, write_data, write_model

import segbench
from segbench.cli.main import main
from segbench.errors import DataError
from segbench.runs.suite_file import read_suite


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model and two data sets, where it is worked."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path)
    for name, n in (("one", 4), ("two", 5)):
        write_data(tmp_path / name, n)
    return tmp_path


def write(place, *lines):
    (place / "suite.toml").write_text("\n".join(lines), encoding="utf-8")
    return place / "suite.toml"


MODEL = '[[model]]\nspec = "file:model.py:Model"'
DATA = '[[dataset]]\npath = "one"\n[[dataset]]\npath = "two"'
PROTOCOLS = '[[protocol]]\nname = "exact"\n[[protocol]]\nname = "mmseg"'


def states(results):
    return [result.state for result in results]


def test_every_combination_is_run_and_found_the_next_time(place):
    suite = write(place, MODEL, DATA, PROTOCOLS)
    seen = []
    results = segbench.run_suite(suite, progress=seen.append)
    assert seen == results
    assert states(results) == ["done", "done"]
    records = [(r.dataset["name"], r.protocol["name"]) for result in results for r in result.read()]
    assert records == [("one", "exact"), ("one", "mmseg"), ("two", "exact"), ("two", "mmseg")]
    alone = segbench.run("file:model.py:Model", "one", protocol="mmseg", out=None)
    assert same_result(segbench.read_record(results[0].records[1]), alone)
    again = segbench.run_suite(suite)
    assert states(again) == ["finished", "finished"]
    assert [result.records for result in again] == [result.records for result in results]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda place: (place / "one/id2label.json").write_text('{"0": "a", "1": "b", "2": "c"}\n'),
            ["to do", "finished"],
        ),
        (
            lambda place: (place / "model.py").write_text((place / "model.py").read_text() + "# more\n"),
            ["to do", "to do"],
        ),
        (lambda place: write(place, "[run]\nthreads = 1", MODEL, DATA), ["finished", "finished"]),
        (lambda place: write(place, "[run]\nbatch_size = 2", MODEL, DATA), ["to do", "to do"]),
        (lambda place: next(place.rglob("two/**/run.json")).unlink(), ["finished", "to do"]),
        (lambda place: next(place.rglob(".suite/*.json")).write_text("{"), None),
    ],
)
def test_a_job_that_is_another_is_to_do(place, change, expected):
    suite = write(place, MODEL, DATA)
    segbench.run_suite(suite)
    change(place)
    found = states(segbench.run_suite(suite, dry_run=True))
    assert found == expected if expected else sorted(found) == ["finished", "to do"]


def test_files_that_options_name_make_a_job_another(place):
    (place / "map.toml").write_text('"a" = "a"\n')
    suite = write(place, '[run]\nsynonyms = "map.toml"', MODEL, DATA)
    assert states(segbench.run_suite(suite)) == ["done", "done"]
    assert states(segbench.run_suite(suite, dry_run=True)) == ["finished", "finished"]
    (place / "map.toml").write_text('"a" = "a" # again\n')
    assert states(segbench.run_suite(suite, dry_run=True)) == ["to do", "to do"]


def test_one_that_fails_does_not_stop_the_others(place):
    models = [MODEL, '[[model]]\nspec = "file:none.py:Model"', '[[model]]\nspec = "preds:two/masks"']
    broken = '[[dataset]]\npath = "nowhere"'
    words = ["run", "--suite", str(write(place, *models, broken, DATA)), "--junit", "ci.xml"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 5
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == [
        "failed", "done", "done", "failed", "failed", "failed", "failed", "failed", "done"
    ]  # fmt: skip
    assert done.stderr.splitlines()[0].startswith(
        "[1/9] failed: file:model.py:Model on nowhere: default protocol: "
    )
    assert done.stderr.splitlines()[-1].startswith(
        "error: 6 of 9 jobs failed or are partial, the first: failed: "
    )
    assert "miou 100.00" in done.stdout.splitlines()[-1]
    root = ElementTree.fromstring((place / "ci.xml").read_bytes())
    assert [root.get(name) for name in ("tests", "errors", "failures")] == ["9", "6", "0"]


@pytest.mark.parametrize(("kind", "state"), [("raise", "failed"), ("kill", "failed")])
def test_a_model_that_raises_or_dies_is_one_that_fails(place, monkeypatch, kind, state):
    monkeypatch.setenv("FAULT", json.dumps({"kind": kind, "images": ["00004"]}))
    suite = write(place, MODEL, DATA)
    results = segbench.run_suite(suite)
    assert states(results) == ["done", state]
    assert ("out of luck" if kind == "raise" else "killed") in results[1].error
    monkeypatch.delenv("FAULT")
    assert states(segbench.run_suite(suite)) == ["finished", "done"]


def test_partial_runs_are_told_and_tried_again(place, monkeypatch):
    monkeypatch.setenv("FAULT", json.dumps({"kind": "raise", "images": ["00004"]}))
    suite = write(place, '[run]\non_error = "skip"', MODEL, DATA)
    results = segbench.run_suite(suite)
    assert states(results) == ["done", "partial"]
    assert results[1].error == "1 of 5 images are not scored"
    monkeypatch.delenv("FAULT")
    assert states(segbench.run_suite(suite)) == ["finished", "done"]


def test_a_dry_run_runs_nothing(place):
    suite = write(place, MODEL, DATA)
    done = CliRunner().invoke(main, ["run", "--suite", str(suite), "--dry-run"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1] == "[2/2] to do: file:model.py:Model on two: default protocol"
    told = CliRunner().invoke(main, ["run", "--suite", str(suite), "--dry-run", "--json"])
    assert [row["state"] for row in json.loads(told.stdout)] == ["to do", "to do"]
    assert not (place / "results").exists()


def test_protocols_of_one_task_and_the_same_settings_take_one_pass(place):
    protocols = [
        '[[protocol]]\nname = "exact"', '[[protocol]]\nname = "panopticapi"', '[[protocol]]\nname = "mmseg"',
        '[[protocol]]\nname = "hf"\nsettings = {ignore_index = 1}',
    ]  # fmt: skip
    model = '[[model]]\nspec = "m"\ntasks = ["semantic"]\nbatch_size = 4'
    suite = write(place, 'out = "elsewhere"', "[run]\nbatch_size = 2\ntf32 = true", model, DATA, *protocols)
    jobs = read_suite(suite)
    assert [(str(job.dataset["path"]), job.protocols, job.settings) for job in jobs[:2]] == [
        ("one", ["exact", "mmseg"], {}), ("one", ["hf"], {"ignore_index": 1})
    ]  # fmt: skip
    assert len(jobs) == 4
    assert (jobs[0].options, jobs[0].out) == ({"batch_size": 4, "tf32": True}, Path("elsewhere"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model]", "is not TOML"),
        ("", "the suite names no model"),
        (MODEL, "the suite names no dataset"),
        (f"models = 1\n{MODEL}\n{DATA}", "the suite has no option 'models'.*Did you mean 'model'"),
        (f'[run]\ndevise = "cpu"\n{MODEL}\n{DATA}', r"\[run\] has no option 'devise'.*Did you mean 'device'"),
        (f'{MODEL}\nbatch_size = "2"\n{DATA}', r"option batch_size of \[\[model\]\] is a int, not '2'"),
        (f"{MODEL}\nspecs = 1\n{DATA}", r"\[\[model\]\] has no option 'specs'"),
        (f"[[model]]\ntasks = []\n{DATA}", r"\[\[model\]\] names no spec"),
        (f'{MODEL}\ntasks = ["depth"]\n{DATA}', "unknown task 'depth'"),
        (f"{MODEL}\n{DATA}\npaht = 1", r"\[\[dataset\]\] has no option 'paht'.*Did you mean 'path'"),
        (f'model = ["m"]\n{DATA}', r"write \[\[model\]\]"),
        (f'{MODEL}\n{DATA}\n[[protocol]]\nname = "best"', "unknown protocol 'best'"),
        (f"{MODEL}\n{DATA}\n{PROTOCOLS}\n{PROTOCOLS}", "exact is named twice"),
    ],
)
def test_a_file_that_is_no_suite(place, text, message):
    with pytest.raises(DataError, match=rf"suite\.toml: .*{message}"):
        read_suite(write(place, text))


def test_the_command_takes_a_model_or_a_suite(place):
    suite = str(write(place, MODEL, DATA))

    def error(*words):
        done = CliRunner().invoke(main, ["run", *words])
        assert done.exit_code == 2
        return done.stderr

    assert "MODEL is missing; or name a file of runs with --suite" in error()
    assert "DATASET is missing" in error("file:model.py:Model")
    assert "--dry-run goes with --suite" in error("file:model.py:Model", "one", "--dry-run")
    assert "MODEL does not go with --suite" in error("file:model.py:Model", "one", "--suite", suite)
    assert "--device does not go with --suite" in error("--suite", suite, "--device", "cpu")
    assert CliRunner().invoke(main, ["run", "--suite", "none.toml"]).exit_code == 3


def test_a_job_may_have_workers_of_its_own(place):
    suite = write(place, "[run]\nworkers = 2\nshard_size = 2", MODEL, DATA)
    results = segbench.run_suite(suite)
    assert states(results) == ["done", "done"], [result.error for result in results]
    assert states(segbench.run_suite(write(place, MODEL, DATA))) == ["finished", "finished"]
