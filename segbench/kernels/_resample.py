"""Doors of the bootstrap: scores of images that count as often as a resample holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segbench.kernels import _cpu

if TYPE_CHECKING:
    import numpy.typing as npt


def weighted_precision(
    starts: npt.ArrayLike,
    images: npt.ArrayLike,
    hit: npt.ArrayLike,
    counted: npt.ArrayLike,
    *,
    weights: npt.ArrayLike,
    truths: npt.ArrayLike,
    grid: npt.ArrayLike,
    levels: int,
    threads: int = 1,
) -> npt.NDArray[np.float64]:
    """Average precision of weighted images, as COCO counts them.

    Parameters
    ----------
    starts
        int64 [C + 1]: the detections of category k are ``starts[k]`` to ``starts[k + 1]``.
    images
        int32 [D]: the image of each detection, by category, then by falling score.
    hit, counted
        uint64 [D]: whether it is right, and whether it is right or wrong, at each IoU threshold, one a bit.
    weights
        uint16 [r, N]: how often each resample holds each image; copies of an image stand side by side.
    truths
        int64 [r, C]: truths that count, weighted.
    grid
        float64 [R]: rising recalls.
    levels
        T, the number of IoU thresholds.
    threads
        How many resamples are scored at a time; no result depends on it.

    Returns
    -------
    float64 [r, C, T]
        The mean of precision over the recalls; NaN where there is no truth. What ``COCOeval.accumulate`` of
        pycocotools 2.0.11 gives of as many copies of the images.

    Raises
    ------
    ValueError
        When columns differ in length, an image is out of range, or there are not 1 to 64 thresholds.
    """
    return _cpu.weighted_precision(
        np.ascontiguousarray(starts, np.int64),
        np.ascontiguousarray(images, np.int32),
        np.ascontiguousarray(hit, np.uint64),
        np.ascontiguousarray(counted, np.uint64),
        np.ascontiguousarray(weights, np.uint16),
        np.ascontiguousarray(truths, np.int64),
        np.ascontiguousarray(grid, np.float64),
        levels,
        threads,
    )


def weighted_sums(
    images: npt.ArrayLike,
    columns: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    weights: npt.ArrayLike,
    n_columns: int,
    threads: int = 1,
) -> npt.NDArray[np.float64]:
    """Sums over images of weight × value, by column.

    Parameters
    ----------
    images, columns
        int32 [K]: the image that a row is of, and the column that it adds to.
    values
        float64 [K, V].
    weights
        uint16 [r, N]: how often each resample holds each image.
    n_columns
        C, the number of columns.
    threads
        How many resamples are added up at a time; no result depends on it.

    Returns
    -------
    float64 [r, C, V]
        Added up in the order of the rows; exact where all are whole numbers whose sums stay below 2**53.

    Raises
    ------
    ValueError
        When arrays differ in length, or an image or a column is out of range.
    """
    return _cpu.weighted_sums(
        np.ascontiguousarray(images, np.int32),
        np.ascontiguousarray(columns, np.int32),
        np.ascontiguousarray(values, np.float64),
        np.ascontiguousarray(weights, np.uint16),
        n_columns,
        threads,
    )
