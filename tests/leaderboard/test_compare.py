"""compare_runs: against boards, literal resampling and plain counts; what cannot be compared is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from leaderboard import synth
from leaderboard.hostile import HOSTILE
from leaderboard.synth import SETTINGS, make_record

import segbench
from segbench.cli import main
from segbench.errors import DataError, UsageError
from segbench.leaderboard.compare_text import comparison_text
from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.paired import permutation_p_of_classes, side_by_side
from segbench.leaderboard.rank import holm_steps
from segbench.leaderboard.resample import Draws, resamples

TASKS = ["semantic", "instance", "panoptic"]


def write_two(folder, task, n_images=30, **changes):
    records = [
        make_record(task, name, quality=quality, n_images=n_images, **changes)
        for name, quality in (("alpha", 0.7), ("beta", 0.55))
    ]
    return [record.write(folder) for record in records]


@pytest.mark.parametrize("interval", ["percentile", "bca"])
@pytest.mark.parametrize("test", ["bootstrap", "permutation"])
@pytest.mark.parametrize("task", TASKS)
def test_it_says_what_a_board_of_the_two_says(tmp_path, task, test, interval):
    a, b = write_two(tmp_path / "r", task)
    options = {"n_boot": 200, "seed": 3, "test": test, "interval": interval}
    found = segbench.compare_runs(a, b, **options)
    [board] = segbench.build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), **options).boards
    assert [row.model for row in board.rows] == ["alpha", "beta"]
    assert found.score.p == pytest.approx(board.p_values[0][1], abs=1e-9)
    assert found.score.a == pytest.approx(board.rows[0].value, abs=1e-9)
    assert found.score.difference == pytest.approx(board.rows[1].value - board.rows[0].value, abs=1e-9)
    assert found.score.low < found.score.difference < found.score.high
    for one in found.classes:
        ours = one.score.a, one.score.b
        theirs = [row.classes[one.category_id].value for row in board.rows]
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    again = segbench.compare_runs(b, a, **options).score
    assert (again.difference, again.low, again.high) == pytest.approx(
        (-found.score.difference, -found.score.high, -found.score.low),
        abs=0.02 if interval == "bca" else 1e-9,
    )


@pytest.mark.parametrize("task", TASKS)
def test_differences_are_those_of_literal_resamples(tmp_path, task):
    drawn = [synth.draw(task, quality, 12, 0, name) for name, quality in (("alpha", 0.7), ("beta", 0.55))]
    folders = [
        synth.record_of(task, n, images).write(tmp_path) for n, images in zip("ab", drawn, strict=True)
    ]
    found = segbench.compare_runs(*folders, n_boot=100, seed=5)
    apart = []
    for weights in next(resamples(12, 100, 5, 100)):
        held = [i for i in range(12) for _ in range(weights[i])]
        one, two = (synth.primary(task, [{**images[i], "place": i} for i in held]) for images in drawn)
        apart.append(two - one)
    assert (found.score.low, found.score.high) == pytest.approx(np.quantile(apart, [0.025, 0.975]), abs=1e-9)
    crossing = min(np.count_nonzero(np.array(apart) <= 0), np.count_nonzero(np.array(apart) >= 0))
    if crossing:
        assert found.score.p == pytest.approx(2 * (1 + crossing) / 101)


def test_classes_are_corrected_together_and_rare_ones_cannot_be_significant(tmp_path):
    a, b = write_two(tmp_path, "semantic", n_images=40)
    found = segbench.compare_runs(a, b, n_boot=300)
    images = synth.draw("semantic", 0.7, 40, 0, "alpha"), synth.draw("semantic", 0.55, 40, 0, "beta")
    for one in found.classes:
        there = [
            one.category_id in x["counts"] or one.category_id in y["counts"]
            for x, y in zip(*images, strict=True)
        ]
        assert one.n_images == sum(there)
        assert one.score.p >= 2.0 ** (1 - one.n_images)
        assert one.name == synth.NAMES[one.category_id]
    np.testing.assert_allclose(holm_steps(np.array([0.04, np.nan, 0.01, 0.03])), [0.06, np.nan, 0.03, 0.06])


def test_p_of_classes_by_permutation_is_that_of_plain_exchanges():
    drawn = [synth.draw("semantic", quality, 9, 2, f"m{i}") for i, quality in enumerate((0.7, 0.6))]
    models = [read_evidence(synth.record_of("semantic", "m", images)).pooled for images in drawn]
    draws = Draws(9, 400, 1)
    ids, p = permutation_p_of_classes(*models, draws)
    both = side_by_side(*models)
    assert ids.tolist() == both.class_ids.tolist()
    from segbench.leaderboard.paired import exchanges

    def iou(images):
        return {c: row["iou"] for c, row in synth.semantic_scores(images)[1].items()}

    swaps = [[0 if keep else 1 for keep in row] for block in exchanges(draws) for row in block]
    for category, one in zip(ids.tolist(), p, strict=True):
        apart = []
        for swap in [[0] * 9, *swaps]:
            first = iou([drawn[s][i] for i, s in enumerate(swap)])
            second = iou([drawn[1 - s][i] for i, s in enumerate(swap)])
            apart.append(first.get(category, np.nan) - second.get(category, np.nan))
        far = np.abs(apart[1:]) >= abs(apart[0]) - 1e-12
        assert one == pytest.approx((1 + far.sum()) / (1 + np.isfinite(apart[1:]).sum()))


def test_images_that_changed_most_come_first(tmp_path):
    a, b = write_two(tmp_path, "panoptic")
    found = segbench.compare_runs(a, b, n_boot=100)
    sizes = [abs(one.difference) for one in found.images]
    assert sizes == sorted(sizes, reverse=True)
    assert all(one.difference == pytest.approx(one.b - one.a, abs=1e-8) for one in found.images)


def test_a_run_does_not_differ_from_itself(tmp_path):
    a, _ = write_two(tmp_path, "instance")
    score = segbench.compare_runs(a, a, n_boot=100).score
    assert (score.difference, score.low, score.high, score.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "partial"}, "cannot be compared: the run is partial"),
        (
            {"settings": {**SETTINGS["instance"], "max_detections": [1, 10, 50]}},
            "protocol.settings.max_detections: it",
        ),
        (
            {"protocol": {"name": "coco-instance", "version": 2, "settings": SETTINGS["instance"]}},
            "protocol: it has coco-instance 2, ",
        ),
        (
            {"image_ids": ["00000", *(f"x{i:02d}" for i in range(29))]},
            "image_id: its images are not those of ",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(tmp_path, changes, message):
    a, _ = write_two(tmp_path, "instance")
    b = make_record("instance", "other", n_images=30, **changes).write(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        segbench.compare_runs(a, b)
    assert str(b) in str(caught.value)
    result = CliRunner().invoke(main, ["compare", str(a), str(b)])
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1


def test_other_tasks_and_data_are_refused(tmp_path):
    a, _ = write_two(tmp_path / "a", "instance")
    b, _ = write_two(tmp_path / "b", "panoptic")
    with pytest.raises(DataError, match="task: it has panoptic, "):
        segbench.compare_runs(a, b)
    first = segbench.read_record(a)
    other = make_record("instance", "c", n_images=30, dataset={**first.dataset, "fingerprint": "9"})
    with pytest.raises(DataError, match="dataset: it has 9, "):
        segbench.compare_runs(a, other.write(tmp_path / "c"))
    with pytest.raises(DataError, match="holds 2 run records: name one"):
        segbench.compare_runs(a, tmp_path / "b")
    with pytest.raises(DataError, match="cannot read the record"):
        segbench.compare_runs(a, tmp_path / "nowhere")
    with pytest.raises(UsageError, match="100 resamples"):
        segbench.compare_runs(a, a, n_boot=9)


def test_the_command_prints_text_and_json(tmp_path):
    a, b = write_two(tmp_path, "semantic")
    arguments = ["compare", str(a), str(b), "--resamples", "100", "--images", "3"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert "A  mIoU" in result.stdout
    assert "A is better" in result.stdout
    assert "only 30 images: below 50" in result.stdout
    content = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert content["score"]["difference"] < 0
    assert len(content["images"]) == 3
    assert content["classes"][0]["name"] in synth.NAMES
    assert (content["a"]["model"], content["b"]["model"]) == ("alpha", "beta")


def test_names_are_printed_as_text(tmp_path):
    a, b = (
        make_record("semantic", name, n_images=5, names=[*HOSTILE, *synth.NAMES][:8]).write(tmp_path)
        for name in HOSTILE[5:7]
    )
    shown = comparison_text(segbench.compare_runs(a, b, n_boot=100))
    assert not set("\u202e\u2028\x00\x1b") & set(shown)
