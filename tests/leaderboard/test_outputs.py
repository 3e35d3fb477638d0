"""What each output says: JSON by its schema, CSV of classes, folded tables of Markdown, LaTeX for papers."""

from __future__ import annotations

import csv
import json
import math
import re

import jsonschema
import pytest
from leaderboard.synth import make_record

from segbench.leaderboard import build_leaderboard, tables, text
from segbench.leaderboard.badges import BADGES
from segbench.leaderboard.json_file import leaderboard_schema
from segbench.leaderboard.tables import MOST_RUNS, best_of
from segbench.leaderboard.text import percent
from segbench.leaderboard.view import board_view


@pytest.fixture(scope="module")
def built(results, tmp_path_factory):
    formats = ("md", "csv", "tex", "json")
    return build_leaderboard(results, tmp_path_factory.mktemp("out"), formats=formats, n_boot=200)


@pytest.fixture(scope="module")
def files(built):
    return {path.name: path.read_text(encoding="utf-8") for path in built.paths}


def test_json_follows_its_schema(files):
    schema, content = leaderboard_schema(), json.loads(files["leaderboard.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema, cls=jsonschema.Draft202012Validator)
    wrong = {**content, "boards": [{**content["boards"][0], "n_images": -1}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema, cls=jsonschema.Draft202012Validator)


def test_json_says_what_the_boards_hold(built, files):
    content = json.loads(files["leaderboard.json"])
    for board, told in zip(built.boards, content["boards"], strict=True):
        assert [row["run_id"] for row in told["rows"]] == [row.run_id for row in board.rows]
        assert told["p_values"] == board.p_values
        assert set(told["analyses"]) == set(board.analyses)
        for row, one in zip(board.rows, told["rows"], strict=True):
            assert (one["value"], one["ci_low"], one["rank_high"]) == (row.value, row.ci_low, row.rank_high)
            assert {c["category_id"]: c["value"] for c in one["classes"]} == {
                category: None if math.isnan(found.value) else found.value
                for category, found in row.classes.items()
            }
    assert [one["model"] for one in content["left_out"]] == ["half"]
    fronts = {row["model"]: row["on_pareto_front"] for row in content["boards"][1]["rows"]}
    assert fronts == {"alpha": True, "beta": True, "gamma": True, "delta": None}


def test_every_format_and_protocol_gives_valid_json(tmp_path):
    for task in ("semantic", "instance", "panoptic"):
        make_record(task, n_images=1).write(tmp_path / "r")
    built = build_leaderboard(
        tmp_path / "r", tmp_path / "o", formats=("md", "csv", "tex", "json"), n_boot=100
    )
    content = json.loads(built.paths[-1].read_text())
    jsonschema.validate(content, leaderboard_schema(), cls=jsonschema.Draft202012Validator)
    assert content["boards"][0]["rows"][0]["ci_low"] is None
    assert r"\pm" not in (tmp_path / "o" / "leaderboard.tex").read_text()


def test_csv_of_runs_and_classes(built, files):
    runs, classes = (
        list(csv.DictReader(files[f"{name}.csv"].splitlines())) for name in ("leaderboard", "classes")
    )
    assert {line["badge"] for line in runs} <= set(BADGES)
    first = built.boards[0]
    assert float(runs[0]["tau"]) == first.stability.tau
    assert (runs[0]["place_low"], runs[0]["place_high"]) == (
        str(first.rows[0].place_low),
        str(first.rows[0].place_high),
    )
    assert len(classes) == sum(len(row.classes) for board in built.boards for row in board.rows)
    line = classes[0]
    one = first.rows[0].classes[int(line["category_id"])]
    assert (float(line["value"]), float(line["ci_low"]), float(line["ci_high"])) == (
        one.value,
        one.low,
        one.high,
    )
    assert line["class"] == first.class_names[int(line["category_id"])]


def test_markdown_folds_classes_and_analyses(built, files):
    sections = files["leaderboard.md"].split("\n## ")[1:]
    for board, section in zip(built.boards, sections, strict=False):
        titles = re.findall(r"<details><summary>(.*)</summary>", section)
        assert titles[0].startswith("Classes: ")
        assert titles[1:] == [analysis.title for analysis in board.analyses.values()]
        assert "Kendall’s τ" in section
    assert "Evidence: " in files["leaderboard.md"]
    assert "both faster and better. Evidence: self-reported: " in files["leaderboard.md"]


def test_latex_has_a_table_a_board_with_uncertainty(built, files):
    tables = files["leaderboard.tex"].split(r"\begin{table}")[1:]
    assert len(tables) == len(built.boards)
    for board, table in zip(built.boards, tables, strict=True):
        lines = [line for line in table.splitlines() if line.endswith(r"\\")][1:]
        assert len(lines) == len(board.rows)
        for row, line in zip(board.rows, lines, strict=True):
            score = line.split(" & ")[2]
            assert score.startswith(r"\textbf{") == (row.rank == 1)
            digits = len(re.search(r"\d+\.?(\d*)", score)[1])
            up, down = (percent(abs(end - row.value), digits) for end in (row.ci_high, row.ci_low))
            assert score.endswith(rf" $\pm$ {up}" if up == down else rf" $^{{+{up}}}_{{-{down}}}$")


def test_the_best_is_marked_and_equals_share_it():
    assert [cell.best for cell in best_of(["1.0", "2.0", "–", "2.0"])] == [False, True, False, True]
    assert [cell.best for cell in best_of(["0.0", "0.0"])] == [False, False]
    assert [cell.best for cell in best_of(["3.0"])] == [True]
    assert [cell.best for cell in best_of(["–"])] == [False]


def test_the_page_marks_what_tables_mark(results, tmp_path):
    for board in build_leaderboard(results, tmp_path, formats=("csv",), n_boot=100).boards:
        keys = [key for key in text.metric_keys(board.rows) if key != board.metric]
        columns = [*tables.metric_columns(board, keys), *tables.speed_column(board)]
        marked = {column.head: [cell.best for cell in column.cells] for column in columns}
        view = board_view(board, "board")
        assert marked.keys() <= {column["label"] for column in view["columns"]}
        for head, expected in marked.items():
            place = [column["label"] for column in view["columns"]].index(head)
            assert [row["cells"][place]["best"] for row in view["rows"]] == expected, (board.task, head)


def test_tables_of_classes_have_the_best_runs_alone(tmp_path):
    for i in range(MOST_RUNS + 2):
        make_record("semantic", f"m{i}", quality=0.5 + 0.03 * i, n_images=12).write(tmp_path / "r")
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=("md",), n_boot=100)
    section = built.paths[0].read_text(encoding="utf-8").split("<details><summary>Classes: IoU")[1]
    assert section.startswith(f" of the best {MOST_RUNS} runs</summary>")
    head = section.split("| Class |")[1].splitlines()[0]
    assert head.count("|") == MOST_RUNS
