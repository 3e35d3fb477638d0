"""Params: the settings of an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import UsageError


class Params:
    """Settings of :class:`segbench.compat.pycocotools.cocoeval.COCOeval`; change them before ``evaluate``.

    Attributes
    ----------
    iouType
        ``segm``, ``bbox`` or ``boundary``.
    imgIds, catIds
        What is evaluated.
    iouThrs, recThrs
        float64 [10] and [101]: least IoU of a match; where precision is read off.
    maxDets
        How many of the best detections of an image and category count; ``summarize`` needs three.
    areaRng, areaRngLbl
        ``[least, most]`` in pixels, both inclusive, and their names.
    useCats
        0 to take all categories for one.
    useSegm
        Deprecated: 1 for ``segm``, 0 for ``bbox``, None to go by ``iouType``.

    Raises
    ------
    UsageError
        For keypoints, which segbench does not measure.
    Exception
        For another ``iouType``.
    """

    def __init__(self, iouType: str = "segm") -> None:
        if iouType == "keypoints":
            refuse_keypoints()
        if iouType not in ("segm", "bbox", "boundary"):
            raise Exception("iouType not supported")
        self.setDetParams()
        self.iouType = iouType
        self.useSegm: int | None = None

    def setDetParams(self) -> None:
        """Set COCO's defaults for masks and boxes."""
        self.imgIds: list[Any] = []
        self.catIds: list[Any] = []
        self.iouThrs: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
        self.recThrs: NDArray[np.float64] = np.linspace(0.0, 1.0, 101)
        self.maxDets = [1, 10, 100]
        self.areaRng: list[list[float]] = [[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]]
        self.areaRngLbl = ["all", "small", "medium", "large"]
        self.useCats = 1

    def setKpParams(self) -> None:
        """Refuse keypoints; see the class."""
        refuse_keypoints()


def refuse_keypoints() -> None:
    """Raise UsageError."""
    raise UsageError("segbench measures masks and boxes: for iouType='keypoints' use pycocotools itself")
