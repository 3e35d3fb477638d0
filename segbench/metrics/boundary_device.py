"""Boundary pixels of label maps that are counted on a device, and stay there until a score is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench import kernels
from segbench.errors import DataError
from segbench.metrics.boundary_stats import BoundaryStats
from segbench.metrics.inputs import as_labels

if TYPE_CHECKING:
    from segbench.kernels import Device


class DeviceBoundaries:
    """Boundary pixels by category of all images together.

    Parameters
    ----------
    device
        Where the maps are.
    num_classes, ignore
        K, and the id that is never scored.
    ratio
        Width of boundaries, as a part of the image's diagonal.
    """

    def __init__(self, device: Device, num_classes: int, ignore: int, ratio: float) -> None:
        self._device, self._num_classes, self._ignore, self._ratio = device, num_classes, ignore, ratio
        self._counts: Any = None
        self._images = 0

    def add(self, pred: Any, truth: Any, image_id: str | None) -> None:
        """Count an image or a batch; nothing waits for the device.

        Raises
        ------
        DataError
            When the shapes differ, or there are no pixels.
        UsageError
            When a map is not of integers of these shapes.
        """
        device = self._device
        with device.turn(pred, truth):
            maps = [
                as_labels(device.view(side, what), what) for side, what in ((truth, "truth"), (pred, "pred"))
            ]
            if maps[0].shape != maps[1].shape or 0 in maps[0].shape:
                raise DataError(
                    f"it is {maps[1].shape} pixels, the truth {maps[0].shape}; need [H, W]",
                    image_id=image_id,
                    field="mask",
                )
            batches = [kernels.label_batch(device, one) for one in maps]
            if self._counts is None:
                self._counts = device.xp.zeros((self._num_classes + 2, 3), np.uint64)
            height, width = batches[0].shape[1:]
            kernels.add_boundary_classes(
                device,
                batches[0],
                batches[1],
                ignore_index=self._ignore,
                distance=kernels.boundary_distance(height, width, self._ratio),
                counts=self._counts,
            )
        self._images += len(batches[0])

    def stats(self) -> BoundaryStats:
        """Wait for the counts.

        Raises
        ------
        DataError
            When an id that is scored is out of range.
        """
        if self._counts is None:
            return BoundaryStats.zero(self._num_classes)
        counts = self._device.to_host(self._counts).astype(np.int64)
        if counts[-1].any():
            pixels = counts[-1, :2].max()
            raise DataError(
                f"a map holds ids that are no category, on {pixels} boundary pixels; ids are "
                f"0..{self._num_classes - 1}",
                field="mask",
            )
        in_truth, in_pred, both = counts[: self._num_classes].T
        return BoundaryStats(tp=both, fp=in_pred - both, fn=in_truth - both, found=both, images=self._images)
