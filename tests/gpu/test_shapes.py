"""Masks as bits and boundaries of label maps: a device against the CPU and the naive twins, bit for bit."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from gpu.test_overlap import blocks
from segbench import kernels

SIZES = [(1, 1), (1, 70), (70, 1), (13, 70), (16, 64), (5, 7), (64, 3), (33, 100)]


def random_masks(rng, n, size, dtype=np.uint8):
    """Boxes of many sizes, speckled; some empty, some full."""
    masks = np.zeros((n, *size), dtype)
    for mask in masks[1:]:
        y0, x0 = rng.integers(0, size[0]), rng.integers(0, size[1])
        part = mask[y0 : y0 + rng.integers(1, size[0] + 1), x0 : x0 + rng.integers(1, size[1] + 1)]
        part[...] = rng.choice([0, 1, 2, 128, 255], part.shape, p=[0.2, 0.5, 0.1, 0.1, 0.1])
    masks[-1] = 255
    return masks


@pytest.mark.parametrize("size", SIZES)
def test_masks_are_packed_and_measured(device, size):
    masks = random_masks(np.random.default_rng(size), 6, size)
    packed = kernels.pack_masks(device, device.xp.asarray(masks))
    bits = np.unpackbits(device.to_host(packed.bits).view(np.uint8), axis=1, bitorder="little")
    np.testing.assert_array_equal(bits[:, : size[0] * size[1]], masks.reshape(6, -1) != 0)
    assert not bits[:, size[0] * size[1] :].any()
    for mask, (area, x0, y0, x1, y1) in zip(masks, device.to_host(packed.measures).tolist(), strict=True):
        ys, xs = np.nonzero(mask)
        assert area == len(ys)
        if area:
            assert (x0, y0, x1, y1) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


@pytest.mark.parametrize("size", SIZES)
def test_iou_of_masks(device, size):
    rng = np.random.default_rng(size)
    pred, truth = random_masks(rng, 7, size), random_masks(rng, 5, size)
    pred_classes, truth_classes, crowd = (rng.integers(0, 2, n) for n in (7, 5, 5))
    sides = [kernels.pack_masks(device, device.xp.asarray(masks)) for masks in (pred, truth)]
    named = {
        "pred_classes": device.xp.asarray(pred_classes),
        "truth_classes": device.xp.asarray(truth_classes),
        "crowd": device.xp.asarray(crowd.astype(np.uint8)),
    }
    found = device.to_host(kernels.packed_iou(device, *sides, **named))
    rles = [[kernels.rle_from_mask(mask) for mask in masks] for masks in (pred, truth)]
    same_class = pred_classes[:, None] == truth_classes
    np.testing.assert_array_equal(found, np.where(same_class, kernels.rle_iou(*rles, crowd, *size), 0))
    twin = [[naive.mask_iou(p != 0, t != 0, c) for t, c in zip(truth, crowd, strict=True)] for p in pred]
    np.testing.assert_array_equal(found, np.where(same_class, twin, 0))


def test_no_masks(device):
    none = kernels.pack_masks(device, device.xp.zeros((0, 4, 5), np.uint8))
    some = kernels.pack_masks(device, device.xp.ones((2, 4, 5), np.uint8))
    columns = [device.xp.zeros(n, dtype) for n, dtype in ((0, np.int64), (2, np.int64), (2, np.uint8))]
    names = "pred_classes", "truth_classes", "crowd"
    iou = kernels.packed_iou(device, none, some, **dict(zip(names, columns, strict=True)))
    assert iou.shape == (0, 2)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (20, 33), (40, 65), (7, 130)])
@pytest.mark.parametrize("distance", [1, 2, 5, 100])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_boundaries_of_classes(device, size, distance, dtype):
    rng = np.random.default_rng(distance)
    truth, pred = (blocks(rng, (2, *size), [0, 1, 2, 3], 25, dtype) for _ in range(2))
    counts = device.xp.zeros((5, 3), np.uint64)
    kernels.add_boundary_classes(
        device, *map(device.xp.asarray, (truth, pred)), ignore_index=3, distance=distance, counts=counts
    )
    images = list(zip(truth, pred, strict=True))
    on_cpu = sum(kernels.boundary_classes(t, p, 3, 3, distance) for t, p in images)
    np.testing.assert_array_equal(device.to_host(counts), on_cpu)
    np.testing.assert_array_equal(
        on_cpu[:3], sum(naive.boundary_classes(t, p, 3, 3, distance) for t, p in images)
    )
