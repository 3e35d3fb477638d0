"""The benchmark runs from end to end and its scores agree; how long anything takes is not for a test."""

import importlib
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent / "run.py"
REFERENCES = {
    "segm": "pycocotools",
    "segm-bbox": "pycocotools",
    "segm-light": "pycocotools",
    "segm-threads": "one-thread",
    "miou-city": "numpy",
    "miou-ade": "numpy",
    "miou-city-maps": "numpy",
    "miou-ade-maps": "numpy",
    "pq": "panopticapi",
    "boundary-ap": "scipy",
    "boundary-pq": "scipy",
    "boundary-miou": "scipy",
    "to-canonical": "pycocotools",
    "to-png": "pycocotools",
    "to-voc": "pycocotools",
    "to-cityscapes": "pycocotools",
    "voc-workers": "one-worker",
    "panoptic-to-voc": "script",
}

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="the benchmark measures with os.wait4")


def bench(*arguments):
    return subprocess.run(
        [sys.executable, RUN, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_every_case_agrees_with_its_reference(tmp_path):
    pytest.importorskip("panopticapi")
    peers = [word for name in sorted(set(REFERENCES.values())) for word in ("--peers", name)]
    done = bench("--images", 3, "--repeats", 1, "--out", tmp_path, *peers)
    assert done.returncode == 0, done.stderr + done.stdout
    content = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert {case["name"]: [row["tool"] for row in case["rows"]] for case in content["cases"]} == {
        name: ["segbench", reference] for name, reference in REFERENCES.items()
    }
    for case in content["cases"]:
        ours, theirs = case["rows"]
        assert theirs["agrees"], case["name"]
        assert ours["scores"].keys() >= theirs["scores"].keys() > set()
        assert all(run["megabytes"] > 1 for row in case["rows"] for run in row["runs"])
    assert content["versions"].keys() >= {"python", "segbench", "numpy", "pycocotools"}
    assert_tables(done.stdout, content)
    assert done.stdout.strip() == (tmp_path / "bench.md").read_text(encoding="utf-8").strip()


def assert_tables(markdown, content):
    sections = markdown.split("\n## ")[1:]
    assert [section.partition(":")[0] for section in sections] == list(REFERENCES)
    for section, case in zip(sections, content["cases"], strict=True):
        table = [line for line in section.splitlines() if line.startswith("|")]
        assert len(table) == 2 + len(case["rows"])
        assert {line.count("|") for line in table} == {10}
        assert table[2].startswith("| **segbench** |")
        assert "| agree, " in table[3]


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(RUN.parent)
    return importlib.import_module("compare")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"ap": 0.5, "ar": 0.25}, {"ap": 0.5}, 0),
        ({"ap": 0.5, "ar": 0.25}, {"ap": 0.5, "ar": 0.75}, 0.5),
        ({"pixels": 1000.0}, {"pixels": 999.0}, 0.001),
        ({"ap": None}, {"ap": None}, 0),
        ({"ap": None}, {"ap": 0.0}, math.inf),
        ({"ap": 0.5}, {"images": 3.0}, None),
    ],
)
def test_difference(compare, ours, theirs, expected):
    assert compare.difference(ours, theirs) == expected


def test_verdict(compare):
    def rows(difference, failure="", ours=""):
        return [
            compare.Row("segbench", "", 1e-9, failure=ours),
            compare.Row("other", "", 1e-9, difference=difference, failure=failure),
        ]

    assert compare.verdict(rows(1e-10)) == ""
    assert compare.verdict(rows(1e-10, ours="Error: no")) == "segbench: Error: no"
    assert "no other tool" in compare.verdict(rows(None, failure="KeyError: 'bbox'"))
    assert compare.verdict([*rows(1e-10), *rows(0.5)[1:]]) == "scores differ: other by 0.5"
    assert compare.verdict([*rows(1e-10), *rows(None, failure="KeyError: 'bbox'")[1:]]) == ""
    assert compare.verdict(rows(math.nan)) == "scores differ: other by nan"


@pytest.mark.parametrize("arguments", [["--images", 0], ["--only", "nothing"], ["--peers", "nobody"]])
def test_wrong_options_are_refused(arguments):
    assert bench(*arguments).returncode == 2


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(RUN.parent)
    return importlib.import_module("speed")


def test_readme_and_tables_are_what_the_committed_runs_give(speed):
    if not (speed.ROOT / speed.FOLDER).is_dir():
        pytest.skip("a source distribution has no leaderboards/")
    content = speed.read()
    readme = (speed.ROOT / "README.md").read_text("utf-8")
    assert readme.partition(speed.BEGIN)[2].partition(speed.END)[0] == speed.to_table(content)
    report = importlib.import_module("report")
    markdown = (speed.ROOT / speed.FOLDER / "bench.md").read_text("utf-8")
    assert markdown == report.to_markdown(speed.results(content), content)
    assert not [case["name"] for case in content["cases"] if case["failure"]]


def test_publish_replaces_only_the_table(speed, tmp_path):
    source = speed.ROOT / speed.FOLDER
    if not source.is_dir():
        pytest.skip("a source distribution has no leaderboards/")
    (tmp_path / "README.md").write_text(f"before\n{speed.BEGIN}old\n{speed.END}after\n", encoding="utf-8")
    content = speed.read()
    speed.publish(content, source, tmp_path)
    expected = f"before\n{speed.BEGIN}{speed.to_table(content)}{speed.END}after\n"
    assert (tmp_path / "README.md").read_text("utf-8") == expected
    assert speed.read(tmp_path) == content


def test_growth(tmp_path):
    done = bench("--growth", 2, 4, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    works = (
        "mask AP", "mIoU", "PQ", "COCO to png", "COCO to VOC", "COCO to the canonical form",
    )  # fmt: skip
    lines = (tmp_path / "growth.md").read_text("utf-8").splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        [f"| {work}", n] for work in works for n in ("2", "4")
    ]


def test_uncertainty(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(RUN.parent)
    module = importlib.import_module("uncertainty")
    monkeypatch.setattr(module, "SCORES", ("mIoU",))
    monkeypatch.setattr(module, "BOARDS", [board for board in module.BOARDS if board.kind in ("ap", "many")])
    monkeypatch.setattr(module, "IMAGES", 30)
    monkeypatch.setattr(module, "PARTS", 2)
    markdown, _ = module.measure(20, tmp_path, share=0.02)
    rows = [line.split(" | ") for line in markdown.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == [
        "| board", *(f"| {board.title}" for board in module.BOARDS), "| score", *["| mIoU"] * 4,
    ]  # fmt: skip
    assert all(0 < float(row[1]) < 60 for row in rows[1:3])
    assert all(60 <= float(row[3].removesuffix("%")) <= 100 for row in rows[4:])


def test_runner(tmp_path):
    done = bench("--runner", 12, 20, "--repeats", 1, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "runner.md").read_text("utf-8").splitlines()
    assert [line.partition(" | ")[0] for line in lines if re.match(r"\| \d", line)] == ["| 12"] * 2 + [
        "| 20"
    ] * 2
    assert sum("CPU of the runner" in line for line in lines) == 4
    assert re.search(r"the model's, at 20 ms an image \| \d+\.\d% \| 90%", "\n".join(lines))
