"""Doors of the overlap table: pixels by (truth id, pred id)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._runs import LabelRuns, id_map

if TYPE_CHECKING:
    import numpy.typing as npt

    Labels = npt.ArrayLike | LabelRuns
    _Runs = tuple[npt.NDArray[Any], npt.NDArray[np.uint32], npt.NDArray[Any], npt.NDArray[np.uint32]]


def _pair(truth: Any, pred: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return both maps flat, contiguous and of one dtype."""
    t, p = id_map(truth, "truth"), id_map(pred, "pred")
    _check_shapes(t.shape, p.shape)
    dtype = np.promote_types(t.dtype, p.dtype)
    return np.ascontiguousarray(t, dtype).reshape(-1), np.ascontiguousarray(p, dtype).reshape(-1)


def _pair_of_runs(truth: Labels, pred: Labels) -> _Runs | None:
    """Return values and ends of both, values of one dtype; None where both are maps."""
    if not (isinstance(truth, LabelRuns) or isinstance(pred, LabelRuns)):
        return None
    t, p = (labels if isinstance(labels, LabelRuns) else LabelRuns.of(labels) for labels in (truth, pred))
    _check_shapes(t.shape, p.shape)
    dtype = np.promote_types(t.values.dtype, p.values.dtype)
    return t.values.astype(dtype, copy=False), t.ends, p.values.astype(dtype, copy=False), p.ends


def _check_shapes(truth: tuple[int, ...], pred: tuple[int, ...]) -> None:
    if truth != pred:
        raise ValueError(f"truth and pred must have one shape, not {truth} and {pred}")


def confusion(
    truth: Labels, pred: Labels, num_classes: int, ignore_index: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count pixels by (true class, predicted class), where there are any.

    Parameters
    ----------
    truth, pred
        Integer maps of one shape, any number of axes, or their :class:`LabelRuns`. Maps are used as they are
        when their dtype is uint8, uint16, uint32, int32 or int64; others are converted.
    num_classes
        K, the number of classes: 0 .. K - 1.
    ignore_index
        The id to ignore, on either side; it wins over a class of the same id. -1 for none, unless the maps
        hold -1.

    Returns
    -------
    truth_classes, pred_classes, counts : int64 [n]
        One entry a pair that has pixels, sorted by truth, then pred. K stands for the ignored id, K + 1 for
        all ids out of range.

    Raises
    ------
    ValueError
        If the shapes differ, a map does not hold integers, or `num_classes` is below 1.

    Notes
    -----
    The contingency table of Hubert and Arabie (1985), as in the Cityscapes and PASCAL VOC scorers.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, not {num_classes}")
    runs = _pair_of_runs(truth, pred)
    if runs is not None:
        return _cpu.confusion_of_runs(*runs, int(num_classes), int(ignore_index))
    return _cpu.confusion(*_pair(truth, pred), int(num_classes), int(ignore_index))


def pair_counts(
    truth: Labels, pred: Labels
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count pixels by (true segment, predicted segment), where there are any.

    Parameters
    ----------
    truth, pred
        Integer maps of one shape with ids from 0 up, or their :class:`LabelRuns`.

    Returns
    -------
    truth_ids, pred_ids, counts : int64 [n]
        One entry a pair that has pixels, sorted by truth id, then pred id.

    Raises
    ------
    ValueError
        If the shapes differ, a map does not hold integers, or an id is negative.

    Notes
    -----
    The table that panoptic quality is read from (Kirillov et al., Panoptic Segmentation, CVPR 2019).
    """
    runs = _pair_of_runs(truth, pred)
    return _cpu.pair_counts(*_pair(truth, pred)) if runs is None else _cpu.pair_counts_of_runs(*runs)


def id_counts(ids: Labels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the pixels of every id in a map.

    Parameters
    ----------
    ids
        Integer map with ids from 0 up, or its :class:`LabelRuns`.

    Returns
    -------
    ids, counts : int64 [n]
        The ids that occur, ascending, and their pixels.

    Raises
    ------
    ValueError
        If the map does not hold integers, or an id is negative.
    """
    one = ids if isinstance(ids, LabelRuns) else id_map(ids, "the map")
    found, _, counts = pair_counts(one, one)
    return found, counts
