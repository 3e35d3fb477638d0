"""BoundaryStats: boundary pixels by category of one image or of many."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError
from segbench.metrics.boundary_rules import BoundaryRules
from segbench.metrics.doubts import Doubt
from segbench.metrics.inputs import labels
from segbench.metrics.semantic_stats import NO_IGNORE, ImageCounts
from segbench.metrics.semantic_stats import measure as measure_pixels

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BoundaryStats:
    """Boundary pixels of one image or of many; ``+`` adds them exactly.

    Attributes
    ----------
    tp, fp, fn
        int64 [K]. Of regions: boundary pixels of both, of the prediction alone, of the truth alone. Of
        contours: predicted pixels with a match and without, true pixels without.
    found
        int64 [K]: true pixels with a match; of regions the same as ``tp``.
    image_id, index
        Of one image.
    images
        How many images were counted.
    """

    doubts: ClassVar[tuple[Doubt, ...]] = ()

    tp: Counts
    fp: Counts
    fn: Counts
    found: Counts
    image_id: str | None = None
    index: int | None = None
    images: int = 0

    @classmethod
    def zero(cls, num_classes: int) -> BoundaryStats:
        """Stats of no pixel."""
        none = np.zeros(num_classes, np.int64)
        return cls(tp=none, fp=none, fn=none, found=none)

    def __add__(self, other: BoundaryStats) -> BoundaryStats:
        return BoundaryStats(
            tp=self.tp + other.tp,
            fp=self.fp + other.fp,
            fn=self.fn + other.fn,
            found=self.found + other.found,
            images=self.images + other.images,
        )

    def row(self, names: tuple[str, ...]) -> ImageCounts:
        """Keep what the table of images keeps: the counts of these names of the categories that occur."""
        ids = np.flatnonzero(self.tp + self.fp + self.fn)
        counts = {name: getattr(self, name)[ids] for name in names}
        return ImageCounts(
            image_id=self.image_id, index=self.index, columns={"category_ids": ids.astype(np.int32), **counts}
        )


def measure(
    pred: Any,
    truth: Any,
    num_classes: int,
    ignore_index: int | None,
    rules: BoundaryRules,
    *,
    image_id: str | None = None,
    index: int | None = None,
    pred_file: str | None = None,
    truth_file: str | None = None,
) -> BoundaryStats:
    """Count the boundary pixels of every category in one image.

    Pixels whose truth is ignored are beyond the image, as it were: what lies beside them is on a boundary, in
    truth and prediction alike. Elsewhere a prediction of ``ignore_index`` is of no category.

    The boundary **region** of a category are its pixels with one of no such category, or beyond the image, at
    most d columns and rows away; d is the ratio of the image's diagonal, rounded, and 1 at least.

    The **contour** of a category are its pixels of which one of the four neighbours is of no such category or
    beyond the image. A pixel has a match if the other map has one on the same category's contour less than
    the ratio of the image's diagonal away.

    Parameters
    ----------
    pred, truth
        Category ids: integers [H, W], or their :class:`LabelRuns`.
    num_classes, ignore_index
        Ids are 0..num_classes-1; the id of pixels that are never scored, None for none.
    rules
        Those of the protocol.
    image_id, index, pred_file, truth_file
        Id and index are kept in the stats, id and files are named in errors.

    Raises
    ------
    DataError
        When the shapes differ, or an id that is scored is out of range.
    UsageError
        When an input is not an array of integers [H, W].

    Notes
    -----
    Regions: ``mask_to_boundary`` of boundary-iou-api on the scored part of each category's mask (Cheng et
    al., Boundary IoU, CVPR 2021). Contours: Csurka et al., What is a good evaluation measure for semantic
    segmentation?, BMVC 2013, who say neither which pixels are on a contour nor what the image's border is:
    here those of bfscore_python (minar09, EMCOM Lab, cross-checked there with MATLAB's ``bfscore``), each
    pixel once.
    """
    truth, pred = labels(truth, "truth"), labels(pred, "pred")
    ignore = NO_IGNORE if ignore_index is None else ignore_index
    if pred.shape != truth.shape or len(truth.shape) != 2 or 0 in truth.shape:
        raise DataError(
            f"it is {pred.shape} pixels, the truth {truth.shape}; need [H, W]",
            file=pred_file,
            image_id=image_id,
            field="mask",
        )
    count = _regions if rules.measure == "iou" else _contours
    counts = count(truth, pred, num_classes, ignore, rules.ratio)
    if counts[-1].any():
        measure_pixels(  # says which id is out of range
            pred, truth, num_classes, ignore_index,
            image_id=image_id, pred_file=pred_file, truth_file=truth_file,
        )  # fmt: skip
    tp, fp, fn, found = counts[:num_classes].T
    return BoundaryStats(tp=tp, fp=fp, fn=fn, found=found, image_id=image_id, index=index, images=1)


def _regions(truth: Any, pred: Any, num_classes: int, ignore: int, ratio: float) -> Counts:
    distance = kernels.boundary_distance(truth.shape[0], truth.shape[1], ratio)
    in_truth, in_pred, both = kernels.boundary_classes(truth, pred, num_classes, ignore, distance).T
    return np.stack([both, in_pred - both, in_truth - both, both], axis=1)


def _contours(truth: Any, pred: Any, num_classes: int, ignore: int, ratio: float) -> Counts:
    tolerance = ratio * math.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)
    reach = math.ceil(tolerance * tolerance) - 1  # the greatest whole number below
    in_truth, found, in_pred, tp = kernels.contour_hits(truth, pred, num_classes, ignore, reach).T
    return np.stack([tp, in_pred - tp, in_truth - found, found], axis=1)
