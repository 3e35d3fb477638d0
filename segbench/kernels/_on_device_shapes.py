"""Doors of masks and boundaries on a device; see :mod:`segbench.kernels._on_device`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.kernels._on_device import THREADS, address, blocks, labels, shared_bytes

if TYPE_CHECKING:
    from segbench.kernels._device import Device

_NO_PIXEL = np.iinfo(np.int32).max


class PackedMasks(NamedTuple):
    """Masks of one image as bits.

    Attributes
    ----------
    bits
        uint64 [N, words]: pixel i of a mask, in row-major order, is bit i % 64 of its word i // 64.
    measures
        int32 [N, 5]: area, x0, y0, x1, y1; the box is half open, and of an empty mask has x1 = 0.
    size
        Height and width.
    """

    bits: Any
    measures: Any
    size: tuple[int, int]


def pack_masks(device: Device, masks: Any) -> PackedMasks:
    """Pack masks [N, H, W], bytes that are 0 outside, and measure them."""
    n, height, width = masks.shape
    pixels = height * width
    words = -(-pixels // 64)
    bits = device.xp.empty((n, words), np.uint64)
    measures = device.xp.empty((n, 5), np.int32)
    measures[:, 1:3] = _NO_PIXEL
    measures[:, ::3] = 0
    measures[:, 4] = 0
    if n and pixels:
        aligned = address(masks) % 16 == 0 and pixels % 16 == 0
        args = masks, np.int64(n), np.int64(height), np.int64(width), np.int32(aligned), bits, measures
        device.launch("pack_masks", blocks(device, pixels, 256, n), THREADS, args)
    return PackedMasks(bits, measures, (height, width))


def packed_iou(
    device: Device,
    pred: PackedMasks,
    truth: PackedMasks,
    *,
    pred_classes: Any,
    truth_classes: Any,
    crowd: Any,
) -> Any:
    """Return the IoU of predicted and true masks of one class, 0 of two: float64 [D, G].

    Parameters
    ----------
    device, pred, truth
        Masks of one size, and where they are.
    pred_classes, truth_classes
        int64 [D] and [G].
    crowd
        uint8 [G]: with a crowd, the value is the part of the predicted mask that the crowd covers.

    Notes
    -----
    Bit for bit :func:`segbench.kernels.rle_iou`, which is that of pycocotools 2.0.11.
    """
    n_pred, n_truth = len(pred.bits), len(truth.bits)
    iou = device.xp.zeros((n_pred, n_truth), np.float64)
    if iou.size:
        sizes = map(np.int64, (n_pred, n_truth, *pred.size))
        args = (
            pred.bits, truth.bits, *sizes, pred.measures, truth.measures, pred_classes, truth_classes, crowd,
            iou,
        )  # fmt: skip
        device.launch("packed_iou", blocks(device, iou.size * 32, 1, 1), THREADS, args)
    return iou


def add_boundary_classes(
    device: Device, truth: Any, pred: Any, *, ignore_index: int, distance: int, counts: Any
) -> None:
    """Add the boundary pixels of every class of label maps [B, H, W].

    Parameters
    ----------
    device, truth, pred, ignore_index
        As :func:`segbench.kernels._on_device.add_confusion`.
    distance
        How far a boundary reaches, in pixels; from 1 up.
    counts
        uint64 [K + 2, 3]; see :func:`segbench.kernels.boundary_classes`.
    """
    images, height, width = truth.shape
    if truth.size == 0:
        return
    d = min(distance, (min(height, width) + 1) // 2)  # no pixel is further from the outside
    rows, words = height + d, -(-(width + d) // 64)
    near = device.xp.empty((2, images, rows, words), np.uint64)
    sizes = np.int64(images), np.int64(height), np.int64(width)
    for side, maps in enumerate((truth, pred)):
        args = (*labels(maps), *labels(truth), *sizes, np.int64(ignore_index), np.int64(d), np.int64(words))
        grid = blocks(device, images * rows * words * 64, 1, 1)
        device.launch("mixed_corners", grid, THREADS, (*args, near[side]))
    near = _joined(device, near, 2 * d)
    classes = len(counts) - 2
    shared = shared_bytes(device, 3 * (classes + 2))
    counted = (
        *labels(truth), *labels(pred), *sizes, np.int64(classes), np.int64(ignore_index), np.int64(d),
        np.int64(words), near, np.int32(shared > 0), counts,
    )  # fmt: skip
    device.launch("boundary_counts", blocks(device, truth.size, 4, 1), THREADS, counted, shared)


def _joined(device: Device, bits: Any, side: int) -> Any:
    """Join each bit with those of a square of which it is the first corner."""
    _, images, rows, words = bits.shape
    grid = blocks(device, bits.size, 1, 1)
    other = device.xp.empty_like(bits)
    for along in (True, False):
        span = 1
        while span < side:
            shift = min(span, side - span)
            if along:
                args = bits, np.int64(2 * images * rows), np.int64(words), np.int64(shift), other
                device.launch("join_along_rows", grid, THREADS, args)
            else:
                args = bits, *map(np.int64, (2 * images, rows, words, shift)), other
                device.launch("join_across_rows", grid, THREADS, args)
            bits, other, span = other, bits, span + shift
    return bits
