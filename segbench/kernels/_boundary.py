"""Doors of boundaries: of masks, and of every segment or class of a map at once.

The boundary of a mask is what of it lies within a distance of the outside: at most so many columns and rows
away, where all beyond the image is outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._match import flags
from segbench.kernels._runs import LabelRuns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Labels = npt.ArrayLike | LabelRuns
    _Runs = tuple[
        npt.NDArray[Any], npt.NDArray[np.uint32], npt.NDArray[Any], npt.NDArray[np.uint32], int, int
    ]


def boundary_distance(height: int, width: int, ratio: float) -> int:
    """Return a part of an image's diagonal in whole pixels, 1 at least; a half is rounded to the even one.

    Raises
    ------
    ValueError
        If the ratio is no positive number.

    Notes
    -----
    ``dilation`` in ``mask_to_boundary`` of boundary-iou-api (Cheng et al., Boundary IoU, CVPR 2021).
    """
    if not 0 < ratio < math.inf:
        raise ValueError(f"the ratio must be a positive number, not {ratio}")
    return max(1, round(ratio * math.sqrt(height**2 + width**2)))


def boundary_map(segment_map: Labels, distance: int) -> npt.NDArray[np.bool_]:
    """Return which pixels are on the boundary of their segment, in one pass for all segments.

    Parameters
    ----------
    segment_map
        Integers [H, W], segment ids or classes, or their :class:`LabelRuns`.
    distance
        How many columns and rows a pixel of another id, or the outside of the image, may be away; from 1 up.

    Returns
    -------
    bool [H, W]

    Raises
    ------
    ValueError
        If the shape or dtype is wrong, there are no pixels, or the distance is below 1.

    Notes
    -----
    For each id what ``mask_to_boundary`` of boundary-iou-api gives for its mask (Cheng et al., CVPR 2021).
    """
    runs = segment_map if isinstance(segment_map, LabelRuns) else LabelRuns.of(segment_map)
    return _cpu.boundary_map(runs.values, runs.ends, *runs.shape, _checked(distance)).view(np.bool_)


def boundary_pairs(
    truth: Labels, pred: Labels, distance: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count pixels by (true segment, predicted segment), and those of them on boundaries.

    Parameters
    ----------
    truth, pred
        Integers [H, W] with ids from 0 up, or their :class:`LabelRuns`.
    distance
        As `boundary_map`.

    Returns
    -------
    truth_ids, pred_ids : int64 [n]
        One entry a pair that has pixels, sorted by truth id, then pred id.
    counts : int64 [n, 4]
        All pixels of the pair; those on the boundary of the true segment; of the predicted one; of both.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, there are no pixels, an id is negative or the distance is below 1.
    """
    return _cpu.boundary_pairs(*_runs(truth, pred), _checked(distance))


def boundary_classes(
    truth: Labels, pred: Labels, num_classes: int, ignore_index: int, distance: int
) -> npt.NDArray[np.int64]:
    """Count the boundary pixels of every class.

    What the truth ignores is beyond the image, as it were: nothing there counts, and what lies beside it is
    on a boundary, in truth and prediction alike.

    Parameters
    ----------
    truth, pred
        Integers [H, W], or their :class:`LabelRuns`.
    num_classes
        K, the number of classes: 0 .. K - 1.
    ignore_index
        The id to ignore, on either side; it wins over a class of the same id.
    distance
        As `boundary_map`.

    Returns
    -------
    int64 [K + 2, 3]
        Pixels on the boundary of the class in the truth; in the prediction; in both. Row K counts what is
        predicted as the ignored id, K + 1 ids out of range.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, there are no pixels, or `num_classes` or the distance is below 1.
    """
    classes, ignored = _classes(num_classes), int(ignore_index)
    return _cpu.boundary_classes(*_runs(truth, pred), classes, ignored, _checked(distance))


def contour_hits(
    truth: Labels, pred: Labels, num_classes: int, ignore_index: int, squared_reach: int
) -> npt.NDArray[np.int64]:
    """Count the contour pixels of every class, and those that the other map has the like of nearby.

    On the contour of a class are its pixels of which one of the four neighbours is not of the class. What
    the truth ignores, and what lies beyond the image, is of no class.

    Parameters
    ----------
    truth, pred
        Integers [H, W], or their :class:`LabelRuns`.
    num_classes
        K, the number of classes: 0 .. K - 1.
    ignore_index
        The id to ignore, on either side; it wins over a class of the same id.
    squared_reach
        The greatest square of the distance between two pixels that are near each other, from 0 up.

    Returns
    -------
    int64 [K + 1, 4]
        Contour pixels in the truth; those of them near one of the same class in the prediction; contour
        pixels in the prediction; those near one in the truth. Row K counts ids out of range, all alike.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, there are no pixels, or a number is out of range.

    Notes
    -----
    Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013.
    """
    if squared_reach < 0:
        raise ValueError(f"squared_reach must be at least 0, not {squared_reach}")
    runs, classes = _runs(truth, pred), _classes(num_classes)
    whole = runs[4] ** 2 + runs[5] ** 2  # as far as the image's corners
    return _cpu.contour_hits(*runs, classes, int(ignore_index), min(int(squared_reach), whole))


def rle_boundary(rles: Sequence[bytes], height: int, width: int, distance: int) -> list[bytes]:
    """Return the boundaries of masks of one image, from runs to runs.

    Parameters
    ----------
    rles
        N RLEs.
    height, width
        Size of the image in pixels.
    distance
        As `boundary_map`.

    Raises
    ------
    ValueError
        If a string is malformed, its runs are longer than the image, or the distance is below 1.

    Notes
    -----
    ``mask_to_boundary`` of boundary-iou-api (Cheng et al., CVPR 2021).
    """
    return _cpu.rle_boundary(rles, height, width, _checked(distance))


def rle_boundary_iou(
    pred: Sequence[bytes],
    truth: Sequence[bytes],
    truth_crowd: npt.ArrayLike,
    height: int,
    width: int,
    *,
    distance: int,
) -> npt.NDArray[np.float64]:
    """Return the lesser of the IoU of masks and of their boundaries, of every pair of an image.

    Parameters
    ----------
    pred, truth
        D and G RLEs.
    truth_crowd
        bool [G]. With a crowd, the value is the part of the predicted mask that the crowd covers, and its
        boundary does not count.
    height, width
        Size of the image in pixels.
    distance
        As `boundary_map`.

    Returns
    -------
    float64 [D, G]
        Bit for bit what ``COCOeval.computeBoundaryIoU`` of boundary-iou-api gives (Cheng et al., CVPR 2021).

    Raises
    ------
    ValueError
        If a string is malformed, its runs are longer than the image, a shape is wrong or the distance is
        below 1.
    """
    crowd = flags(truth_crowd, len(truth), "truth_crowd")
    return _cpu.rle_boundary_iou(pred, truth, crowd, height, width, _checked(distance))


def _checked(distance: int) -> int:
    if distance < 1:
        raise ValueError(f"the distance must be at least 1, not {distance}")
    return min(int(distance), 2**32)


def _classes(num_classes: int) -> int:
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, not {num_classes}")
    return int(num_classes)


def _runs(truth: Labels, pred: Labels) -> _Runs:
    """Return values and ends of both maps, values of one dtype, and their height and width."""
    t, p = (one if isinstance(one, LabelRuns) else LabelRuns.of(one) for one in (truth, pred))
    if t.shape != p.shape:
        raise ValueError(f"truth and pred must have one shape, not {t.shape} and {p.shape}")
    dtype = np.promote_types(t.values.dtype, p.values.dtype)
    values = (side.values.astype(dtype, copy=False) for side in (t, p))
    return next(values), t.ends, next(values), p.ends, *t.shape
