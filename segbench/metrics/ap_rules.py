"""Rules: under which average precision is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.errors import UsageError
from segbench.metrics.boundary_rules import check_ratio
from segbench.metrics.rules import with_settings

MAX_THRESHOLDS = 64
"""Match flags are the bits of one uint64 a prediction."""

IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())

AREA_RANGES = {
    "all": (0.0, 1e10),
    "small": (0.0, 1024.0),
    "medium": (1024.0, 9216.0),
    "large": (9216.0, 1e10),
}


@dataclass(frozen=True)
class Rules:
    """Under which average precision is measured; the defaults are COCO's.

    Attributes
    ----------
    iou_type
        IoU of masks (``segm``), of boxes (``bbox``), or the lesser of masks and of their boundaries
        (``boundary``).
    iou_thresholds
        Least IoU of a match, each.
    recall_thresholds
        Where precision is read off, rising; a number n stands for n points evenly spread over 0..1.
    area_ranges
        ``{label: (least, most)}`` in pixels, both inclusive; the first is that of ``ap``.
    max_detections
        How many of the best predictions count, rising.
    limited_by
        Of which there may be so many: an ``image_category``, which is an image and category; an ``image``, of
        all categories together; or a ``category``, in all images together.
    federated
        Truth is federated and read as LVIS reads it; see :func:`segbench.metrics.instance_match.measure`.
    dilation_ratio
        Width of boundaries, as a part of the image's diagonal; None where they do not count.
    use_categories
        When false, all categories are one; predictions of equal score stand in the order of source ids.
    keep_errors
        Keep what is near each prediction, for the analysis of errors: no score depends on it.
    curve
        Average precision is the mean over recalls, for all of these rules.

    Raises
    ------
    UsageError
        When one of them cannot be right.
    """

    iou_type: Literal["segm", "bbox", "boundary"] = "segm"
    iou_thresholds: tuple[float, ...] = IOU_THRESHOLDS
    recall_thresholds: int | tuple[float, ...] = 101
    area_ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(AREA_RANGES))
    max_detections: tuple[int, ...] = (1, 10, 100)
    limited_by: Literal["image_category", "image", "category"] = "image_category"
    federated: bool = False
    use_categories: bool = True
    keep_errors: bool = False
    dilation_ratio: float | None = None
    curve: ClassVar[str] = "recalls"

    def __post_init__(self) -> None:
        if self.iou_type not in ("segm", "bbox", "boundary"):
            raise UsageError(f"iou_type must be 'segm', 'bbox' or 'boundary', not {self.iou_type!r}")
        if (self.dilation_ratio is None) == (self.iou_type == "boundary"):
            raise UsageError("dilation_ratio goes with the iou_type 'boundary', and with it alone")
        if self.dilation_ratio is not None:
            check_ratio("dilation_ratio", self.dilation_ratio)
        if not 1 <= len(self.iou_thresholds) <= MAX_THRESHOLDS:
            raise UsageError(
                f"there must be 1 to {MAX_THRESHOLDS} iou_thresholds, not {len(self.iou_thresholds)}"
            )
        if not self.area_ranges or not self.max_detections or min(self.max_detections) < 1:
            raise UsageError(
                "area_ranges and max_detections need one entry each, max_detections of 1 at least"
            )
        if not len(self.recall_grid) or (np.diff(self.recall_grid) < 0).any():
            raise UsageError("recall_thresholds must be one number or more, rising")
        if self.federated and not self.use_categories:
            raise UsageError("use_categories=false has no meaning for federated truth")

    @cached_property
    def recall_grid(self) -> NDArray[np.float64]:
        """The recall thresholds, float64 [R]."""
        count = self.recall_thresholds
        return np.linspace(0, 1, count) if isinstance(count, int) else np.array(count, np.float64)

    @cached_property
    def area_bounds(self) -> NDArray[np.float64]:
        """The area ranges, float64 [A, 2]."""
        return np.array(list(self.area_ranges.values()), np.float64)

    def outside(self, areas: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether areas [N] lie outside each range, bool [A, N]."""
        bounds = self.area_bounds
        return (areas < bounds[:, :1]) | (areas > bounds[:, 1:])

    def to_json(self, also: Iterable[str] = ()) -> dict[str, Any]:
        """The rules as plain values, keyed as the attributes.

        Of the last five, only those that differ from COCO's and those named in ``also``.
        """
        count = self.recall_thresholds
        rest = {
            "limited_by": "image_category",
            "federated": False,
            "use_categories": True,
            "dilation_ratio": None,
            "keep_errors": False,
        }
        return {
            "iou_type": self.iou_type,
            "iou_thresholds": list(self.iou_thresholds),
            "recall_thresholds": count if isinstance(count, int) else list(count),
            "area_ranges": {label: list(bounds) for label, bounds in self.area_ranges.items()},
            "max_detections": list(self.max_detections),
            **{k: getattr(self, k) for k, usual in rest.items() if k in also or getattr(self, k) != usual},
        }

    def changed_by(self, settings: Mapping[str, Any]) -> Rules:
        """Return these rules with some changed.

        Raises
        ------
        UsageError
            When there is no such rule, or one cannot be right.
        """
        rules: Rules = with_settings(self, settings, beside=())
        return replace(rules, max_detections=tuple(sorted(rules.max_detections)))
