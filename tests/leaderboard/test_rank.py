"""Statistics: weights against literal resampling, the record's own score, tests, ties, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from leaderboard import synth
from leaderboard.synth import make_record

from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.paired import bootstrap_p_values
from segbench.leaderboard.pooled import Ratios
from segbench.leaderboard.precision import Detections
from segbench.leaderboard.rank import holm, rank_models, score_on, tie_ranks, together
from segbench.leaderboard.resample import Draws, resamples

TASKS = ["semantic", "instance", "panoptic"]


def ranked(values, replicates, n_images):
    return rank_models(values, replicates, bootstrap_p_values(values, replicates, n_images))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", range(3))
def test_weights_of_one_give_the_score_of_the_record(task, seed):
    record = make_record(task, quality=0.7, n_images=25, seed=seed)
    pooled = read_evidence(record).pooled
    value = record.metrics[synth.PRIMARY[task]].value
    assert pooled.scores(np.ones((1, 25)))[0] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_images", [3, 20])
def test_weights_equal_literal_resampling(task, n_images):
    images = synth.draw(task, 0.6, n_images, 5)
    pooled = read_evidence(synth.record_of(task, "m", images)).pooled
    weights = np.concatenate(list(resamples(n_images, 25, 3, 10)))
    for row, score in zip(weights, pooled.scores(weights), strict=True):
        literal = [{**images[i], "place": i} for i in range(n_images) for _ in range(int(row[i]))]
        assert score == pytest.approx(synth.primary(task, literal), abs=1e-12)


def test_scores_do_not_depend_on_chunks():
    for task in TASKS:
        pooled = read_evidence(make_record(task, n_images=30)).pooled
        weights = np.concatenate(list(resamples(30, 40, 0, 7)))
        one_by_one = np.concatenate([pooled.scores(row[None]) for row in weights])
        np.testing.assert_allclose(pooled.scores(weights), one_by_one, rtol=0, atol=1e-14)


@pytest.mark.parametrize("task", TASKS)
def test_classes_are_scored_literally(task):
    images = synth.draw(task, 0.6, 12, 5)
    pooled = read_evidence(synth.record_of(task, "m", images)).pooled
    weights = np.concatenate(list(resamples(12, 10, 3, 10)))
    key = {"semantic": "iou", "instance": "ap", "panoptic": "pq"}[task]
    for row, found in zip(weights, pooled.class_scores(weights), strict=True):
        literal = [{**images[i], "place": i} for i in range(12) for _ in range(int(row[i]))]
        classes = synth.SCORES[task](literal)[1]
        for category, score in zip(pooled.class_ids.tolist(), found, strict=True):
            expected = classes[category][key] if category in classes else np.nan
            assert score == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_scores_do_not_depend_on_the_blocks_of_resamples(monkeypatch):
    pooled = read_evidence(make_record("semantic", n_images=30)).pooled
    whole = score_on(pooled, Draws(30, 200, 1))
    monkeypatch.setattr("segbench.leaderboard.resample.BLOCK", 210)
    np.testing.assert_array_equal(score_on(pooled, Draws(30, 200, 1)).replicates, whole.replicates)
    monkeypatch.setattr("segbench.leaderboard.resample.KEPT", 0)
    draws = Draws(30, 200, 1)
    for _ in range(2):
        assert [len(block) for block in draws.blocks()] == [7] * 28 + [4]
        np.testing.assert_array_equal(score_on(pooled, draws).replicates, whole.replicates)


def test_images_of_a_cluster_are_drawn_together():
    clusters = np.array([0, 1, 1, 2, 0, 1])
    weights = np.concatenate(list(Draws(6, 300, 2, clusters).blocks()))
    by_cluster = weights[:, [0, 1, 3]]
    np.testing.assert_array_equal(weights, by_cluster[:, clusters])
    np.testing.assert_array_equal(by_cluster, np.concatenate(list(resamples(3, 300, 2, 300))))
    np.testing.assert_array_equal(
        Draws(6, 300, 2, clusters).left_out(),
        [[0, 1, 1, 1, 0, 1], [1, 0, 0, 1, 1, 0], [1, 1, 1, 0, 1, 1]],
    )


def test_a_resample_without_truth_is_undefined():
    empty = np.array([], dtype=np.int64)
    detections = Detections(
        n_images=2,
        n_thresholds=1,
        images=np.array([0, 1]),
        categories=np.array([0, 0]),
        places=np.array([0, 0]),
        confidences=np.array([0.9, 0.8]),
        matched=np.array([1, 0], dtype=np.uint64),
        ignored=np.zeros(2, dtype=np.uint64),
        truth_images=np.array([0]),
        truth_categories=np.array([0]),
        truth_counts=np.array([1]),
    )
    scores = detections.scores(np.array([[2, 0], [0, 2], [1, 1]]))
    np.testing.assert_allclose(scores, [1, np.nan, 1], rtol=1e-14)
    assert np.isnan(Ratios(2, empty, empty, empty * 1.0, empty * 1.0).scores(np.ones((1, 2)))).all()


def test_ignored_detections_are_neither_right_nor_wrong():
    flags = {"matched": [0b11, 0b00, 0b11], "ignored": [0b01, 0b11, 0b00]}
    detections = Detections(
        n_images=1,
        n_thresholds=2,
        images=np.zeros(3, dtype=np.int64),
        categories=np.zeros(3, dtype=np.int64),
        places=np.arange(3),
        confidences=np.array([0.9, 0.8, 0.7]),
        truth_images=np.array([0]),
        truth_categories=np.array([0]),
        truth_counts=np.array([2]),
        **{key: np.array(value, dtype=np.uint64) for key, value in flags.items()},
    )
    assert detections.scores(np.ones((1, 1)))[0] == pytest.approx((51 / 101 + 1) / 2)


def test_resamples_are_multinomial_and_shared():
    weights = np.concatenate(list(resamples(50, 400, 7, 33)))
    assert weights.shape == (400, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert weights.max() >= 4  # true multiplicity
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.03)
    np.testing.assert_array_equal(weights, np.concatenate(list(resamples(50, 400, 7, 400))))
    np.testing.assert_array_equal(weights[0, :12], [3, 1, 1, 0, 1, 0, 0, 1, 1, 1, 2, 1])  # frozen draws


def test_equal_models_are_tied_in_every_way():
    evidence = read_evidence(make_record("semantic", n_images=60)).pooled
    replicates = together([score_on(evidence, Draws(60, 200, 0))] * 3)
    ranking = ranked(np.full(3, 0.5), replicates, 60)
    assert ranking.rank.tolist() == [1, 1, 1]
    assert ranking.rank_low.tolist() == ranking.rank_high.tolist() == [1, 1, 1]
    np.testing.assert_allclose(ranking.p_best, 1 / 3)
    np.testing.assert_array_equal(ranking.p_values, 1)


def test_a_better_model_is_better_although_its_interval_overlaps():
    rng = np.random.default_rng(0)
    image = rng.normal(0.5, 0.2, 200)
    weights = np.concatenate(list(resamples(200, 1000, 0, 100)))
    models = np.stack([image + 0.02 + rng.normal(0, 0.02, 200), image])
    replicates = models @ weights.T / 200
    ranking = ranked(models.mean(axis=1), replicates, 200)
    assert ranking.rank.tolist() == [1, 2]
    assert np.quantile(replicates[0], 0.025) < np.quantile(replicates[1], 0.975)
    assert ranking.p_best[0] == 1
    assert ranking.p_values[0, 1] < 1e-6


def test_holm_by_hand():
    p = np.array([[1, 0.01, 0.04], [0.01, 1, 0.03], [0.04, 0.03, 1]])
    expected = np.array([[1, 0.03, 0.06], [0.03, 1, 0.06], [0.06, 0.06, 1]])
    np.testing.assert_allclose(holm(p), expected)
    assert holm(np.ones((1, 1))).tolist() == [[1]]


def test_tie_groups_are_anchored_on_their_leader():
    values = np.array([0.6, 0.9, 0.8, 0.7])  # order: 1, 2, 3, 0
    p = np.ones((4, 4))
    p[1, 3] = p[3, 1] = 0.01  # 3 is worse than leader 1, though not than 2
    p[1, 0] = p[0, 1] = 0.01
    assert tie_ranks(values, p).tolist() == [3, 1, 1, 3]
    p[3, 0] = p[0, 3] = 0.049
    assert tie_ranks(values, p).tolist() == [4, 1, 1, 3]


def test_many_models_can_be_separated_in_spite_of_holm():
    values = np.linspace(0.9, 0.3, 30)
    noise = np.random.default_rng(0).normal(0, 0.002, (30, 500))
    assert ranked(values, values[:, None] + noise, 100).rank.tolist() == list(range(1, 31))


def test_one_image_has_no_interval():
    evidence = [read_evidence(make_record("panoptic", name, n_images=1)).pooled for name in "ab"]
    scored = [
        score_on(one, Draws(1, 100, 0), method=method)
        for one, method in zip(evidence, ("bca", "percentile"), strict=True)
    ]
    assert all(np.isnan(one.low) and np.isnan(one.high) for one in scored)
    ranking = ranked(np.array([one.value for one in scored]), together(scored), 1)
    assert ranking.rank.tolist() == [1, 1]


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_a_category_of_one_image_has_no_interval(task):
    images = synth.draw(task, 0.7, 20, 0)
    key = "truths" if task == "instance" else "counts"
    common = [c for c in range(4) if sum(c in image[key] for image in images) > 1]
    rare = next(c for c in range(4) if c in images[3][key])
    for i, image in enumerate(images):
        if i != 3:
            for part in ("counts", "truths"):
                image.get(part, {}).pop(rare, None)
            for part in ("matches", "found"):
                image[part] = [one for one in image.get(part, ()) if one[0] != rare]
    pooled = read_evidence(synth.record_of(task, "m", images)).pooled
    scored = score_on(pooled, Draws(20, 200, 0))
    without = {c for c, low in zip(pooled.class_ids.tolist(), scored.class_low, strict=True) if np.isnan(low)}
    assert rare in without
    assert not without & ({*common} - {rare})
    clusters = score_on(pooled, Draws(20, 200, 0, np.repeat([0, 1], 10)))
    assert np.isfinite(clusters.low)
