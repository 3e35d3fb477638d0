"""Door of panoptic matching, on the CPU and on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._on_device import THREADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from segbench.kernels._device import Device

CROWD, IGNORED, STUFF, STATED = 1, 2, 4, 8
"""Kinds of segments, as bits: ``SegmentKind`` of segment_table.h."""


class SegmentTable(NamedTuple):
    """The segments of one image, and the pixels that pairs of them share.

    Attributes
    ----------
    pairs
        int64 [3, n]: true id, predicted id, pixels; sorted by the ids. 0 is void.
    truth_ids, pred_ids
        int64 [T] and [P], rising.
    truth_rows, pred_rows
        int32 [3, T] and [3, P]: place in the list as it was given, category, kind.
    stated
        float64 [T]: the true areas as the source states them, where the kind says that it does.
    edge_iou
        float64 [n]: what the IoU of each pair is at most; None for no such bound.
    """

    pairs: npt.NDArray[np.int64]
    truth_ids: npt.NDArray[np.int64]
    truth_rows: npt.NDArray[np.int32]
    stated: npt.NDArray[np.float64]
    pred_ids: npt.NDArray[np.int64]
    pred_rows: npt.NDArray[np.int32]
    edge_iou: npt.NDArray[np.float64] | None = None


class _Arrays(NamedTuple):
    """The tables of several images, one after the other; see :class:`SegmentTable`."""

    pairs: npt.NDArray[np.int64]
    truth_ids: npt.NDArray[np.int64]
    truth_rows: npt.NDArray[np.int32]
    stated: npt.NDArray[np.float64]
    pred_ids: npt.NDArray[np.int64]
    pred_rows: npt.NDArray[np.int32]


class SegmentMatches(NamedTuple):
    """What matched in one image.

    Attributes
    ----------
    truth_categories, pred_categories, ious
        int32 and float64 [m]: the matches, and what would match if its categories were the same, in order of
        (true id, predicted id).
    truth_pixels
        int64 [T]: pixels of each true segment.
    tp, fn
        int32 [T]: how often each true segment is a true positive; 1 where it is missed.
    fp
        int32 [P]: 1 where a predicted segment is a false positive.
    """

    truth_categories: npt.NDArray[np.int32]
    pred_categories: npt.NDArray[np.int32]
    ious: npt.NDArray[np.float64]
    truth_pixels: npt.NDArray[np.int64]
    tp: npt.NDArray[np.int32]
    fn: npt.NDArray[np.int32]
    fp: npt.NDArray[np.int32]


def match_segments(
    tables: Sequence[SegmentTable], rules: int = 0, device: Device | None = None
) -> list[SegmentMatches]:
    """Match the true and predicted segments of images.

    Parameters
    ----------
    tables
        One for each image.
    rules
        How, as bits: ``PanopticRule`` of panoptic.h.
    device
        Where to match; None for the CPU. IoU of edges is bounded on the CPU alone.

    Returns
    -------
    One of each image, the same to the last bit wherever they were matched.

    Raises
    ------
    ValueError
        If a length is wrong.

    Notes
    -----
    ``pq_compute_single_core`` of panopticapi 7bb4655 (Kirillov et al., Panoptic segmentation, CVPR 2019).
    """
    if not tables:
        return []
    lengths = [(t.pairs.shape[1], len(t.truth_ids), len(t.pred_ids)) for t in tables]
    ends = np.array(list(zip(*lengths, strict=True)), np.int64).cumsum(axis=1)
    arrays = _Arrays(*(_joined(one) for one in zip(*(t[:6] for t in tables), strict=True)))
    if device is None:
        edges = [t.edge_iou for t in tables if t.edge_iou is not None]
        bound = np.concatenate(edges) if edges else np.empty(0)
        found = _cpu.match_segments(ends, *arrays, bound, rules)
    else:
        found = _on_device(device, ends, arrays, rules)
    return _apart(found, ends)


def _joined(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=-1)


def _on_device(
    device: Device, ends: npt.NDArray[np.int64], arrays: _Arrays, rules: int
) -> tuple[npt.NDArray[Any], ...]:
    """Match on a device, one thread an image, and bring what was found to the CPU."""
    xp = device.xp
    images, (n, truths, preds) = ends.shape[1], (int(last) for last in ends[:, -1])
    with device.turn():
        room = (
            xp.empty((2, truths), np.int64),
            xp.empty((2, preds), np.int64),
            xp.empty(truths + 2 * preds, np.int32),
            xp.empty((n, 2), np.int64),
        )
        found = (
            xp.empty((2, n), np.int32),
            xp.empty(n, np.float64),
            xp.empty(images, np.int64),
            xp.empty(truths, np.int64),
            xp.empty((2, truths), np.int32),
            xp.empty(preds, np.int32),
        )
        args = (
            *map(np.int64, (images, n, truths, preds)), xp.asarray(ends), *map(xp.asarray, arrays),
            np.uint32(rules), *room, *found,
        )  # fmt: skip
        device.launch("match_segments", (-(-images // THREADS), 1), THREADS, args)
        return tuple(map(device.to_host, found))


def _apart(found: tuple[npt.NDArray[Any], ...], ends: npt.NDArray[np.int64]) -> list[SegmentMatches]:
    categories, ious, matches, truth_pixels, (tp, fn), fp = found
    out = []
    begin = [0, 0, 0]
    for end, m in zip(ends.T.tolist(), matches.tolist(), strict=True):
        pair, truths, preds = begin[0], slice(begin[1], end[1]), slice(begin[2], end[2])
        matched = slice(pair, pair + m)
        taken = categories[0, matched], categories[1, matched], ious[matched]
        counts = tp[truths], fn[truths], fp[preds]
        out.append(SegmentMatches(*taken, truth_pixels[truths], *counts))
        begin = end
    return out
