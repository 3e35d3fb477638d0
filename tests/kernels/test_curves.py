"""Curves of average precision against their naive twin; tests/metrics hold them against COCOeval."""

from __future__ import annotations

from types import SimpleNamespace

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench import kernels

CATEGORIES, AREAS = 3, 2


def part(rng, n, levels, whole=False):
    """Predictions of one image, ranked by falling score in each category, or in the whole image."""
    category_ids = np.sort(rng.integers(0, CATEGORIES, n)).astype(np.int32)
    scores = rng.integers(0, 6, n) / 8  # many tie
    order = np.lexsort((-scores, category_ids))
    ranks = np.arange(n) - np.searchsorted(category_ids, category_ids)
    if whole:
        ranks[np.argsort(-scores[order], kind="stable")] = np.arange(n)
    flags = [rng.integers(0, 1 << levels, (AREAS, n)).astype(np.uint64) for _ in range(2)]
    flags[1] &= rng.integers(0, 1 << levels, (AREAS, n)).astype(np.uint64)
    return SimpleNamespace(
        pred_category_ids=category_ids, ranks=ranks.astype(np.int32), scores=scores[order],
        matched=flags[0], ignored=flags[1],
    )  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.sampled_from([1, 2, 5]), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_curves(seed, images, levels, threads):
    rng = np.random.default_rng(seed)
    whole = bool(rng.integers(0, 2))
    parts = [part(rng, int(rng.integers(0, 9)), levels, whole) for _ in range(images)]
    truths = rng.integers(0, 7, (AREAS, CATEGORIES))
    grid, limits, order = np.array([0, 0.1, 0.5, 0.5, 1.0]), [1, 3, 100], [2, 0]
    found = kernels.draw_curves(
        parts, truths, order, grid=grid, limits=limits, levels=levels, threads=threads
    )
    for k, category in enumerate(order):
        for a in range(AREAS):
            rows = [
                (float(p.scores[i]), int(p.ranks[i]), int(p.matched[a, i]), int(p.ignored[a, i]))
                for p in parts
                for i in np.flatnonzero(p.pred_category_ids == category)
            ]
            cells = found[0][:, :, k, a], found[1][:, k, a], found[2][:, :, k, a]
            if truths[a, category] == 0:
                assert all((cell == -1).all() for cell in cells)
                continue
            expected = naive.draw_curves(rows, int(truths[a, category]), grid.tolist(), limits, levels)
            for cell, twin in zip(cells, expected, strict=True):
                np.testing.assert_array_equal(cell, twin)


def test_64_thresholds():
    one = part(np.random.default_rng(5), 6, 64 - 1)
    one.matched |= np.uint64(1 << 63)
    one.ignored &= np.uint64((1 << 63) - 1)
    found = kernels.draw_curves(
        [one], np.ones((AREAS, CATEGORIES), int), [0], grid=[0.5], limits=[9], levels=64
    )
    hits = int((one.pred_category_ids == 0).sum())
    assert hits > 0
    assert found[1][63, 0, 0, 0] == hits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ranks": np.zeros(1, np.int32)}, "differ in length"),
        ({"pred_category_ids": np.full(4, CATEGORIES, np.int32)}, "unknown category"),
        ({"pred_category_ids": np.full(4, -1, np.int32)}, "unknown category"),
        ({"matched": np.zeros((AREAS + 1, 4), np.uint64)}, "differ in length"),
    ],
)
def test_columns_that_cannot_be_right(change, message):
    one = SimpleNamespace(**{**vars(part(np.random.default_rng(1), 4, 2)), **change})
    with pytest.raises(ValueError, match=message):
        kernels.draw_curves([one], np.ones((AREAS, CATEGORIES), int), [0], grid=[0], limits=[1], levels=2)


@pytest.mark.parametrize(
    ("order", "levels"), [([CATEGORIES], 2), ([-1], 2), ([0], 0), ([0], 65), ([1, 0, 1], 2)]
)
def test_settings_that_cannot_be_right(order, levels):
    with pytest.raises(ValueError, match="unknown category|stands twice|1 to 64 thresholds"):
        kernels.draw_curves([], np.ones((AREAS, CATEGORIES), int), order, grid=[0], limits=[1], levels=levels)
