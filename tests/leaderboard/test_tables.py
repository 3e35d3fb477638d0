"""build_leaderboard, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
import sys

import pyarrow as pa
import pytest
from leaderboard.synth import NAMES, SETTINGS, draw, make_record

from segbench.errors import DataError, UsageError
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.markdown import escape
from segbench.leaderboard.text import decimals, percent, probability, settings_text, speed_text
from segbench.records.results import MetricValue


@pytest.fixture(scope="module")
def built(results, tmp_path_factory):
    return build_leaderboard(
        results, tmp_path_factory.mktemp("out") / "deep", formats=("md", "csv"), n_boot=400
    )


def _read_csv(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_boards_and_rows(built):
    assert [(board.task, board.dataset, board.protocol) for board in built.boards] == [
        ("semantic", "Toy streets", "exact"),
        ("instance", "Toy streets", "coco-instance"),
        ("panoptic", "Toy streets", "panopticapi"),
    ]
    for board in built.boards:
        values = [row.value for row in board.rows]
        assert values == sorted(values, reverse=True)
        assert all(row.ci_low < row.value < row.ci_high for row in board.rows)
        assert all(1 <= row.rank_low <= row.rank_high <= len(values) for row in board.rows)
        assert math.isclose(sum(row.p_best for row in board.rows), 1, abs_tol=1e-8)
        assert board.rows[0].rank == 1
        assert board.rows[-1].model == "delta"
        assert board.rows[-1].rank > 1


def test_several_runs_of_one_model_are_told_apart_by_run_id(built):
    twins = [row for row in built.boards[0].rows if row.record.model["name"] == "beta"]
    assert [row.model for row in twins] == [f"beta ({row.run_id[:8]})" for row in twins]
    assert "beta" in {row.model for row in built.boards[1].rows}


def test_incomplete_runs_are_listed_not_ranked(built):
    assert [(one.model, one.reason) for one in built.left_out] == [
        ("half", "the run is partial, and only complete runs are ranked")
    ]
    assert "**half** (" in built.paths[0].read_text(encoding="utf-8")


def test_few_images_are_warned_of(built):
    assert [any("Only" in warning for warning in board.warnings) for board in built.boards] == [
        False,
        False,
        True,
    ]


def test_rare_classes_are_warned_of(built, tmp_path):
    for board in built.boards:
        images = draw(board.task, 0.8, board.n_images, 0, "alpha")
        key = "truths" if board.task == "instance" else "counts"
        ids = {category for image in images for category in image[key]}
        rare = sum(sum(category in image[key] for image in images) < 30 for category in ids)
        expected = board.n_images >= 50 and rare > len(ids) / 10
        assert (
            any(f"{rare} of {len(ids)} classes are in fewer than 30 images" in w for w in board.warnings)
            == expected
        )
        assert any("--interval bca" in w for w in board.warnings) == (expected and board.task == "instance")


def test_the_same_records_give_the_same_bytes(results, built, tmp_path):
    again = build_leaderboard(results, tmp_path, formats=("csv", "md"), n_boot=400)
    assert {path.name: path.read_bytes() for path in again.paths} == {
        path.name: path.read_bytes() for path in built.paths
    }
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["classes.csv", "leaderboard.csv", "leaderboard.md"]


def test_csv_holds_full_precision(built):
    lines = _read_csv(built.paths[1])
    rows = [(board, row) for board in built.boards for row in board.rows]
    assert len(lines) == len(rows)
    for line, (board, row) in zip(lines, rows, strict=True):
        assert float(line["value"]) == row.value == row.record.metrics[board.metric].value
        assert float(line[board.metric]) == row.value
        assert (line["rank"], line["rank_low"], line["rank_high"]) == tuple(
            map(str, (row.rank, row.rank_low, row.rank_high))
        )
        assert (float(line["ci_low"]), float(line["ci_high"])) == (row.ci_low, row.ci_high)
        assert (line["run_id"], line["fingerprint"]) == (row.run_id, board.fingerprint)
        assert line["n_images"] == str(board.n_images)
    assert lines[0]["pq"] == ""


def test_markdown_bolds_the_best_group(built):
    table = built.paths[0].read_text(encoding="utf-8").split("## ")[1].split("<details>")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    ranks = [row[0].strip("| ") for row in rows]
    assert [cells[2].startswith("**") for cells in rows] == [rank == "1" for rank in ranks]


def test_different_rules_or_data_never_share_a_board(tmp_path):
    base = make_record("instance", "a", n_images=12)
    other = {**SETTINGS["instance"], "max_detections": [1, 10, 50]}
    base.write(tmp_path / "r")
    make_record("instance", "b", n_images=12, settings=other).write(tmp_path / "r")
    make_record("instance", "c", n_images=12, dataset={**base.dataset, "fingerprint": "9"}).write(
        tmp_path / "r"
    )
    make_record("instance", "d", n_images=12, protocol={**base.protocol, "version": 2}).write(tmp_path / "r")
    board = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100)
    assert sorted(row.model for one in board.boards for row in one.rows) == ["a", "b", "c", "d"]
    assert len(board.boards) == 4


FORMULAS = {
    "=HYPERLINK(1)": "'=HYPERLINK(1)",
    "+1": "'+1",
    "-1": "'-1",
    "@x": "'@x",
    "\tx": "'\tx",
    "a|b\nc": "a|b\nc",
}


def test_spreadsheets_see_no_formula(tmp_path):
    for name in FORMULAS:
        make_record("panoptic", name, n_images=8).write(tmp_path / "r")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=("csv",), n_boot=100)
    assert {line["model"] for line in _read_csv(built.paths[0])} == set(FORMULAS.values())


def test_a_lone_surrogate_in_run_json_does_not_stop_the_tables(tmp_path):
    folder = make_record("panoptic", "plain", n_images=8).write(tmp_path / "r")
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    content["model"]["revision"] = "\ud800"
    content["dataset"]["name"] = "\ud83d"
    (folder / "run.json").write_text(json.dumps(content), encoding="utf-8")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", n_boot=100)
    assert len(built.boards) == 1
    assert all(path.read_text(encoding="utf-8") for path in built.paths)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("deeplab_v3", "deeplab_v3"),
        ("_x_ *y* `z`", r"\_x\_ \*y\* \`z\`"),
        ("[a](javascript:1)", r"\[a\](javascript:1)"),
        ("# head", r"\# head"),
        ("two\nlines", "two lines"),
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_escape(text, expected):
    assert escape(text) == expected


def test_numbers():
    assert percent(0.12345, 1) == "12.3"
    assert percent(math.nan, 1) == percent(None, 2) == "–"
    assert [probability(p) for p in (0, 1e-4, 0.5, 0.9999, 1)] == ["0", "<1", "50", ">99", "100"]
    assert [speed_text(value) for value in (None, 0.1234, 8.2, 999.7, 12345)] == [
        *("–", "0.123", "8.2", "1,000", "12,345")
    ]
    assert settings_text(SETTINGS["instance"]).startswith("iou_type=segm; iou_thresholds=0.5:0.05:0.95; area")


def test_digits_follow_the_interval(built):
    for board in built.boards:
        half = min(50 * (row.ci_high - row.ci_low) for row in board.rows)
        assert 10 <= half * 10 ** decimals(board) < 100


def test_a_copy_of_a_run_is_ranked_once(tmp_path):
    record = make_record("semantic", n_images=10)
    record.write(tmp_path / "r" / "one")
    record.write(tmp_path / "r" / "two")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100)
    assert len(built.boards[0].rows) == 1
    assert built.left_out[0].reason.startswith("is a copy of one/")


def _broken(tmp_path, **changes):
    make_record("semantic", "good", n_images=10).write(tmp_path / "r")
    make_record("semantic", "bad", n_images=10, **changes).write(tmp_path / "r")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", n_boot=100, formats=())
    assert [row.model for row in built.boards[0].rows] == ["good"]
    assert [one.model for one in built.left_out] == ["bad"]
    return built.left_out[0].reason


def test_runs_that_cannot_be_ranked_say_why(tmp_path):
    reasons = [
        _broken(tmp_path / "a", metrics={"miou": MetricValue(math.nan)}),
        _broken(tmp_path / "b", metrics={}),
        _broken(tmp_path / "c", metrics={"miou": MetricValue(0.99)}),
        _broken(tmp_path / "d", images=None),
        _broken(tmp_path / "e", images=pa.table({"index": [0], "image_id": ["0"]})),
        _broken(tmp_path / "f", image_ids=["same"] * 10),
        _broken(tmp_path / "g", dataset={"name": "x"}),
    ]
    assert reasons[:2] == ["its miou is undefined"] * 2
    assert "its run.json says 0.990000" in reasons[2]
    assert reasons[3] == "images.parquet is missing"
    assert reasons[4].startswith("its tables cannot be read (KeyError")
    assert reasons[5] == "its image ids are not unique"
    assert reasons[6] == "run.json names no dataset fingerprint"


def test_runs_on_other_images_leave_the_board(tmp_path):
    for name in ("a", "b"):
        make_record("semantic", name, n_images=10).write(tmp_path / "r")
    make_record("semantic", "c", n_images=10, image_ids=[f"x{i}" for i in range(10)]).write(tmp_path / "r")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100)
    assert [one.reason for one in built.left_out] == [
        "its images are not those of the other runs of the board"
    ]


def test_damaged_files_are_left_out_by_their_relative_path(tmp_path):
    make_record("semantic", "good", n_images=10).write(tmp_path / "r")
    torn = make_record("semantic", "torn", n_images=10).write(tmp_path / "r")
    (torn / "images.parquet").write_bytes(b"PAR1 no")
    for place, content in (("x", "{"), ("y", "[]"), ("z", '{"schema_version": 1}')):
        (tmp_path / "r" / place).mkdir()
        (tmp_path / "r" / place / "run.json").write_text(content, encoding="utf-8")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", n_boot=100)
    assert len(built.left_out) == 4
    for path in built.paths:
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_nothing_to_rank_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no run record"):
        build_leaderboard(tmp_path, tmp_path / "o")
    make_record("semantic", n_images=4, status="failed").write(tmp_path)
    with pytest.raises(DataError, match=r"1 left out, the first: .*the run is failed"):
        build_leaderboard(tmp_path, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_wrong_calls(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'html'"):
        build_leaderboard(tmp_path, tmp_path, formats=("htm",))
    with pytest.raises(UsageError, match="100 resamples"):
        build_leaderboard(tmp_path, tmp_path, n_boot=10)


def test_worst_images_are_the_lowest(built):
    for board in built.boards:
        for row in board.rows:
            scores = [score for _, score in row.worst[None]]
            assert scores == sorted(scores)
            assert len(scores) == max(6, min(24, board.n_images // 4))
            assert set(row.worst) - {None} <= set(range(len(NAMES)))


def test_import_is_light():
    code = (
        "import sys, segbench.leaderboard as l; assert 'build_leaderboard' in dir(l); "
        "assert not {'numpy', 'pandas', 'pyarrow', 'matplotlib', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_csv_is_read_back_by_a_plain_reader(built):
    text = built.paths[1].read_text(encoding="utf-8")
    assert "\r" not in text
    assert len({len(line) for line in csv.reader(io.StringIO(text))}) == 1


def test_what_a_killed_writer_left_is_no_run(tmp_path):
    folder = make_record("semantic", n_images=10).write(tmp_path / "r")
    shutil.copytree(folder, folder.with_name(".left.part"))
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100)
    assert built.left_out == []
