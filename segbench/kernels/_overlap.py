"""Doors of the overlap table: pixels by (truth id, pred id)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu

if TYPE_CHECKING:
    import numpy.typing as npt

_COMPILED = {np.dtype(name) for name in ("uint8", "uint16", "uint32", "int32", "int64")}


def id_map(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return `values` as integers of a compiled dtype, without a copy where it already is one."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, not {array.dtype}")
    native = array.dtype.newbyteorder("=")
    if native in _COMPILED:
        return array.astype(native, copy=False)
    if native == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds an id above 2**63 - 1")
    return array.astype(np.int64)


def _pair(truth: npt.ArrayLike, pred: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return both maps flat, contiguous and of one dtype."""
    t, p = id_map(truth, "truth"), id_map(pred, "pred")
    if t.shape != p.shape:
        raise ValueError(f"truth and pred must have one shape, not {t.shape} and {p.shape}")
    dtype = np.promote_types(t.dtype, p.dtype)
    return np.ascontiguousarray(t, dtype).reshape(-1), np.ascontiguousarray(p, dtype).reshape(-1)


def confusion(
    truth: npt.ArrayLike, pred: npt.ArrayLike, num_classes: int, ignore_index: int
) -> npt.NDArray[np.int64]:
    """Count pixels by (true class, predicted class).

    Parameters
    ----------
    truth, pred
        Integer maps of one shape, any number of axes. Both are used as they are when their dtype is uint8,
        uint16, uint32, int32 or int64; others are converted.
    num_classes
        K, the number of classes: 0 .. K - 1.
    ignore_index
        The id to ignore, on either side; it wins over a class of the same id. -1 for none, unless the maps
        hold -1.

    Returns
    -------
    int64 [K + 2, K + 2]
        Rows truth, columns pred. Row and column K count the ignored id, K + 1 the ids out of range.

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
    return _cpu.confusion(*_pair(truth, pred), int(num_classes), int(ignore_index))


def pair_counts(
    truth: npt.ArrayLike, pred: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count pixels by (true segment, predicted segment), where there are any.

    Parameters
    ----------
    truth, pred
        Integer maps of one shape with ids from 0 up.

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
    return _cpu.pair_counts(*_pair(truth, pred))


def id_counts(ids: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the pixels of every id in a map.

    Parameters
    ----------
    ids
        Integer map with ids from 0 up.

    Returns
    -------
    ids, counts : int64 [n]
        The ids that occur, ascending, and their pixels.

    Raises
    ------
    ValueError
        If the map does not hold integers, or an id is negative.
    """
    flat = np.ascontiguousarray(id_map(ids, "the map")).reshape(-1)
    found, _, counts = _cpu.pair_counts(flat, flat)
    return found, counts
