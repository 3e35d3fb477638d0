"""Painting masks into maps and taking maps apart, against the naive twins."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from segbench import kernels

SIZES = [(1, 1), (1, 7), (7, 1), (5, 5), (13, 4), (3, 300), (300, 3), (37, 70)]


def rectangles(height, width, n):
    """Return RLEs of torn rectangles, one empty mask and one whole image, in any order."""
    rng = np.random.default_rng(5)
    masks = np.zeros((n, height, width), bool)
    for mask in masks[:-2]:
        (y0, y1), (x0, x1) = (np.sort(rng.integers(0, side + 1, 2)) for side in (height, width))
        mask[y0:y1, x0:x1] = rng.random((y1 - y0, x1 - x0)) < 0.9
    masks[-1] = True
    return [kernels.rle_from_mask(mask) for mask in masks[rng.permutation(n)]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_paint(size, dtype):
    rles = rectangles(*size, 7)
    ends = np.iinfo(dtype)
    values = np.array([1, ends.min, 3, ends.max, 5, 6, 7])[np.random.default_rng(0).permutation(7)]
    found = np.random.default_rng(1).integers(0, 99, size).astype(dtype)
    expected = found.copy()
    kernels.paint(found, rles, values)
    naive.paint(expected, rles, values)
    np.testing.assert_array_equal(found, expected)


def test_a_bad_mask_leaves_the_canvas_alone():
    canvas = np.zeros((2, 5), np.int32)
    with pytest.raises(ValueError, match="RLE 1"):
        kernels.paint(canvas, [b"0:", b"/"], [1, 2])
    assert not canvas.any()


def test_canvases_that_are_refused():
    read_only = np.zeros((2, 5), np.int32)
    read_only.flags.writeable = False
    for canvas in (np.zeros((2, 5)), np.zeros(10, np.int32), np.zeros((5, 2), np.int32).T, read_only):
        with pytest.raises(ValueError, match="canvas"):
            kernels.paint(canvas, [], [])
    for value in (-1, 256):
        with pytest.raises(ValueError, match="values must fit uint8"):
            kernels.paint(np.zeros((2, 5), np.uint8), [b":"], [value])
    with pytest.raises(ValueError, match=r"shape \[1\]"):
        kernels.paint(np.zeros((2, 5), np.int32), [b":"], [1, 2])


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.int64])
def test_segments(size, dtype):
    rng = np.random.default_rng(2)
    for segment_map in (
        rng.integers(0, 5, size).astype(dtype),
        np.kron(rng.integers(0, 5, size), np.ones((3, 2))).astype(dtype),
    ):
        ids = [3, 0, 77, 1, 4]  # 77 does not occur, 2 is not asked for
        assert kernels.segment_rles(segment_map, ids) == naive.segment_rles(segment_map, ids)
        boxes = kernels.segment_boxes(segment_map, ids)
        assert boxes.dtype.type is np.int64
        np.testing.assert_array_equal(boxes, naive.segment_boxes(segment_map, ids))


def test_segments_that_are_refused():
    flat = np.zeros((2, 3), np.int32)
    for door in (kernels.segment_rles, kernels.segment_boxes):
        with pytest.raises(ValueError, match="twice"):
            door(flat, [1, 1])
        with pytest.raises(ValueError, match="integers"):
            door(flat.astype(float), [1])
        with pytest.raises(ValueError, match=r"\[H, W\]"):
            door(flat[0], [1])
    assert kernels.segment_rles(flat, []) == []
