"""Doors of the kernels on a device: the same counts as on the CPU, added where they are, and no waiting.

All arrays are those of ``device.xp``, contiguous; see :class:`segbench.kernels.Device`. Label maps are
integers [B, H, W].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from segbench.kernels._device import Device

LABEL_TYPES = {"uint8": 0, "int8": 1, "uint16": 2, "int16": 3, "uint32": 4, "int32": 5, "int64": 6}
"""Numbers of the types of label maps: ``LabelType`` of labels.h."""

MAX_CLASSES = 32766
"""Classes are so few that a pair of them fits 30 bits."""

THREADS = 256
_MANY_THREADS = 512
"""Of blocks whose counters take so much memory that few blocks fit."""

_MUCH_MEMORY = 32 << 10
_WAVES = 8


def label_batch(device: Device, maps: Any) -> Any:
    """Return a label map as kernels read it: [B, H, W], contiguous, of a type that they know."""
    if maps.dtype.name not in LABEL_TYPES:
        maps = maps.astype(np.int64)
    return device.xp.ascontiguousarray(maps[None] if maps.ndim == 2 else maps)


def table_of(device: Device, images: int, num_classes: int) -> Any:
    """Return a table of no pixel: uint64 [images, K + 2, K + 2]."""
    return device.xp.zeros((images, num_classes + 2, num_classes + 2), np.uint64)


def add_confusion(device: Device, truth: Any, pred: Any, *, ignore_index: int, counts: Any) -> None:
    """Add the pixels of label maps by (true class, predicted class).

    Parameters
    ----------
    device
        Where the arrays are.
    truth, pred
        Integers [B, H, W].
    ignore_index
        The id to ignore, on either side.
    counts
        uint64 [1, K + 2, K + 2], or [B, K + 2, K + 2] for each image apart; see
        :func:`segbench.kernels.confusion` for the last two rows and columns.
    """
    if truth.size == 0:
        return
    images, pixels, side = len(counts), truth.size // len(counts), counts.shape[-1]
    group, shared = _group(truth, pred, pixels), shared_bytes(device, side * side)
    args = (
        *labels(truth), *labels(pred), np.int64(images), np.int64(pixels), np.int32(group),
        np.int64(side - 2), np.int64(ignore_index), np.int32(shared > 0), counts,
    )  # fmt: skip
    grid = blocks(device, pixels, group, images)
    device.launch("confusion", grid, threads(shared), args, shared)


def add_logits(device: Device, truth: Any, logits: Any, kind: str, *, ignore_index: int, counts: Any) -> None:
    """Add the pixels by (true class, class of the highest score), of scores brought to the truth's size.

    Parameters
    ----------
    device, truth, ignore_index, counts
        As :func:`add_confusion`.
    logits
        Scores [B, K, h, w], or their bits.
    kind
        ``float32``, ``float16`` or ``bfloat16``.

    Notes
    -----
    The same classes as :func:`segbench.kernels.logits_confusion`, to the last pixel.
    """
    images, classes, height, width = logits.shape
    rows, columns = truth.shape[1:]
    if truth.size == 0:
        return
    shared = shared_bytes(device, (classes + 2) ** 2, 4 * _MANY_THREADS)
    n = threads(shared)
    args = (
        logits, np.int64(images), np.int32(classes), np.int32(height), np.int32(width), *labels(truth),
        np.int32(rows), np.int32(columns), np.int64(ignore_index), np.int32(len(counts) == 1),
        np.int32(shared > 0), counts,
    )  # fmt: skip
    short = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}[kind]
    grid = blocks(device, rows * columns, 16, images)
    rows = 8 * 16 * (n // 32)  # of a tile, for each warp
    device.launch(f"logits_confusion_{short}", grid, n, args, shared + rows)


def segment_tables(device: Device, images: int, slots: int) -> tuple[Any, Any, Any]:
    """Return tables of no pair: ``pairs`` and ``counts`` uint64 [images, slots], ``lost`` [images, 2]."""
    xp = device.xp
    pairs = xp.full((images, slots), np.iinfo(np.uint64).max, np.uint64)
    return pairs, xp.zeros((images, slots), np.uint64), xp.zeros((images, 2), np.uint64)


def add_segment_pairs(device: Device, truth: Any, pred: Any, tables: tuple[Any, Any, Any]) -> None:
    """Add the pixels of segment maps by (true id, predicted id), to the tables of :func:`segment_tables`.

    ``slots`` is a power of two. Pixels with an id below 0 or above 2**32 - 2 are counted in ``lost[:, 0]``,
    those of pairs beyond the slots in ``lost[:, 1]``.
    """
    pairs, counts, lost = tables
    images, pixels = len(truth), truth[0].size
    group = _group(truth, pred, pixels)
    args = (
        *labels(truth), *labels(pred), np.int64(images), np.int64(pixels), np.int32(group),
        np.int64(pairs.shape[1]), pairs, counts, lost,
    )  # fmt: skip
    local = 1024 * (8 + 4)
    device.launch("segment_pairs", blocks(device, pixels, group, images), THREADS, args, local)


def labels(maps: Any) -> tuple[Any, np.int32]:
    return maps, np.int32(LABEL_TYPES[maps.dtype.name])


def _group(truth: Any, pred: Any, pixels: int) -> int:
    """How many neighbours can be read at once, of both maps and in each image."""
    sizes = truth.dtype.itemsize, pred.dtype.itemsize
    for group in (16, 4) if max(sizes) == 1 else (4,):
        steps = [size * group for size in sizes]
        starts = address(truth), address(pred)
        if all(start % step == 0 and pixels % group == 0 for start, step in zip(starts, steps, strict=True)):
            return group
    return 1


def address(array: Any) -> int:
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return int(interface["data"][0])


def shared_bytes(device: Device, counters: int, beside: int = 0) -> int:
    """Bytes of so many counters in shared memory; 0 where they do not fit, with other bytes beside them."""
    return 4 * counters if 4 * counters + beside <= device.shared_bytes else 0


def threads(shared: int) -> int:
    """Threads of a block of so much shared memory."""
    return _MANY_THREADS if shared > _MUCH_MEMORY else THREADS


def blocks(device: Device, pixels: int, group: int, images: int) -> tuple[int, int]:
    """So many blocks an image that all processors have some, and no more than have something to do."""
    wanted = -(-pixels // (THREADS * group))
    share = -(-device.processors * _WAVES // images)
    return max(1, min(wanted, share)), min(images, 65535)
