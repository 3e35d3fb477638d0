"""Boundaries of masks and of whole maps, against the naive twins: in wide and high images above all."""

from __future__ import annotations

from dataclasses import replace

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench import kernels

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (13, 4), (31, 70), (70, 31), (65, 64), (20, 130)]
DISTANCES = [1, 2, 3, 7, 16, 500]
DTYPES = [np.uint8, np.uint16, np.uint32, np.int32, np.int64]


def random_map(rng, size, n_ids):
    """Blocks of any size, noise over a part of them."""
    scale = int(rng.integers(1, 12))
    coarse = rng.integers(0, n_ids, (size[0] // scale + 1, size[1] // scale + 1))
    ids = np.kron(coarse, np.ones((scale, scale), int))[: size[0], : size[1]]
    noise = rng.random(size) < rng.choice([0, 0, 0.02, 0.3])
    return np.where(noise, rng.integers(0, n_ids, size), ids)


def random_masks(rng, size, n):
    """RLEs of torn blocks, with an empty and a full mask."""
    masks = [random_map(rng, size, 3) > rng.integers(0, 2) for _ in range(n)]
    masks += [np.zeros(size, bool), np.ones(size, bool)]
    return [kernels.rle_from_mask(mask) for mask in masks]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("distance", DISTANCES)
def test_maps(size, distance):
    rng = np.random.default_rng(distance)
    for dtype in DTYPES:
        truth, pred = (random_map(rng, size, 4).astype(dtype) for _ in range(2))
        found = kernels.boundary_map(truth, distance)
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, naive.boundary_map(truth, distance))
        pairs = kernels.boundary_pairs(truth, pred, distance)
        of_runs = kernels.boundary_pairs(kernels.LabelRuns.of(truth), pred, distance)
        for ours, same, expected in zip(
            pairs, of_runs, naive.boundary_pairs(truth, pred, distance), strict=True
        ):
            assert ours.dtype == np.int64
            np.testing.assert_array_equal(ours, expected)
            np.testing.assert_array_equal(same, expected)
        np.testing.assert_array_equal(pairs[2][:, 0], kernels.pair_counts(truth, pred)[2])


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("distance", DISTANCES)
def test_masks(size, distance):
    rng = np.random.default_rng(distance)
    pred, truth = random_masks(rng, size, 4), random_masks(rng, size, 3)
    crowd = rng.random(len(truth)) < 0.3
    assert kernels.rle_boundary(pred, *size, distance) == naive.rle_boundary(pred, *size, distance)
    found = kernels.rle_boundary_iou(pred, truth, crowd, *size, distance=distance)
    assert found.tobytes() == naive.rle_boundary_iou(pred, truth, crowd, *size, distance).tobytes()
    assert kernels.rle_boundary([], *size, distance) == []
    assert kernels.rle_boundary_iou([], truth, crowd, *size, distance=distance).shape == (0, len(truth))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("ignore", [255, 0, 2, -1])
def test_classes(size, ignore):
    rng = np.random.default_rng(ignore + 1)
    for distance in DISTANCES:
        truth, pred = (random_map(rng, size, 4) for _ in range(2))
        truth[random_map(rng, size, 4) == 0] = ignore
        pred[rng.random(size) < 0.05] = ignore
        case = truth.astype(np.int64), pred.astype(np.int32), 4, ignore
        found = kernels.boundary_classes(*case, distance)
        np.testing.assert_array_equal(found[:4], naive.boundary_classes(*case, distance))
        assert found.shape == (6, 3)
        assert not found[5].any()
        found = kernels.contour_hits(*case, distance)
        np.testing.assert_array_equal(found[:4], naive.contour_hits(*case, distance))
        assert not found[4].any()


@pytest.mark.parametrize("side", ["truth", "pred"])
def test_ids_out_of_range_are_told(side):
    maps = {"truth": np.zeros((5, 7), np.int32), "pred": np.zeros((5, 7), np.int32)}
    maps[side][1:4, 2:5] = 9
    column = 0 if side == "truth" else 1
    classes = kernels.boundary_classes(**maps, num_classes=2, ignore_index=255, distance=1)
    contours = kernels.contour_hits(**maps, num_classes=2, ignore_index=255, squared_reach=0)
    assert classes[3].tolist() == [8 * (column == 0), 8 * (column == 1), 0]
    assert contours[2].tolist() == [8 * (column == 0), 0, 8 * (column == 1), 0]


sides = st.integers(1, 40)


@given(sides, sides, st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_any_size_and_distance(height, width, distance, seed):
    rng = np.random.default_rng(seed)
    size = (height, width)
    truth, pred = (random_map(rng, size, 5) for _ in range(2))
    for ours, expected in zip(
        kernels.boundary_pairs(truth, pred, distance),
        naive.boundary_pairs(truth, pred, distance),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, expected)
    rles = random_masks(rng, size, 2)
    assert kernels.rle_boundary(rles, *size, distance) == naive.rle_boundary(rles, *size, distance)
    case = truth, pred, 5, int(rng.choice([0, 3, 255]))
    np.testing.assert_array_equal(
        kernels.boundary_classes(*case, distance)[:5], naive.boundary_classes(*case, distance)
    )
    np.testing.assert_array_equal(
        kernels.contour_hits(*case, distance**2 // 3)[:5], naive.contour_hits(*case, distance**2 // 3)
    )


@pytest.mark.parametrize(
    ("size", "ratio", "distance"),
    [
        ((480, 640), 0.02, 16),
        ((150, 260), 0.02, 6),  # 6.003 pixels
        ((260, 150), 0.02, 6),
        ((1024, 2048), 0.02, 46),
        ((75, 100), 0.02, 2),  # 2.5 goes to the even one
        ((105, 140), 0.02, 4),  # 3.5 too
        ((1, 1), 0.02, 1),  # at least 1
        ((3, 4), 1.0, 5),
    ],
)
def test_distance(size, ratio, distance):
    assert kernels.boundary_distance(*size, ratio) == distance


def test_an_image_of_150_by_260_is_no_square_of_either_side():
    truth = np.zeros((150, 260), np.uint8)
    truth[20:130, 30:230] = 1
    pred = np.roll(truth, (4, 9), axis=(0, 1))
    rles = [kernels.rle_from_mask(mask) for mask in (pred, truth)]
    distance = kernels.boundary_distance(150, 260, 0.02)
    found = kernels.rle_boundary_iou(rles[:1], rles[1:], [False], 150, 260, distance=distance)[0, 0]
    t, p = (naive.mask_boundary(mask, 6).astype(bool) for mask in (truth, pred))
    assert found == np.count_nonzero(t & p) / np.count_nonzero(t | p)
    assert found < 0.45
    assert naive.mask_iou(truth, pred, False) > 0.85


def test_what_is_refused():
    flat = np.zeros((2, 3), np.int32)
    with pytest.raises(ValueError, match="distance must be at least 1, not 0"):
        kernels.boundary_map(flat, 0)
    with pytest.raises(ValueError, match=r"the map must be \[H, W\], not \[6\]"):
        kernels.boundary_map(flat.ravel(), 1)
    with pytest.raises(ValueError, match=r"truth and pred must have one shape, not \(2, 3\) and \(3, 2\)"):
        kernels.boundary_pairs(flat, flat.T, 1)
    with pytest.raises(ValueError, match="must be positive"):
        kernels.boundary_map(flat[:0], 1)
    runs = kernels.LabelRuns.of(flat)
    for values, ends, message in (
        ([0], [5], "not as many pixels"),
        ([0, 1], [4, 4], "must rise"),
        ([0, 1], [6], "an end for each value"),
    ):
        wrong = replace(runs, values=np.array(values, np.int32), ends=np.array(ends, np.uint32))
        with pytest.raises(ValueError, match=message):
            kernels.boundary_map(wrong, 1)
        with pytest.raises(ValueError, match=message):
            kernels.boundary_classes(runs, wrong, 2, 255, 1)
        with pytest.raises(ValueError, match=message):
            kernels.contour_hits(wrong, runs, 2, 255, 1)
    with pytest.raises(ValueError, match="integers"):
        kernels.boundary_map(flat.astype(float), 1)
    with pytest.raises(ValueError, match="negative"):
        kernels.boundary_pairs(flat - 1, flat, 1)
    with pytest.raises(ValueError, match="num_classes must be at least 1"):
        kernels.boundary_classes(flat, flat, 0, 255, 1)
    with pytest.raises(ValueError, match="squared_reach must be at least 0"):
        kernels.contour_hits(flat, flat, 1, 255, -1)
    with pytest.raises(ValueError, match="RLE 1"):
        kernels.rle_boundary([b"6", b"/"], 2, 3, 1)
    with pytest.raises(ValueError, match=r"shape \[1\]"):
        kernels.rle_boundary_iou([b"6"], [b"6"], [True, False], 2, 3, distance=1)
    for ratio in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="ratio must be a positive number"):
            kernels.boundary_distance(2, 3, ratio)
