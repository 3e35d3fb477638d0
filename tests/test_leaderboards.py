"""The boards in ``leaderboards/`` are what the code makes of their records; the demo still gives those."""

import importlib
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from boards_index import index

from segbench.demo.tour import COMMITTED_MB, MARK, MODELS, TASKS, board_of, tour
from segbench.errors import UsageError
from segbench.records.results import find_records, read_record

BOARDS = Path(__file__).resolve().parent.parent / "leaderboards"
DEMO = BOARDS / "demo"
pytestmark = pytest.mark.skipif(not BOARDS.is_dir(), reason="a source distribution has no leaderboards/")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    said = []
    page = tour(out, said.append)
    return out, page, said


@pytest.fixture(scope="module")
def rebuilt(demo, tmp_path_factory):
    """The boards of the committed records, with pictures of the predictions that the demo made anew."""
    out = tmp_path_factory.mktemp("board")
    board_of(demo[0], DEMO / "results", out, COMMITTED_MB)
    return out


@pytest.mark.parametrize("name", ["leaderboard.md", "leaderboard.csv", "classes.csv"])
def test_a_committed_table_is_current(rebuilt, name):
    assert (rebuilt / name).read_text("utf-8") == (DEMO / name).read_text("utf-8"), "run `make leaderboards`"


def test_the_committed_page_is_current_but_for_plots_and_the_bytes_of_pictures(rebuilt):
    def words(file):
        text = re.sub(r"<svg.*?</svg>", "", file.read_text("utf-8"), flags=re.DOTALL)
        return re.sub(r"(data:image/\w+;base64,)[^\"]*", r"\1", text)

    assert words(rebuilt / "index.html") == words(DEMO / "index.html"), "run `make leaderboards`"


def test_the_demo_still_gives_the_committed_scores(demo):
    made = {(r.task, r.model["name"]): r for r in map(read_record, find_records(demo[0] / "results"))}
    kept = {(r.task, r.model["name"]): r for r in map(read_record, find_records(DEMO / "results"))}
    assert made.keys() == kept.keys()
    assert len(made) == len(MODELS) * len(TASKS)
    for key, record in made.items():
        assert record.dataset["fingerprint"] == kept[key].dataset["fingerprint"], key
        values = {name: metric.value for name, metric in record.metrics.items()}
        expected = {name: metric.value for name, metric in kept[key].metrics.items()}
        assert values == pytest.approx(expected, abs=1e-9, nan_ok=True), key


def test_the_demo_says_each_step_and_where_the_page_is(demo):
    out, page, said = demo
    assert page == out / "leaderboard" / "index.html"
    assert page.is_file()
    assert sum("nothing is lost" in line for line in said) == len(TASKS)
    assert sum(" %" in line for line in said) == len(MODELS) * len(TASKS)


def test_the_demo_replaces_an_earlier_demo_and_nothing_else(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(UsageError, match="holds other files"):
        tour(tmp_path, str)
    assert (tmp_path / "results").is_dir()
    assert not (tmp_path / MARK).exists()


def test_the_models_differ_on_every_task():
    records = [read_record(path, tables=False) for path in find_records(DEMO / "results")]
    for task in TASKS:
        scores = sorted(next(iter(r.metrics.values())).value for r in records if r.task == task)
        assert min(b - a for a, b in pairwise(scores)) > 0.01, task


def test_the_committed_index_and_page_of_speed_are_current(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent / "benchmarks")
    speed_page = importlib.import_module("speed_page")
    content = json.loads((BOARDS / "speed/bench.json").read_text("utf-8"))
    assert (BOARDS / "speed/index.html").read_text("utf-8") == speed_page.to_html(content)
    shown = index()
    assert (BOARDS / "index.html").read_text("utf-8") == shown, "run `make leaderboards`"
    for address in re.findall(r'href="([^"]+)"', shown):
        assert (BOARDS / address).is_file()
    assert "smooth-color" in shown


def test_the_index_links_every_board():
    listed = (BOARDS / "README.md").read_text("utf-8")
    links = {folder: "leaderboard.md" for folder in BOARDS.iterdir() if folder.is_dir()}
    links[BOARDS / "speed"] = "bench.md"  # made of timings, not of run records
    for folder, table in links.items():
        assert f"({folder.name}/{table})" in listed
        assert (folder / table).is_file()
