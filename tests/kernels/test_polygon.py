"""Polygons and boxes against their naive twins and, bit for bit, against pycocotools."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from segbench import kernels


def theirs(polygons, height, width):
    parts = coco.frPyObjects(polygons, height, width)
    return (parts[0] if len(parts) == 1 else coco.merge(parts))["counts"]


def check(polygons, height, width):
    found = kernels.rle_from_polygons([np.array(p, float) for p in polygons], height, width)
    assert found == theirs([[float(v) for v in p] for p in polygons], height, width)
    assert found == naive.rle_from_polygons(polygons, height, width)


CASES = {
    "square": [[2, 2, 2, 6, 6, 6, 6, 2]],
    "whole image": [[0, 0, 0, 20, 30, 20, 30, 0]],
    "beyond the image": [[-10, -10, -10, 50, 50, 50, 50, -10]],
    "far outside": [[100, 100, 120, 100, 110, 130]],
    "left of the image": [[-20, 3, -5, 3, -9, 15]],
    "across the left side": [[-5.3, 2.2, 7.7, 3.1, 4.2, 15.9, -0.4, 9]],
    "across the top": [[3, -7, 9, 5.5, 1, 5.2]],
    "across the bottom": [[3, 25, 9, 12, 15, 26.5]],
    "a point three times": [[4, 4, 4, 4, 4, 4]],
    "a line": [[1, 1, 9, 9, 1, 1]],
    "repeated vertices": [[2, 2, 2, 2, 2, 9, 2, 9, 11, 9, 11, 9, 11, 2, 2, 2]],
    "a figure of eight": [[1, 1, 15, 15, 15, 1, 1, 15]],
    "a spike": [[5, 5, 5, 5.01, 25, 5.02]],
    "thin and steep": [[5.1, -3, 5.2, 22, 5.4, -1]],
    "halves": [[2.5, 2.5, 2.5, 7.5, 9.5, 7.5, 9.5, 2.5]],
    "two apart": [[1, 1, 1, 4, 4, 4, 4, 1], [10, 10, 10, 14, 14, 14]],
    "two that overlap": [[1, 1, 1, 9, 9, 9, 9, 1], [5, 5, 5, 14, 14, 14, 14, 5]],
    "two of which one is empty": [[1, 1, 1, 9, 9, 9, 9, 1], [50, 50, 60, 60, 70, 50]],
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [(20, 30), (30, 20), (1, 1), (1, 30), (20, 1)], ids=str)
def test_cases(name, size):
    check(CASES[name], *size)


coordinate = (
    st.floats(-40, 70)
    | st.integers(-5, 30).map(float)
    | st.integers(-25, 150).map(lambda v: v / 5)
    | st.integers(-25, 150).map(lambda v: v / 5 + 0.1)
)


@st.composite
def polygon(draw):
    points = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=9))
    repeated = draw(st.lists(st.integers(0, len(points) - 1), max_size=3))
    for i in sorted(repeated, reverse=True):
        points.insert(i, points[i])
    return [v for point in points for v in point]


@given(st.lists(polygon(), min_size=1, max_size=3), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=150)
def test_fuzz(polygons, height, width):
    check(polygons, height, width)


def test_many_outlines_of_a_real_size():
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = rng.integers(1, 700, 2).tolist()
        turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 60)))
        radii = rng.uniform(1, 400) * rng.uniform(0.3, 1, len(turns))
        centre = rng.uniform(-50, 750, 2)
        points = (centre + np.stack([np.cos(turns), np.sin(turns)], 1) * radii[:, None]).round(
            rng.integers(0, 4)
        )
        found = kernels.rle_from_polygons([points.ravel()], height, width)
        assert found == theirs([points.ravel().tolist()], height, width)


@given(st.tuples(coordinate, coordinate, coordinate, coordinate), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60)
def test_boxes(box, height, width):
    found = kernels.rle_from_box(box, height, width)
    assert found == coco.frPyObjects(np.array([box], float), height, width)[0]["counts"]
    assert found == naive.rle_from_box(box, height, width)


def test_few_points_and_no_polygon():
    empty = naive.rle_from_mask(np.zeros((4, 6)))
    assert kernels.rle_from_polygons([], 4, 6) == empty
    assert kernels.rle_from_polygons([[1, 1]], 4, 6) == empty
    assert (
        kernels.rle_from_polygons([[1, 1, 3, 3]], 4, 6)
        == naive.rle_from_polygons([[1, 1, 3, 3]], 4, 6)
        == empty
    )


def test_the_farthest_coordinates():
    far = 1e8
    whole = kernels.rle_from_polygons([[-far, -far, -far, far, far, far, far, -far]], 5, 7)
    assert kernels.rle_to_mask(whole, 5, 7).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.rle_from_polygons([[]], 4, 6),
        lambda: kernels.rle_from_polygons([[1, 1, 2]], 4, 6),
        lambda: kernels.rle_from_polygons([[[1, 1], [2, 2]]], 4, 6),
        lambda: kernels.rle_from_polygons([[1, 1, 2, np.nan]], 4, 6),
        lambda: kernels.rle_from_polygons([[1, 1, 2, -np.inf]], 4, 6),
        lambda: kernels.rle_from_polygons([[1, 1, 2, 2e8]], 4, 6),
        lambda: kernels.rle_from_polygons([[1, 1, 2, 2, 3, 1]], 0, 6),
        lambda: kernels.rle_from_box([1, 2, 3], 4, 6),
        lambda: kernels.rle_from_box([1, 2, np.nan, 3], 4, 6),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(ValueError, match=r"polygon|coordinate|box|height"):
        call()
