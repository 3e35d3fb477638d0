"""Doors for the instances of a whole data set: columns in, tallies out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._cpu import CocoReader, Instances, MaskStore

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "CocoReader",
    "InstanceTallies",
    "Instances",
    "MaskStore",
    "draw_curves",
    "instance_records",
    "measure_instances",
]


class InstanceTallies(NamedTuple):
    """What is kept of I images: C pairs of an image and a category in it, N predictions, A area ranges.

    Attributes
    ----------
    category_starts, pred_starts
        int64 [I + 1]: where each image begins in the columns of pairs, and in those of predictions.
    category_ids, truths
        int32 [C] and int64 [A, C]: the truths that count.
    pred_category_ids, ranks, scores
        int32, int32 and float64 [N]: by image, category and falling score; rank 0 is the best of its pair.
    matched, ignored
        uint64 [A, N]: bit t says so at threshold t.
    moved
        int64 [I]: predictions that the area of their mask, not that of their box, puts in other area ranges.
    """

    category_starts: npt.NDArray[np.int64]
    pred_starts: npt.NDArray[np.int64]
    category_ids: npt.NDArray[np.int32]
    truths: npt.NDArray[np.int64]
    pred_category_ids: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    matched: npt.NDArray[np.uint64]
    ignored: npt.NDArray[np.uint64]
    moved: npt.NDArray[np.int64]


def measure_instances(
    preds: Instances,
    truths: Instances,
    sizes: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    span: range,
    *,
    boxes: bool,
    thresholds: Sequence[float],
    area_ranges: npt.ArrayLike,
    limit: int,
    distances: Sequence[int] | None = None,
) -> InstanceTallies:
    """Match the predictions of images with their truth, as COCOeval does.

    Parameters
    ----------
    preds, truths
        Columns of the same images.
    sizes
        Heights and widths in pixels, int64 [I] each.
    span
        Positions of the images.
    boxes
        Measure the IoU of boxes, not of masks.
    thresholds, area_ranges, limit
        IoU thresholds [T], least and most pixels [A, 2], and how many predictions of an image and category
        count.

    distances
        Width of boundaries in pixels, of each image of the span, where IoU is that of masks or of their
        boundaries; see :func:`segbench.kernels.rle_boundary_iou`.

    Raises
    ------
    ValueError
        When a mask is malformed, missing or of another size, or the truth has an unknown category.

    Notes
    -----
    ``COCOeval.computeIoU`` and ``evaluateImg`` of pycocotools 2.0.11 (Lin et al., Microsoft COCO, ECCV 2014).
    """
    columns = _cpu.measure_instances(
        preds,
        truths,
        *sizes,
        span.start,
        span.stop,
        boxes,
        np.ascontiguousarray(thresholds, np.float64),
        np.ascontiguousarray(area_ranges, np.float64),
        limit,
        None if distances is None else np.array(distances, np.int64),
    )
    return InstanceTallies(**columns)


def instance_records(truths: Instances, span: range) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Return the segments of a span of images as record bytes, one after the other, and their ends.

    See :mod:`segbench.canonical.records`. Raises ValueError where there is no such image.
    """
    return _cpu.instance_records(truths, span.start, span.stop)


def draw_curves(
    parts: Sequence[Any],
    truths: npt.ArrayLike,
    order: Sequence[int],
    *,
    grid: npt.ArrayLike,
    limits: Sequence[int],
    levels: int,
    threads: int = 1,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Draw precision, recall and scores of every category over all images.

    Parameters
    ----------
    parts
        Predictions in image order, each part with the columns ``pred_category_ids``, ``ranks``, ``scores``,
        ``matched`` and ``ignored`` of :class:`InstanceTallies`.
    truths
        int64 [A, C]: truths that count, by area range and category id.
    order
        The K category ids whose curves are drawn.
    grid
        float64 [R]: rising recalls.
    limits
        M numbers of predictions of an image and category.
    levels
        T, the number of IoU thresholds.
    threads
        How many categories are drawn at a time.

    Returns
    -------
    precision, recall, scores : float64 [T, R, K, A, M], [T, K, A, M] and [T, R, K, A, M]
        -1 where a category has no truth; bit for bit ``COCOeval.accumulate`` of pycocotools 2.0.11.

    Raises
    ------
    ValueError
        When columns differ in length, or a category id is out of range or stands twice.
    """
    columns = [
        (
            np.ascontiguousarray(part.pred_category_ids, np.int32),
            np.ascontiguousarray(part.ranks, np.int32),
            np.ascontiguousarray(part.scores, np.float64),
            np.ascontiguousarray(part.matched, np.uint64),
            np.ascontiguousarray(part.ignored, np.uint64),
        )
        for part in parts
    ]
    return _cpu.draw_curves(
        columns,
        np.ascontiguousarray(truths, np.int64),
        np.ascontiguousarray(order, np.int64),
        np.ascontiguousarray(grid, np.float64),
        np.ascontiguousarray(limits, np.int64),
        levels,
        threads,
    )
