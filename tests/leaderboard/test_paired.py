"""Paired tests: against plain loops, SciPy, and exact counts of all exchanges."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from leaderboard import synth
from scipy import stats

from segbench.leaderboard.evidence import read_evidence
from segbench.leaderboard.paired import (
    bootstrap_p_values,
    exchanges,
    permutation_p,
    permutation_p_values,
    side_by_side,
)
from segbench.leaderboard.pooled import Ratios
from segbench.leaderboard.resample import Draws

TASKS = ["semantic", "instance", "panoptic"]


def pair(task, n_images, qualities=(0.7, 0.6), seed=4):
    drawn = [synth.draw(task, quality, n_images, seed, f"m{i}") for i, quality in enumerate(qualities)]
    return drawn, [read_evidence(synth.record_of(task, "m", images)).pooled for images in drawn]


@pytest.mark.parametrize("task", TASKS)
def test_exchanged_images_are_scored_literally(task):
    drawn, models = pair(task, 8)
    both = side_by_side(*models)
    kept = next(exchanges(Draws(8, 20, 0)))
    found = both.scores(np.concatenate([kept, 1 - kept], axis=1))
    for row, score in zip(kept, found, strict=True):
        first = [{**drawn[0][i], "place": i} for i in range(8) if row[i]]
        second = [{**drawn[1][i], "place": 8 + i} for i in range(8) if not row[i]]
        assert score == pytest.approx(synth.primary(task, first + second), abs=1e-12)


def means(values):
    """A model whose pooled score is the mean of these numbers."""
    n = len(values)
    return Ratios(n, np.arange(n), np.zeros(n, np.int64), np.asarray(values, float), np.ones(n))


def test_the_permutation_test_is_scipys():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.5, 0.1, 12), rng.normal(0.44, 0.1, 12)
    exact = stats.permutation_test(
        (first, second), lambda a, b, axis: (a - b).mean(axis), permutation_type="samples", vectorized=True
    )
    assert exact.pvalue == np.mean(
        [
            abs(np.dot(s, first - second)) >= abs((first - second).sum()) - 1e-12
            for s in product((1, -1), repeat=12)
        ]
    )
    found = permutation_p(means(first), means(second), Draws(12, 20_000, 0))
    assert found == pytest.approx(exact.pvalue, abs=5 * np.sqrt(exact.pvalue / 20_000))


def test_equal_models_cannot_be_told_apart():
    _, models = pair("instance", 10, (0.7, 0.7))
    draws = Draws(10, 200, 0)
    assert permutation_p(models[0], models[0], draws) == 1
    p = permutation_p_values([models[0], models[0], models[1]], draws)
    np.testing.assert_array_equal(p, p.T)
    np.testing.assert_array_equal(np.diag(p), 1)
    assert p[0, 1] == 1


def test_clusters_are_exchanged_together():
    draws = Draws(6, 50, 0, np.array([0, 0, 1, 2, 1, 2]))
    kept = np.concatenate(list(exchanges(draws)))
    assert (kept[:, 0] == kept[:, 1]).all()
    assert (kept[:, 2] == kept[:, 4]).all()
    assert {tuple(row) for row in kept[:, [0, 2, 3]].tolist()} == set(product((0, 1), repeat=3))


def test_exchanges_are_fair_and_frozen():
    kept = np.concatenate(list(exchanges(Draws(30, 2000, 5))))
    assert kept.shape == (2000, 30)
    np.testing.assert_allclose(kept.mean(axis=0), 0.5, atol=0.05)
    np.testing.assert_array_equal(kept[0, :12], [1, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1])


def test_bootstrap_p_values_count_crossings_with_floors():
    replicates = np.stack([np.zeros(199), np.r_[np.full(189, 1.0), np.full(10, -1.0)]])
    assert bootstrap_p_values(np.array([0, 0.9]), replicates, 100)[0, 1] == pytest.approx(2 * 11 / 200)
    assert bootstrap_p_values(np.array([0, 0.9]), replicates, 3)[0, 1] == pytest.approx(0.25)
    one_image = np.stack([np.full(199, 0.1), np.full(199, 0.9)])
    assert bootstrap_p_values(one_image[:, 0], one_image, 1)[0, 1] == 1
