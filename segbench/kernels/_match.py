"""Doors of instance matching: the IoU of boxes, and COCO's greedy choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segbench.kernels import _cpu

if TYPE_CHECKING:
    import numpy.typing as npt


def _boxes(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    boxes = np.ascontiguousarray(values, np.float64)
    if boxes.size == 0:
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} must have shape [N, 4], not {list(boxes.shape)}")
    return boxes


def flags(values: npt.ArrayLike, n: int, name: str) -> npt.NDArray[np.bool_]:
    """Return `values` as n booleans."""
    out = np.ascontiguousarray(values, np.bool_)
    if out.shape != (n,):
        raise ValueError(f"{name} must have shape [{n}], one value a truth, not {list(out.shape)}")
    return out


def box_iou(pred: npt.ArrayLike, truth: npt.ArrayLike, truth_crowd: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the IoU of every predicted box with every true one.

    Parameters
    ----------
    pred, truth
        float64 [D, 4] and [G, 4]: x, y, width, height in pixels.
    truth_crowd
        bool [G]. With a crowd, the value is the part of the predicted box that the crowd covers.

    Returns
    -------
    float64 [D, G]
        Bit for bit what ``bbIou`` of pycocotools 2.0.11 gives.

    Raises
    ------
    ValueError
        If a shape is wrong.
    """
    truths = _boxes(truth, "truth")
    return _cpu.box_iou(_boxes(pred, "pred"), truths, flags(truth_crowd, len(truths), "truth_crowd"))


def match(
    iou: npt.ArrayLike,
    truth_ignore: npt.ArrayLike,
    truth_crowd: npt.ArrayLike,
    thresholds: npt.ArrayLike,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Match predictions to truth as COCOeval does, at every threshold and for every area range.

    A prediction takes the truth of highest IoU, the later of equals, that is free or a crowd and reaches
    ``min(threshold, 1 - 1e-10)``. Truth to be ignored comes last: it is taken only where no other is.

    Parameters
    ----------
    iou
        float64 [D, G]; predictions by falling score, already cut at the most that count.
    truth_ignore
        bool [A, G]: truth to be ignored in each area range, crowds included.
    truth_crowd
        bool [G]: truth that may be matched many times.
    thresholds
        float64 [T]: the least IoU of a match.

    Returns
    -------
    pred_match : int32 [A, T, D]
        Index of the truth that each prediction takes, or -1.
    truth_match : int32 [A, T, G]
        Index of the prediction that took each truth (for a crowd the last one), or -1.

    Raises
    ------
    ValueError
        If a shape is wrong.

    Notes
    -----
    ``COCOeval.evaluateImg`` of pycocotools 2.0.11 (Lin et al., Microsoft COCO, ECCV 2014).
    """
    overlaps = np.ascontiguousarray(iou, np.float64)
    if overlaps.ndim != 2:
        raise ValueError(f"iou must have shape [D, G], not {list(overlaps.shape)}")
    truths = overlaps.shape[1]
    ignore = np.ascontiguousarray(truth_ignore, np.bool_)
    if ignore.ndim != 2 or ignore.shape[1] != truths:
        raise ValueError(f"truth_ignore must have shape [A, {truths}], not {list(ignore.shape)}")
    levels = np.ascontiguousarray(thresholds, np.float64)
    if levels.ndim != 1:
        raise ValueError(f"thresholds must have shape [T], not {list(levels.shape)}")
    return _cpu.match(overlaps, ignore, flags(truth_crowd, truths, "truth_crowd"), levels)
