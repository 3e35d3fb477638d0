"""Maps as runs against their naive twin, and the overlap table of runs against that of maps."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segbench import kernels
from segbench.kernels import LabelRuns

DTYPES = [np.uint8, np.uint16, np.uint32, np.int32, np.int64]


def blocks(rng, shape, values, longest):
    """Values in runs of random length, across the ends of rows."""
    n = int(np.prod(shape))
    return np.repeat(rng.choice(values, n), rng.integers(1, longest + 1, n))[:n].reshape(shape)


@pytest.mark.parametrize("dtype", [*DTYPES, np.bool_, np.int8, np.int16, np.uint64, ">i4"])
@pytest.mark.parametrize("longest", [1, 5, 400])
def test_runs_of_a_map_and_back(dtype, longest):
    rng = np.random.default_rng(longest)
    for shape in [(1, 1), (1, 65), (64, 1), (31, 70), (3, 700)]:
        labels = blocks(rng, shape, [0, 1, 2, 3, 9, 100], longest).astype(dtype)
        runs = LabelRuns.of(labels)
        assert (runs.values.tolist(), runs.ends.tolist()) == naive.label_runs(labels)
        assert (runs.ends.dtype, runs.shape) == (np.uint32, shape)
        assert runs.values.dtype.type in DTYPES
        np.testing.assert_array_equal(runs.to_map(), labels)
        assert runs.to_map().dtype == runs.values.dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 66, 127, 128, 129, 257])
def test_runs_end_where_they_should(n, dtype):
    for edge in range(n):
        labels = np.zeros((1, n), dtype)
        labels[:, edge:] = 1
        assert LabelRuns.of(labels).ends.tolist() == ([edge, n] if edge else [n])


def same_columns(found, expected):
    for column, values in zip(found, expected, strict=True):
        assert column.dtype.type is np.int64
        np.testing.assert_array_equal(column, values)


@pytest.mark.parametrize("dtypes", [(a, b) for a in DTYPES for b in DTYPES])
@pytest.mark.parametrize("longest", [1, 5, 400])
def test_the_overlap_table_of_runs_is_that_of_the_maps(dtypes, longest):
    rng = np.random.default_rng(longest)
    truth, pred = (blocks(rng, (37, 70), [0, 1, 2, 3, 9, 100], longest).astype(d) for d in dtypes)
    runs = LabelRuns.of(truth), LabelRuns.of(pred)
    for pair in (runs, (runs[0], pred), (truth, runs[1])):
        same_columns(kernels.confusion(*pair, 3, 100), naive.confusion(truth, pred, 3, 100))
        same_columns(kernels.pair_counts(*pair), naive.pair_counts(truth, pred))
    same_columns(kernels.id_counts(runs[0]), naive.id_counts(truth))


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_new_names_join_neighbours(labels):
    names = np.uint16([7, 7, 300, 8])
    runs = LabelRuns.of(labels)
    renamed = runs.renamed(names[runs.values])
    assert (renamed.values.tolist(), renamed.ends.tolist()) == naive.label_runs(names[labels])
    assert renamed.values.dtype == np.uint16
    np.testing.assert_array_equal(renamed.to_map(), names[labels])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_first_unknown_id(dtype):
    known = np.array([True, False, True])
    for values, expected in (([0, 2, 0], None), ([2, 1, 3], 1), ([0, 3, 1], 3), ([], None)):
        found = LabelRuns(np.array(values, dtype), np.arange(1, len(values) + 1, dtype=np.uint32), (1, 4))
        assert found.first_unknown(known) == expected
    if np.issubdtype(dtype, np.signedinteger):
        assert LabelRuns(np.array([-1], dtype), np.uint32([4]), (1, 4)).first_unknown(known) == -1


def runs(values, ends, shape=(1, 4)):
    return LabelRuns(np.uint8(values), np.uint32(ends), shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LabelRuns.of(np.zeros((2, 2))), "must hold integers"),
        (lambda: LabelRuns.of(np.zeros(4, int)), r"must be \[H, W\], not \[4\]"),
        (lambda: LabelRuns.of(np.zeros((0, 4), int)), "must be positive"),
        (lambda: runs([1, 2], [4]).to_map(), "an end for each value"),
        (lambda: runs([1, 2], [3, 3]).to_map(), "ends must rise"),
        (lambda: runs([1, 2], [0, 4]).to_map(), "ends must rise"),
        (lambda: runs([1, 2], [2, 5]).to_map(), "ends must rise"),
        (lambda: runs([1, 2], [1, 3]).to_map(), "fewer pixels than the map"),
        (lambda: runs([], []).to_map(), "fewer pixels than the map"),
        (lambda: runs([1, 2], [2, 4]).renamed(np.uint8([1])), "an end for each value"),
        (lambda: kernels.confusion(runs([1], [4]), runs([1], [4], (4, 1)), 2, 255), "one shape"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_runs_that_are_too_few_or_too_many_are_never_read_beyond():
    short, long = runs([1, 2], [1]), runs([1], [1, 4])
    assert kernels.confusion(short, short, 3, 255)[2].tolist() == [1]
    assert kernels.confusion(long, long, 3, 255)[2].tolist() == [1]
    assert kernels.confusion(runs([], []), long, 3, 255)[2].tolist() == []
