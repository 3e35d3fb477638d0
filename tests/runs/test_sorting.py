"""Sorting with files: what sorted() gives, however few items are in memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.runs.sorting import Sorter


def sorter(folder, run, chunk, sizes=None):
    def unpack(data):
        items = json.loads(data)
        if sizes is not None:
            sizes.append(len(items))
        return items

    return Sorter(lambda x: x, lambda some: json.dumps(some).encode(), unpack, folder, run=run, chunk=chunk)


@given(st.lists(st.integers()), st.integers(1, 9), st.integers(1, 9))
def test_items_are_sorted(tmp_path_factory, items, run, chunk):
    folder = tmp_path_factory.getbasetemp()
    assert list(sorter(folder, run, chunk).sorted(iter(items))) == sorted(items)


def test_few_items_are_in_memory(tmp_path):
    sizes = []
    results = sorter(tmp_path, 10, 3, sizes).sorted(iter(range(100, 0, -1)))
    assert next(results) == 1
    assert sizes == [3] * 10
    assert len(list(tmp_path.iterdir())) == 1
    results.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fits_needs_no_files(tmp_path):
    assert list(sorter(tmp_path / "none", 10, 3).sorted([3, 1, 2])) == [1, 2, 3]


def test_what_fails_leaves_no_files(tmp_path):
    def items():
        yield from range(25)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        list(sorter(tmp_path, 10, 3).sorted(items()))
    assert list(tmp_path.iterdir()) == []
