"""Percentile and BCa intervals beside SciPy's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from segbench.leaderboard.intervals import acceleration, intervals, quantiles
from segbench.leaderboard.resample import Draws


def sample(seed, n=40):
    data = np.random.default_rng(seed).gamma(1.5, 1, n)
    weights = np.concatenate(list(Draws(n, 999, seed).blocks())).astype(float)
    return data, (weights @ data / n)[:, None]


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("seed", range(5))
def test_intervals_are_those_of_scipy(method, seed):
    data, replicates = sample(seed)
    n = len(data)
    jackknife = ((data.sum() - data) / (n - 1))[:, None]
    found = intervals(method, np.array([data.mean()]), replicates, jackknife)
    given = stats._resampling.BootstrapResult((0, 0), replicates[:, 0], 0.0)
    expected = stats.bootstrap((data,), np.mean, n_resamples=0, method=method, bootstrap_result=given)
    np.testing.assert_allclose(np.ravel(found), expected.confidence_interval, rtol=1e-12)


def test_a_score_without_spread_has_an_interval_of_no_width():
    constant = np.full((200, 1), 0.5)
    for method in ("percentile", "bca"):
        low, high = intervals(method, np.array([0.5]), constant, constant[:20])
        assert low[0] == high[0] == 0.5


def test_undefined_resamples_are_left_out_and_none_is_nan():
    replicates = np.stack([np.r_[np.linspace(0, 1, 101), np.full(99, np.nan)], np.full(200, np.nan)], axis=1)
    low, high = intervals("percentile", np.array([0.5, np.nan]), replicates)
    np.testing.assert_allclose([low, high], [[0.025, np.nan], [0.975, np.nan]])
    low, high = intervals("bca", np.array([0.5, np.nan]), replicates, np.full((9, 2), np.nan))
    np.testing.assert_allclose([low, high], [[0.025, np.nan], [0.975, np.nan]], atol=0.01)


def test_quantiles_are_numpys():
    rows = np.random.default_rng(0).normal(size=(57, 4))
    shares = np.array([[0.1, 0.0, 0.5, 1.0], [0.9, 0.333, 0.51, 0.2]])
    expected = [[np.quantile(rows[:, k], share) for k, share in enumerate(line)] for line in shares]
    np.testing.assert_allclose(quantiles(rows, shares), expected, rtol=1e-14)


def test_a_jackknife_of_groups_has_the_acceleration_of_one_by_one(monkeypatch):
    """Of a skewed mean: both estimate skewness / (6 √n), the groups with more noise."""
    data = np.random.default_rng(3).gamma(0.5, 1, 5000)
    one_by_one = acceleration(((data.sum() - data) / (len(data) - 1))[:, None])[0]
    assert one_by_one == pytest.approx(stats.skew(data) / 6 / np.sqrt(len(data)), rel=1e-6)
    left = Draws(len(data), 100, 0).left_out().astype(float)
    assert left.shape == (500, 5000)
    grouped = acceleration((left @ data / left.sum(axis=1))[:, None])[0]
    assert abs(grouped - one_by_one) < 0.02 > 3 * np.sqrt(6 / 500) / 6 / np.sqrt(500)


def test_bca_asks_for_its_jackknife():
    with warnings.catch_warnings(), pytest.raises(ValueError, match="jackknife"):
        intervals("bca", np.zeros(1), np.zeros((9, 1)))
