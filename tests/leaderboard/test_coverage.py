"""Intervals hold the true score as often as they say, and tests of equal models err as often."""

from __future__ import annotations

import pytest
from leaderboard.simulate import simulate

SETS = {"mIoU": 150, "PQ": 150, "AP": 60}


@pytest.mark.parametrize(("method", "test"), [("percentile", "bootstrap"), ("bca", "permutation")])
@pytest.mark.parametrize("name", SETS)
def test_coverage_and_false_positives(name, method, test):
    """Within four standard errors of 95 % and 5 %; a wrong resampling lies far outside."""
    sets = SETS[name]
    found = simulate(name, method, test, n_images=100, sets=sets, n_boot=400)
    error = 4 * (0.95 * 0.05 / sets) ** 0.5
    assert 0.95 - error <= found.covered / sets <= 1
    assert found.rejected / sets <= 0.05 + error
    assert 0 < found.mean_width < 0.3
