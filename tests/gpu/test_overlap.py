"""Counts of label maps: a device against the CPU and the naive twin, bit for bit."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from segbench import kernels

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64"]


def blocks(rng, shape, ids, longest, dtype):
    """Ids in runs of random length."""
    n = int(np.prod(shape))
    return np.repeat(rng.choice(ids, n), rng.integers(1, longest + 1, n))[:n].reshape(shape).astype(dtype)


def cells(table):
    truth, pred = np.nonzero(table)
    return truth, pred, table[truth, pred].astype(np.int64)


def same(found, expected):
    for column, values in zip(found, expected, strict=True):
        np.testing.assert_array_equal(column, values)


def table_of(device, truth, pred, num_classes, ignore_index, by_image=False):
    counts = kernels.table_of(device, len(truth) if by_image else 1, num_classes)
    with device.turn():
        maps = (device.xp.asarray(side) for side in (truth, pred))
        kernels.add_confusion(device, *maps, ignore_index=ignore_index, counts=counts)
    return device.to_host(counts)


@pytest.mark.parametrize("truth_dtype", DTYPES)
@pytest.mark.parametrize("pred_dtype", DTYPES)
def test_every_pair_of_types(device, truth_dtype, pred_dtype):
    rng = np.random.default_rng(1)
    truth = blocks(rng, (2, 24, 40), [0, 1, 2, 3, 9, 100], 30, truth_dtype)
    pred = blocks(rng, (2, 24, 40), [0, 1, 2, 3, 9, 100], 30, pred_dtype)
    expected = naive.confusion(truth, pred, 4, 100)
    same(kernels.confusion(truth, pred, 4, 100), expected)
    same(cells(table_of(device, truth, pred, 4, 100)[0]), expected)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 7), (2, 16, 16), (1, 3, 17), (4, 1, 4), (1, 0, 5), (0, 2, 3)]
)
def test_every_size_and_each_image_apart(device, shape):
    rng = np.random.default_rng(2)
    truth, pred = (blocks(rng, shape, [-1, 0, 1, 2], 3, "int16") for _ in range(2))
    same(cells(table_of(device, truth, pred, 2, 255).sum(axis=0)), naive.confusion(truth, pred, 2, 255))
    for table, t, p in zip(table_of(device, truth, pred, 2, 1, by_image=True), truth, pred, strict=True):
        same(cells(table), naive.confusion(t, p, 2, 1))


def test_maps_that_do_not_begin_where_groups_do(device):
    """Slices of one array: a group of 16 or 4 pixels cannot be read at once there."""
    rng = np.random.default_rng(3)
    whole = device.xp.asarray(blocks(rng, 4097, [0, 1, 2], 5, "uint8"))
    for start in range(5):
        truth, pred = whole[start : start + 2048].reshape(1, 32, 64), whole[2049:].reshape(1, 32, 64)
        counts = kernels.table_of(device, 1, 3)
        kernels.add_confusion(device, truth, pred, ignore_index=255, counts=counts)
        expected = naive.confusion(device.to_host(truth), device.to_host(pred), 3, 255)
        same(cells(device.to_host(counts)[0]), expected)


@pytest.mark.parametrize("num_classes", [1, 19, 150, 300])
def test_tables_that_fit_shared_memory_and_not(device, num_classes):
    rng = np.random.default_rng(num_classes)
    truth, pred = (blocks(rng, (2, 30, 40), np.arange(num_classes), 4, "int32") for _ in range(2))
    same(
        cells(table_of(device, truth, pred, num_classes, 0)[0]), naive.confusion(truth, pred, num_classes, 0)
    )


def test_counts_in_global_memory(small_device):
    rng = np.random.default_rng(4)
    truth, pred = (blocks(rng, (2, 30, 40), [0, 1, 20, 255], 4, "uint8") for _ in range(2))
    same(cells(table_of(small_device, truth, pred, 21, 255)[0]), naive.confusion(truth, pred, 21, 255))


def test_counts_add_up(device):
    truth, pred = np.zeros((1, 4, 4), np.uint8), np.ones((1, 4, 4), np.uint8)
    counts = kernels.table_of(device, 1, 2)
    for _ in range(3):
        kernels.add_confusion(device, *map(device.xp.asarray, (truth, pred)), ignore_index=255, counts=counts)
    same(cells(device.to_host(counts)[0]), ([0], [1], [48]))


def pairs_of(device, truth, pred, slots=256):
    tables = kernels.segment_tables(device, len(truth), slots)
    kernels.add_segment_pairs(device, *map(device.xp.asarray, (truth, pred)), tables)
    pairs, counts, lost = map(device.to_host, tables)
    found = []
    for keys, pixels in zip(pairs, counts, strict=True):
        order = np.argsort(keys)[: np.count_nonzero(pixels)]
        columns = keys[order] >> np.uint64(32), keys[order] & np.uint64(2**32 - 1), pixels[order]
        found.append([column.astype(np.int64) for column in columns])
    return found, lost


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64"])
@pytest.mark.parametrize("longest", [1, 40])
def test_pairs_of_segments(device, dtype, longest):
    rng = np.random.default_rng(longest)
    ids = [0, 1, 7, 200] if dtype == "uint8" else [0, 7, 255, 26001]
    ids = ids if dtype in ("uint8", "uint16") else [*ids, 70000, 2**31 - 1]
    truth, pred = (blocks(rng, (3, 20, 36), ids, longest, dtype) for _ in range(2))
    found, lost = pairs_of(device, truth, pred)
    assert not lost.any()
    for image, t, p in zip(found, truth, pred, strict=True):
        same(image, naive.pair_counts(t, p))
        same(image, kernels.pair_counts(t, p))


def test_more_pairs_than_a_block_can_hold(device):
    rng = np.random.default_rng(5)
    truth, pred = (rng.integers(0, 90, (2, 60, 70)) for _ in range(2))
    found, lost = pairs_of(device, truth, pred, 8192)
    assert not lost.any()
    for image, t, p in zip(found, truth, pred, strict=True):
        same(image, naive.pair_counts(t, p))


def test_pairs_without_a_place_are_counted(device):
    truth = np.arange(600).reshape(1, 20, 30)
    found, lost = pairs_of(device, truth, truth, 512)
    assert len(found[0][0]) == 512
    assert lost.tolist() == [[0, 88]]


def test_ids_out_of_range_are_counted(device):
    truth = np.array([[[0, -1, 2**32 - 1, 2**40, 2**32 - 2]]])
    found, lost = pairs_of(device, truth, np.zeros_like(truth))
    assert [column.tolist() for column in found[0]] == [[0, 2**32 - 2], [0, 0], [1, 1]]
    assert lost.tolist() == [[3, 0]]
