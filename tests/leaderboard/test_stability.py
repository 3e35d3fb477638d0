"""Kendall's tau beside SciPy's, and orders without a category by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from segbench.leaderboard.stability import kendall_tau, places_without, stability


def test_tau_is_scipys():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, 9) / 5
    replicates = rng.integers(0, 4, (9, 50)) / 4
    expected = [stats.kendalltau(values, column).statistic for column in replicates.T]
    np.testing.assert_allclose(kendall_tau(values, replicates), expected, rtol=1e-12)


def test_tau_of_all_equal_is_undefined():
    assert np.isnan(kendall_tau(np.array([1.0, 1.0]), np.array([[1.0], [2.0]]))).all()
    assert np.isnan(kendall_tau(np.array([1.0, 2.0]), np.array([[1.0], [1.0]]))).all()


def test_places_without_a_category():
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.6, 0.5], [0.1, 0.6, np.nan]])
    # means without the first, second, third: .3 .55 .6 | .5 .35 .1 | .7 .4 .35
    np.testing.assert_array_equal(places_without(scores), [[3, 1, 1], [2, 2, 2], [1, 3, 3]])
    assert places_without(scores[:, :1]).shape == (3, 0)


def test_stability():
    scores = np.array([[0.9, 0.5, 0.4], [0.2, 0.6, 0.5], [0.1, 0.1, 0.1]])
    values = scores.mean(axis=1)
    replicates = np.stack([values, values, values[[1, 0, 2]]], axis=1)
    found = stability(values, replicates, np.array([4, 5, 8]), scores)
    assert found.without_category == [(1, 2), (1, 2), (3, 3)]
    assert found.deciding == {4: 2}
    assert found.tau == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert (found.tau_low, found.tau_high) == (pytest.approx(1 / 3, abs=0.04), 1)


def test_a_single_model_has_no_order():
    found = stability(np.array([0.5]), np.full((1, 9), 0.5), np.zeros(0, np.int64), np.zeros((1, 0)))
    assert np.isnan(found.tau)
    assert found.without_category == [(1, 1)]
    assert found.deciding == {}
