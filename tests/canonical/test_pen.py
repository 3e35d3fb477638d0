"""Chunks: all indices in order, in small ones at the end."""

import pytest

from segbench.canonical.pen import chunks_of, shared_out


@pytest.mark.parametrize("size", [1, 2, 5, 25])
@pytest.mark.parametrize("n", [0, 1, 4, 24, 25, 26, 50, 51, 1000])
@pytest.mark.parametrize("cut", [chunks_of, shared_out])
def test_chunks_are_all_indices_in_order(cut, n, size):
    chunks = cut(n, size)
    assert [i for chunk in chunks for i in chunk] == list(range(n))
    assert all(0 < len(chunk) <= size for chunk in chunks)


def test_the_last_two_are_cut_up():
    assert [len(chunk) for chunk in shared_out(93, 25)] == [25, 25, 10, 10, 5, 5, 5, 5, 3]
    assert [len(chunk) for chunk in shared_out(12, 25)] == [5, 5, 2]
