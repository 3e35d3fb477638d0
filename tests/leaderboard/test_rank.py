"""Statistics: weights against literal resampling, the record's own score, tests, ties, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from leaderboard import synth
from leaderboard.synth import make_record

from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.pooled import Ratios
from segbench.leaderboard.precision import Detections
from segbench.leaderboard.rank import (
    bootstrap,
    holm,
    pair_p_values,
    rank_models,
    resamples,
    tie_ranks,
)

TASKS = ["semantic", "instance", "panoptic"]


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


def test_scores_do_not_depend_on_the_blocks_of_categories(monkeypatch):
    pooled = read_evidence(make_record("semantic", n_images=30)).pooled
    weights = np.concatenate(list(resamples(30, 40, 0, 40)))
    whole = pooled.scores(weights)
    monkeypatch.setattr("segbench.leaderboard.pooled.BLOCK", 60)
    assert pooled.width == 2
    np.testing.assert_allclose(pooled.scores(weights), whole, rtol=0, atol=1e-14)


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
    scores = detections.scores(np.array([[2.0, 0], [0, 2], [1, 1]]))
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
    replicates = bootstrap([evidence, evidence, evidence], n_boot=200, seed=0)
    ranking = rank_models(np.full(3, 0.5), replicates, 60)
    assert ranking.rank.tolist() == [1, 1, 1]
    assert ranking.rank_low.tolist() == ranking.rank_high.tolist() == [1, 1, 1]
    np.testing.assert_allclose(ranking.p_best, 1 / 3)
    np.testing.assert_array_equal(ranking.p_values, 1)


def test_a_better_model_is_better_although_its_interval_overlaps():
    rng = np.random.default_rng(0)
    image = rng.normal(0.5, 0.2, 200)
    weights = np.concatenate(list(resamples(200, 1000, 0, 100)))
    models = np.stack([image + 0.02 + rng.normal(0, 0.02, 200), image])
    ranking = rank_models(models.mean(axis=1), models @ weights.T / 200, 200)
    assert ranking.rank.tolist() == [1, 2]
    assert ranking.ci_low[0] < ranking.ci_high[1]
    assert ranking.p_best[0] == 1
    assert ranking.p_values[0, 1] < 1e-6


def test_p_values_count_crossings_with_floors():
    replicates = np.stack([np.zeros(199), np.r_[np.full(189, 1.0), np.full(10, -1.0)]])
    assert pair_p_values(np.array([0, 0.9]), replicates, 100)[0, 1] == pytest.approx(2 * 11 / 200)
    assert pair_p_values(np.array([0, 0.9]), replicates, 3)[0, 1] == pytest.approx(0.25)
    one_image = np.stack([np.full(199, 0.1), np.full(199, 0.9)])
    assert pair_p_values(one_image[:, 0], one_image, 1)[0, 1] == 1


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
    assert rank_models(values, values[:, None] + noise, 100).rank.tolist() == list(range(1, 31))


def test_one_image_has_no_interval():
    evidence = [read_evidence(make_record("panoptic", name, n_images=1)).pooled for name in "ab"]
    values = np.array([one.scores(np.ones((1, 1)))[0] for one in evidence])
    ranking = rank_models(values, bootstrap(evidence, n_boot=100, seed=0), 1)
    assert np.isnan(ranking.ci_low).all()
    assert ranking.rank.tolist() == [1, 1]


def _data_set(rng, n_images, skill):
    """Ratios whose pooled expectation is ``mean(skill)``: images hard and easy, segments large and small."""
    images = np.repeat(np.arange(n_images), 4)
    categories = np.tile(np.arange(4), n_images)
    below = rng.gamma(4, 100, 4 * n_images)
    share = np.clip(skill[categories] + np.repeat(rng.normal(0, 0.1, n_images), 4), 0, 1)
    return Ratios(n_images, images, categories, below * share, below)


def test_intervals_cover_and_the_test_keeps_its_level():
    """Of 200 data sets, 95 % intervals miss about 10 to 12, and equal models differ at 5 % in about 10.

    The percentile interval is a little narrow for finite samples; the bounds are four standard errors of a
    count out of 200 around 95 % and 5 %, no more.
    """
    skill = np.array([0.8, 0.7, 0.6, 0.5])
    covered = rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        models = [_data_set(rng, 100, skill), _data_set(rng, 100, skill)]
        values = np.array([model.scores(np.ones((1, 100)))[0] for model in models])
        ranking = rank_models(values, bootstrap(models, n_boot=1000, seed=seed), 100)
        covered += ranking.ci_low[0] <= skill.mean() <= ranking.ci_high[0]
        rejected += ranking.p_values[0, 1] < 0.05
    assert 178 <= covered <= 200
    assert 0 < rejected <= 22
