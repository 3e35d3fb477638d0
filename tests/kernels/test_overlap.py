"""The overlap table against its naive twin."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segbench import kernels

DTYPES = [np.uint8, np.uint16, np.uint32, np.int32, np.int64]


def blocks(rng, n, values, longest):
    """Values in runs of random length."""
    return np.repeat(rng.choice(values, n), rng.integers(1, longest + 1, n))[:n]


def same_columns(found, expected):
    for column, values in zip(found, expected, strict=True):
        assert column.dtype.type is np.int64
        np.testing.assert_array_equal(column, values)


@pytest.mark.parametrize("dtype", [*DTYPES, np.bool_, np.int8, np.int16, np.uint64, ">i4"])
@pytest.mark.parametrize("longest", [1, 5, 400])
def test_confusion_and_pairs_of_every_dtype(dtype, longest):
    rng = np.random.default_rng(longest)
    truth, pred = (blocks(rng, 3001, [0, 1, 2, 3, 9, 100], longest).astype(dtype) for _ in range(2))
    same_columns(kernels.confusion(truth, pred, 3, 100), naive.confusion(truth, pred, 3, 100))
    same_columns(kernels.pair_counts(truth, pred), naive.pair_counts(truth, pred))
    same_columns(kernels.id_counts(truth), naive.id_counts(truth))


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 66, 255, 256, 257, 258, 512, 513])
@pytest.mark.parametrize("dtype", DTYPES)
def test_runs_end_where_they_should(n, dtype):
    for edge in range(max(0, n - 3), n):
        truth, pred = np.zeros(n, dtype), np.zeros(n, dtype)
        truth[edge:] = 1
        same_columns(kernels.confusion(truth, pred, 2, 255), naive.confusion(truth, pred, 2, 255))
    flat = np.zeros(n, dtype)
    assert kernels.confusion(flat, flat, 2, 255)[2].tolist() == [n][: n > 0]


@given(
    hnp.arrays(np.int64, (2, 7, 9), elements=st.integers(-3, 6)),
    st.integers(1, 5),
    st.integers(-2, 6),
)
@settings(max_examples=60)
def test_confusion_fuzz(maps, num_classes, ignore_index):
    expected = naive.confusion(*maps, num_classes, ignore_index)
    same_columns(kernels.confusion(*maps, num_classes, ignore_index), expected)


def test_ignore_wins_over_a_class_of_the_same_id():
    found = kernels.confusion(np.uint8([0, 1]), np.uint8([1, 1]), 2, 1)
    assert [column.tolist() for column in found] == [[0, 2], [2, 2], [1, 1]]


def test_dtypes_are_promoted_and_views_are_read_right():
    rng = np.random.default_rng(3)
    truth, pred = rng.integers(0, 4, (40, 30), np.uint8), rng.integers(0, 300, (30, 40)).astype(np.int32)
    expected = naive.confusion(truth[::2, ::-1], pred.T[::2], 4, 255)
    same_columns(kernels.confusion(truth[::2, ::-1], pred.T[::2], 4, 255), expected)
    assert [column.tolist() for column in kernels.confusion([[0, 1]], [[1, 1]], 2, -1)] == [
        [0, 1],
        [1, 1],
        [1, 1],
    ]


def test_many_and_large_ids():
    rng = np.random.default_rng(4)
    truth, pred = rng.integers(0, 2**62, 5000), rng.integers(0, 3, 5000)
    same_columns(kernels.pair_counts(truth, pred), naive.pair_counts(truth, pred))


def test_empty_maps():
    assert [len(v) for v in kernels.pair_counts(np.zeros((0, 4), int), np.zeros((0, 4), int))] == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels.confusion(np.zeros((2, 3), int), np.zeros((3, 2), int), 2, 255), "one shape"),
        (lambda: kernels.confusion(np.zeros(2), np.zeros(2, int), 2, 255), "truth must hold integers"),
        (lambda: kernels.confusion(np.zeros(2, int), np.zeros(2), 2, 255), "pred must hold integers"),
        (lambda: kernels.confusion(np.zeros(2, int), np.zeros(2, int), 0, 255), "at least 1"),
        (lambda: kernels.pair_counts(np.int32([1, -1]), np.int32([1, 1])), "negative"),
        (lambda: kernels.id_counts(np.int64([-5])), "negative"),
        (lambda: kernels.id_counts(np.uint64([2**63])), "above"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
