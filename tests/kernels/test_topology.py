"""Parts and holes of masks against their naive twins and SciPy's labels."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segbench import kernels

RING = ["00000", "01110", "01010", "01110", "00000"]
DRAWN = {
    "nothing": (["000", "000"], 0, 0),
    "all": (["11", "11"], 1, 0),
    "ring": (RING, 1, 1),
    "ring of corners": (["00100", "01010", "00100"], 1, 1),
    "open ring": (["0110", "0101", "0111"], 1, 1),
    "bay at the border": (["111", "101", "101"], 1, 0),
    "corners hang together": (["10", "01"], 1, 0),
    "corners, the other way": (["01", "10"], 1, 0),
    "two parts": (["101", "101"], 2, 0),
    "an island in a hole": (["11111", "10001", "10101", "10001", "11111"], 2, 1),
    "two holes at a corner": (["11110", "10111", "11101", "01111"], 1, 2),
    "over the end of a column": (["110", "010", "110"], 1, 0),
}


def mask_of(rows):
    return np.array([[int(c) for c in row] for row in rows], np.uint8)


@pytest.mark.parametrize("name", DRAWN)
def test_parts_and_holes_are_counted(name):
    rows, parts, holes = DRAWN[name]
    mask = mask_of(rows)
    rle = kernels.rle_from_mask(mask)
    found = kernels.rle_topology([rle, rle], *mask.shape)
    assert [v.tolist() for v in found] == [[parts] * 2, [holes] * 2]
    assert naive.rle_topology(rle, *mask.shape) == (parts, holes)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0.2, 0.9))
def test_fuzz(height, width, seed, density):
    mask = (np.random.default_rng(seed).random((height, width)) < density).astype(np.uint8)
    rle = kernels.rle_from_mask(mask)
    (parts,), (holes,) = kernels.rle_topology([rle], height, width)
    assert (parts, holes) == naive.rle_topology(rle, height, width)
    assert parts == ndimage.label(mask, np.ones((3, 3)))[1]
    filled = kernels.rle_fill_holes(rle, height, width)
    assert filled == naive.rle_fill_holes(rle, height, width)
    np.testing.assert_array_equal(naive.rle_to_mask(filled, height, width), ndimage.binary_fill_holes(mask))


def test_a_large_mask():
    mask = (np.random.default_rng(0).random((300, 400)) < 0.6).astype(np.uint8)
    rle = kernels.rle_from_mask(mask)
    (parts,), (holes,) = kernels.rle_topology([rle], 300, 400)
    assert parts == ndimage.label(mask, np.ones((3, 3)))[1]
    assert holes == ndimage.label(np.pad(mask, 1) == 0)[1] - 1
    filled = kernels.rle_to_mask(kernels.rle_fill_holes(rle, 300, 400), 300, 400)
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(mask))


def test_of_none_and_of_malformed_strings():
    assert [v.tolist() for v in kernels.rle_topology([], 3, 3)] == [[], []]
    with pytest.raises(ValueError, match="RLE 1: "):
        kernels.rle_topology([kernels.rle_from_mask(np.ones((2, 2), np.uint8)), b"~"], 2, 2)
    with pytest.raises(ValueError, match="too long"):
        kernels.rle_fill_holes(kernels.rle_from_mask(np.ones((3, 3), np.uint8)), 2, 2)
