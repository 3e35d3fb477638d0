"""Scores of weighted images against literal copies of them."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench import kernels

GRIDS = [[0, 0.1, 0.5, 0.5, 1.0], np.linspace(0, 1, 101).tolist(), [0.0], [0.3]]


def detections(rng, n, n_images, levels):
    images = rng.integers(0, n_images, n)
    counted = rng.integers(0, 1 << levels, n, dtype=np.uint64)
    counted[rng.random(n) < 0.7] = (1 << levels) - 1
    return images, counted & rng.integers(0, 1 << levels, n, dtype=np.uint64), counted


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 10]), st.sampled_from(GRIDS), st.integers(1, 3))
@settings(max_examples=120, deadline=None)
def test_precision_is_that_of_the_copies(seed, levels, grid, threads):
    rng = np.random.default_rng(seed)
    n_images, resamples, categories = (
        int(rng.integers(1, 6)),
        int(rng.integers(1, 20)),
        int(rng.integers(0, 4)),
    )
    starts = np.concatenate([[0], np.cumsum(rng.integers(0, 9, categories))])
    images, hit, counted = detections(rng, int(starts[-1]), n_images, levels)
    weights = rng.integers(0, 4, (resamples, n_images))
    truths = rng.integers(0, 9, (resamples, categories))
    found = kernels.weighted_precision(
        starts,
        images,
        hit,
        counted,
        weights=weights,
        truths=truths,
        grid=grid,
        levels=levels,
        threads=threads,
    )
    assert found.shape == (resamples, categories, levels)
    rows = list(zip(images.tolist(), hit.tolist(), counted.tolist(), strict=True))
    for r in range(resamples):
        for k in range(categories):
            twin = naive.weighted_precision(
                rows[starts[k] : starts[k + 1]], int(truths[r, k]), weights[r].tolist(), grid, levels
            )
            np.testing.assert_array_equal(found[r, k], [np.nan if p is None else p for p in twin])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_sums(seed, threads):
    rng = np.random.default_rng(seed)
    n, n_images, n_columns, depth = (
        int(rng.integers(low, high)) for low, high in ((0, 30), (1, 6), (1, 5), (1, 4))
    )
    images, columns = rng.integers(0, n_images, n), rng.integers(0, n_columns, n)
    values = rng.integers(0, 1000, (n, depth)) / 3
    weights = rng.integers(0, 4, (int(rng.integers(1, 20)), n_images))
    found = kernels.weighted_sums(
        images, columns, values, weights=weights, n_columns=n_columns, threads=threads
    )
    rows = list(zip(images.tolist(), columns.tolist(), values.tolist(), strict=True))
    for sums, row in zip(found, weights.tolist(), strict=True):
        np.testing.assert_array_equal(sums, naive.weighted_sums(rows, row, n_columns, depth))


def test_64_thresholds():
    every = np.array([~np.uint64(0), ~np.uint64(0)])
    found = kernels.weighted_precision(
        [0, 2], [0, 1], every, every, weights=[[1, 2]], truths=[[3]], grid=[1.0], levels=64
    )
    np.testing.assert_allclose(found, 1)


GOOD = {
    "starts": [0, 2],
    "images": [0, 1],
    "hit": [1, 0],
    "counted": [1, 1],
    "weights": [[1, 2]],
    "truths": [[3]],
    "grid": [0.5],
    "levels": 1,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hit": [1]}, "differ in length"),
        ({"images": [0, 2]}, "belongs to no image"),
        ({"images": [0, -1]}, "belongs to no image"),
        ({"starts": [0, 1]}, "must rise"),
        ({"starts": [1, 2]}, "must rise"),
        ({"starts": [0, 5, 2], "truths": [[1, 1]]}, "must rise"),
        ({"truths": [[3, 3]]}, "truths must be"),
        ({"truths": [[3], [3]]}, "truths must be"),
        ({"levels": 0}, "1 to 64 thresholds"),
        ({"levels": 65}, "1 to 64 thresholds"),
    ],
)
def test_precision_of_what_cannot_be_right(change, message):
    given_ = {**GOOD, **change}
    first = [given_.pop(name) for name in ("starts", "images", "hit", "counted")]
    with pytest.raises(ValueError, match=message):
        kernels.weighted_precision(*first, **given_)


@pytest.mark.parametrize(
    ("images", "columns", "message"),
    [
        ([0], [0, 0], "differ in length"),
        ([2], [0], "no image"),
        ([0], [3], "no column"),
        ([0], [-1], "no column"),
    ],
)
def test_sums_of_what_cannot_be_right(images, columns, message):
    with pytest.raises(ValueError, match=message):
        kernels.weighted_sums(images, columns, np.ones((1, 1)), weights=[[1, 2]], n_columns=3)
