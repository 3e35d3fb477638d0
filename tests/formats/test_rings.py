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


@given(MASKS)
def test_without_its_holes_a_mask_is_filled(mask):
    from scipy.ndimage import binary_fill_holes, label

    outline = rings.trace(mask)
    holes = [ring for ring in outline if rings.is_hole(ring, mask)]
    parts = len(outline) - len(holes)
    assert parts <= label(mask)[1]  # two parts that meet at a point may have one outline
    outer = [ring for ring in outline if not rings.is_hole(ring, mask)]
    if outer and not any(len(set(map(tuple, ring))) < len(ring) for ring in outline):
        filled = np.any([drawn(ring, mask.shape) for ring in outer], axis=0)
        assert (filled >= mask).all()
        assert (filled <= binary_fill_holes(mask)).all()


def test_a_ring_in_a_ring_is_a_hole():
    mask = np.ones((7, 8), np.uint8)
    mask[2:5, 2:6] = 0
    mask[3, 3] = 1
    outline = rings.trace(mask)
    assert [rings.is_hole(ring, mask) for ring in outline] == [False, True, False]
    assert corners(outline)[0] == [(0, 0), (0, 7), (8, 0), (8, 7)]


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
