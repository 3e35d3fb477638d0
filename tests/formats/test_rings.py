"""Outlines of masks and seams between rings: what is drawn of them is the mask, to the pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segbench.canonical.rle import Rle
from segbench.formats import rings

MASKS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1))


def drawn(polygon, shape):
    return Rle.from_polygons([polygon.ravel()], *shape).to_mask()


def corners(found):
    return sorted(sorted(map(tuple, ring.tolist())) for ring in found)


@given(MASKS)
def test_an_outline_is_drawn_as_the_mask(mask):
    outline = rings.trace(mask)
    assert bool(outline) == bool(mask.any())
    if outline:
        np.testing.assert_array_equal(drawn(rings.join(outline), mask.shape), mask)


@given(MASKS)
def test_the_outline_is_drawn_as_the_mask_even_when_it_went_through_relative_numbers(mask):
    if outline := rings.trace(mask):
        scale = mask.shape[::-1]
        np.testing.assert_array_equal(drawn(rings.join(outline) / scale * scale, mask.shape), mask)


@given(MASKS)
def test_a_joined_outline_is_split_into_its_rings(mask):
    if outline := rings.trace(mask):
        assert corners(rings.split(rings.join(outline))) == corners(outline)


def test_seams_lie_between_the_nearest_corners():
    left, right = np.float64([[0, 0], [2, 0], [2, 2], [0, 2]]), np.float64([[3, 0], [5, 0], [5, 2], [3, 2]])
    joined = rings.join([left, right])
    seam = [(2, 0), (3, 0)]
    assert [tuple(p) for p in joined[1:3]] == seam
    assert [tuple(p) for p in joined[6:8]] == seam[::-1]


def test_very_many_rings_are_tied_to_one_corner():
    rng = np.random.default_rng(0)
    mask = (rng.random((200, 300)) < 0.1).astype(np.uint8)
    np.testing.assert_array_equal(drawn(rings.join(rings.trace(mask)), mask.shape), mask)


@pytest.mark.parametrize(
    "polygon",
    [
        [[0, 0], [3, 0], [3, 3]],
        [[0, 0], [3, 0], [3, 3], [0, 0]],
        [[0, 0], [4, 4], [4, 0], [0, 4]],
        [[0, 0], [1, 1]],
        [[2, 2]],
    ],
)
def test_a_polygon_without_seams_is_its_only_ring(polygon):
    assert [ring.tolist() for ring in rings.split(np.float64(polygon))] == [polygon]
