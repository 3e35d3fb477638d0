"""Analyses of boards: against the plain oracles of synth, other tools, and boards of some images alone."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from leaderboard import synth
from leaderboard.synth import AREAS, make_record

import segbench
from segbench.canonical.images import encode_labels
from segbench.errors import UsageError
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.analyses import ANALYSES
from segbench.leaderboard.analyses.slices import labels
from segbench.leaderboard.analyses.table import KINDS
from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.paired import side_by_side
from segbench.leaderboard.subsets import only

TASKS = ["semantic", "instance", "panoptic"]


@pytest.fixture(scope="module")
def boards(results, tmp_path_factory):
    built = build_leaderboard(results, tmp_path_factory.mktemp("o"), formats=(), n_boot=100)
    return {board.task: board for board in built.boards}


def images_of(board, row):
    return synth.draw(board.task, {"alpha": 0.8, "delta": 0.45}[row.model], board.n_images, 0, row.model)


def first(board):
    """The place and the images of a run."""
    place = next(i for i, row in enumerate(board.rows) if row.model == "alpha")
    return place, images_of(board, board.rows[place])


def test_every_analysis_says_what_its_columns_hold(boards):
    seen = set()
    for board in boards.values():
        assert list(board.analyses) == [name for name in ANALYSES if name in board.analyses]
        for name, analysis in board.analyses.items():
            seen.add(name)
            assert analysis.about.endswith(".")
            assert {column.kind for column in analysis.columns} <= set(KINDS)
            assert {len(row) for row in analysis.rows} == {len(analysis.columns)}
            json.dumps(analysis.to_dict(), allow_nan=False)
            frame = board.frame(name)
            assert list(frame.columns[:2]) == ["run", "model"]
            assert len(frame) == len(analysis.rows)
            assert set(frame["model"]) <= {row.model for row in board.rows}
    assert seen | {"slices"} >= {"sizes", "quality", "curves", "calibration", "amount"}


def test_sizes(boards):
    place, images = first(boards["instance"])
    rows = [row[1:] for row in boards["instance"].analyses["sizes"].of_run(place)]
    for size in AREAS:
        found = {row[0]: row for row in rows if row[1] == size}
        expected = synth.average_precision(images, size)
        assert set(found) == {None, *expected}
        for category, ap in expected.items():
            assert found[category][5] == pytest.approx(np.mean(ap), abs=1e-6)
            assert found[category][6] == pytest.approx(ap[0], abs=1e-6)
        assert found[None][5] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
        total = sum(synth._in_area(areas, size) for image in images for areas in image["truths"].values())
        assert found[None][4] == total


def test_the_area_below_a_curve_is_average_precision(boards):
    place, images = first(boards["instance"])
    frame = boards["instance"].frame("curves")
    expected = np.array(list(synth.average_precision(images).values())).mean(axis=0)
    for iou in (0.5, 0.75, 0.9):
        curve = frame[(frame["run"] == place) & (frame["iou"] == iou)]
        assert len(curve) == 101
        assert curve["precision"].mean() == pytest.approx(expected[synth.THRESHOLDS.index(iou)], abs=1e-6)
        assert (np.diff(curve["precision"]) <= 0).all()


def test_calibration_is_torchmetrics(boards):
    place, images = first(boards["instance"])
    pairs = [(one[2], one[3] >= 0.5) for image in images for one in image["found"]]
    rows = [row[1:] for row in boards["instance"].analyses["calibration"].of_run(place)]
    assert rows[0][2] == len(pairs) == sum(row[2] for row in rows[1:])
    for low, high, n, score, right, gap, _ in rows[1:]:
        mine = [pair for pair in pairs if low < pair[0] <= high or pair[0] == low == 0]
        assert n == len(mine)
        assert (score, right) == pytest.approx(tuple(np.mean(mine, axis=0)), abs=1e-6)
        assert gap == pytest.approx(score - right, abs=2e-6)
    classification = pytest.importorskip("torchmetrics.functional.classification")
    torch = pytest.importorskip("torch")
    # its bins are half-open the other way: scores of two digits are moved off their ends
    scores, right = (torch.tensor(column) for column in zip(*pairs, strict=True))
    ece = classification.binary_calibration_error((scores.double() - 1e-6).clip(0), right.int(), n_bins=10)
    assert rows[0][6] == pytest.approx(float(ece), abs=1e-5)


def test_scores_that_are_no_probabilities_are_not_calibrated(tmp_path):
    images = synth.draw("instance", 0.7, 8, 0)
    for image in images:
        image["found"] = [(c, rank, 10 * score, *rest) for c, rank, score, *rest in image["found"]]
    synth.record_of("instance", "logits", images).write(tmp_path / "r")
    [board] = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100).boards
    assert "calibration" not in board.analyses


def test_panoptic_quality_is_taken_apart(boards):
    place, images = first(boards["panoptic"])
    metrics, classes = synth.panoptic_scores(images)
    rows = {row[1]: row[2:] for row in boards["panoptic"].analyses["quality"].of_run(place)}
    assert rows[None][:3] == pytest.approx([metrics[key] for key in ("pq", "sq", "rq")], abs=1e-6)
    for category, row in classes.items():
        pq, sq, rq, tp, fp, fn, outline, recognition = rows[category]
        assert (pq, sq, rq) == pytest.approx((row["pq"], row["sq"], row["rq"]), abs=1e-6)
        counts = np.sum([image["counts"].get(category, (0, 0, 0)) for image in images], axis=0)
        assert [tp, fp, fn] == counts.tolist()
        assert (pq + outline, pq + recognition) == pytest.approx((rq, sq), abs=2e-6)


def test_amounts(boards):
    place, images = first(boards["semantic"])
    cells = []
    for image in images:
        whole = sum(tp + fn for tp, _, fn in image["counts"].values())
        cells += [(tp, tp + fp + fn, (tp + fn) / whole) for tp, fp, fn in image["counts"].values() if tp + fn]
    rows = {row[1]: row[3] for row in boards["semantic"].analyses["amount"].of_run(place)}
    mine = [cell for cell in cells if 0.1 <= cell[2] < 0.3]
    assert rows["10 – 30 %"] == pytest.approx(sum(c[0] for c in mine) / sum(c[1] for c in mine), abs=1e-6)
    place, images = first(boards["instance"])
    rows = {row[1]: row[2:] for row in boards["instance"].analyses["amount"].of_run(place)}
    numbers = [sum(sum(areas.values()) for areas in image["truths"].values()) for image in images]
    few = [image for image, n in zip(images, numbers, strict=True) if 2 <= n <= 4]
    assert rows["2 – 4"][0] == len(few)
    assert rows["2 – 4"][1] == pytest.approx(synth.primary("instance", few), abs=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_some_images_alone_are_as_a_run_over_them(task):
    images = synth.draw(task, 0.6, 12, 3)
    evidence = read_evidence(synth.record_of(task, "m", images)).pooled
    places = np.array([1, 4, 5, 9])
    part = only(evidence, places)
    one = np.ones((1, 4), np.uint16)
    assert part.scores(one)[0] == pytest.approx(synth.primary(task, [images[i] for i in places]), abs=1e-12)
    everything = only(side_by_side(evidence, evidence), np.arange(12))
    np.testing.assert_array_equal(
        everything.class_scores(np.ones((1, 12), np.uint16)),
        evidence.class_scores(np.ones((1, 12), np.uint16)),
    )


@pytest.mark.parametrize("task", TASKS)
def test_slices_are_boards_of_their_images(tmp_path, task):
    images = synth.draw(task, 0.7, 20, 0, "m")
    synth.record_of(task, "m", images).write(tmp_path / "r")
    with (tmp_path / "cities.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["image_id", "city", "hour"])
        writer.writerows([f"{i:05d}", "Ulm" if i % 3 else "Bonn", i] for i in range(20))
    options = {"formats": (), "n_boot": 200}
    by_file = build_leaderboard(tmp_path / "r", tmp_path / "o", slices=[tmp_path / "cities.csv"], **options)
    frame = by_file.boards[0].frame("slices")
    assert set(frame["attribute"]) == {"city", "hour"}
    assert frame[frame["attribute"] == "hour"]["value"].tolist() == [
        "0 – 4.75",
        "4.75 – 9.5",
        "9.5 – 14.25",
        "14.25 – 19",
    ]
    places = [i for i in range(20) if i % 3]
    alone = synth.record_of(task, "m", [images[i] for i in places])
    alone.write(tmp_path / "alone")
    [row] = build_leaderboard(tmp_path / "alone", tmp_path / "o", **options).boards[0].rows
    ulm = frame[frame["value"] == "Ulm"].iloc[0]
    assert ulm["images"] == len(places)
    assert (ulm["score"], ulm["low"], ulm["high"]) == pytest.approx(
        (row.value, row.ci_low, row.ci_high), abs=1e-6
    )
    named = build_leaderboard(
        tmp_path / "r", tmp_path / "o", slices=["city"], attributes=tmp_path / "cities.csv", **options
    )
    assert set(named.boards[0].frame("slices")["attribute"]) == {"city"}
    with pytest.raises(UsageError, match="no image of any board has the attribute 'town'"):
        build_leaderboard(tmp_path / "r", tmp_path / "o", slices=["town"], **options)


def test_values_become_slices():
    assert labels(["b", None, "a"]) == ["b", "none", "a"]
    many = [f"v{i}" for i in range(20)] + ["v3"] * 5
    assert set(labels(many)) == {"others", *(f"v{i}" for i in range(12))}
    numbers = labels([str(i) for i in range(100)] + [None])
    assert [numbers.count(label) for label in dict.fromkeys(numbers)] == [25, 25, 25, 25, 1]


def test_a_single_run_of_one_image_has_analyses(tmp_path):
    for task in TASKS:
        make_record(task, n_images=1).write(tmp_path / "r")
    for board in build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100).boards:
        assert "amount" in board.analyses


def test_confusion_of_a_real_run(tmp_path):
    rng = np.random.default_rng(2)
    masks = rng.integers(0, 4, (2, 6, 20, 30)).astype(np.uint8)
    for name, stack in zip(("truth", "pred"), masks, strict=True):
        (tmp_path / name).mkdir()
        for i, mask in enumerate(stack):
            (tmp_path / name / f"{i}.png").write_bytes(encode_labels(mask))
    segbench.score(tmp_path / "truth", tmp_path / "pred", num_classes=4, out=tmp_path / "r")
    [board] = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=(), n_boot=100).boards
    rows = board.analyses["confusion"].rows
    table = np.zeros((4, 4), int)
    np.add.at(table, (masks[0].ravel(), masks[1].ravel()), 1)
    assert {row[1:3]: row[3] for row in rows} == {
        (i, j): table[i, j] for i in range(4) for j in range(4) if i != j
    }
    assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)
    assert rows[0][4] == pytest.approx(rows[0][3] / table[rows[0][1]].sum(), abs=1e-6)
