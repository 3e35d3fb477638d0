"""Models across data sets: against the numbers that Demšar prints, scipy, and plain counts."""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET

import jsonschema
import numpy as np
import pytest
from leaderboard.hostile import HOSTILE
from leaderboard.synth import make_record
from scipy import stats

from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.critical import (
    across,
    critical_difference,
    friedman,
    groups,
    mean_ranks,
    wilcoxon,
    wilcoxon_holm,
)
from segbench.leaderboard.json_file import leaderboard_schema
from segbench.leaderboard.plot_critical import critical_plot

# Demšar 2006, table 6: AUC of C4.5 and of it with m, cf and both tuned, on fourteen data sets. On the last
# but one the third and fourth are printed alike, and ranked apart: 0.97501 stands for that.
DEMSAR = np.array(
    [
        [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957],
        [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978],
        [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614, 0.97501, 0.946],
        [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970],
    ]
)


def test_ranks_and_friedman_are_those_that_demsar_prints():
    np.testing.assert_allclose(mean_ranks(DEMSAR), [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert friedman(DEMSAR) == pytest.approx(stats.friedmanchisquare(*DEMSAR).pvalue, abs=1e-8)
    assert friedman(DEMSAR) < 0.05
    assert friedman(DEMSAR[:2]) is None


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsars_table(k, q):
    assert critical_difference(k, 14) == pytest.approx(q * np.sqrt(k * (k + 1) / (6 * 14)), abs=1e-3)


def test_pairs_are_tested_by_wilcoxon_and_holm():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (3, 12)) + np.array([[0.0], [0.5], [3.0]])
    raw = [stats.wilcoxon(values[i], values[j]).pvalue for i, j in ((0, 1), (0, 2), (1, 2))]
    found = wilcoxon_holm(values)
    order = np.argsort(raw)
    stepped = np.maximum.accumulate(np.array(raw)[order] * [3, 2, 1]).clip(max=1)
    np.testing.assert_allclose(np.array([found[0, 1], found[0, 2], found[1, 2]])[order], stepped)
    assert wilcoxon_holm(np.ones((2, 6))).tolist() == [[1, 1], [1, 1]]
    assert 0 < wilcoxon_holm(np.array([[1.0, 2, 2, 3, 4, 4], [1, 1, 1, 2, 3, 4]]))[0, 1] < 1


@pytest.mark.parametrize("n", [5, 8, 25])
def test_wilcoxon_is_scipys(n):
    rng = np.random.default_rng(n)
    apart = rng.normal(0.3, 1, (40, n))
    apart[:5] = np.round(apart[:5])
    apart[5] = np.abs(apart[5])
    apart[0, 0] = 1
    with warnings.catch_warnings(action="ignore"):
        expected = [stats.wilcoxon(row).pvalue for row in apart]
    np.testing.assert_allclose(wilcoxon(apart), expected, rtol=1e-9)


def test_groups_are_the_largest_runs_within_the_difference():
    ranks = np.array([1.0, 1.5, 2.4, 2.6, 5.0])
    assert groups(ranks, 1.5) == [(0, 2), (1, 3)]
    assert groups(ranks, 0.1) == []
    assert groups(ranks, 9) == [(0, 4)]


def put_boards(root, n_datasets, names=("alpha", "beta", "gamma", "delta"), task="panoptic"):
    for place in range(n_datasets):
        for i, name in enumerate(names):
            if name == "delta" and place == 1:
                continue
            record = make_record(
                task, name, quality=0.8 - 0.12 * i, n_images=12, seed=place, data=f"set {place}"
            )
            dataset = {**record.dataset, "fingerprint": f"{place:032x}"}
            make_record(task, name, quality=0.8 - 0.12 * i, n_images=12, seed=place, dataset=dataset).write(
                root
            )
    return root


def test_five_data_sets_are_compared_and_four_are_not(tmp_path):
    built = build_leaderboard(put_boards(tmp_path / "four", 4), tmp_path / "o", formats=(), n_boot=100)
    assert built.across == []
    root = put_boards(tmp_path / "six", 6)
    make_record("semantic", "alpha", n_images=8).write(root)
    built = build_leaderboard(root, tmp_path / "o", formats=("json", "md"), n_boot=100)
    [found] = built.across
    assert found.models == ["alpha", "beta", "gamma"]
    assert found.left_out == ["delta"]
    assert found.datasets == [f"set {i}" for i in range(6)]
    table = [
        [
            {row.model: row.value for row in board.rows}[m]
            for board in built.boards
            if board.task == "panoptic"
        ]
        for m in found.models
    ]
    np.testing.assert_array_equal(found.values, table)
    np.testing.assert_allclose(found.mean_ranks, stats.rankdata(-np.array(table), axis=0).mean(axis=1))
    content = json.loads(built.paths[0].read_text())
    jsonschema.validate(content, leaderboard_schema(), cls=jsonschema.Draft202012Validator)
    assert content["across"][0]["models"] == found.models
    text = built.paths[1].read_text(encoding="utf-8")
    assert "## Across 6 data sets: panoptic segmentation, PQ" in text
    assert "| alpha | 1" in text


def test_the_diagram_shows_every_model_and_hostile_names_as_text(tmp_path):
    built = build_leaderboard(
        put_boards(tmp_path / "r", 5, HOSTILE[:6]), tmp_path / "o", formats=(), n_boot=100
    )
    [found] = across(built.boards)
    svg = critical_plot(found, "cd")
    root = ET.fromstring(svg)
    shown = "".join(root.itertext())
    assert all(f"{rank:.2f}" in shown for rank in found.mean_ranks)
    assert f"CD {found.difference:.2f}" in shown
    assert "<script" not in svg
    assert critical_plot(found, "cd") == svg
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "path", "defs", "use", "text", "tspan", "clipPath", "rect"}


def test_the_page_shows_the_diagram(tmp_path):
    root = put_boards(tmp_path / "r", 5, ("alpha", "beta", HOSTILE[0]))
    page = build_leaderboard(root, tmp_path / "o", formats=("html",), n_boot=100).paths[0].read_text("utf-8")
    section = page.partition('<section class="board-like across"')[2].partition("</section>")[0]
    assert "Mean ranks by PQ of 3 models on 5 data sets" in section
    assert "Nemenyi’s critical difference" in section
    assert "<script" not in section
