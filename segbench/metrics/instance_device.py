"""Masks on a device: their areas and IoUs are measured there, and stay until a score is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench import kernels
from segbench.errors import DataError, UsageError
from segbench.metrics.instance_inputs import check_columns, samples_of
from segbench.metrics.instance_regions import Regions, measured_regions

if TYPE_CHECKING:
    from segbench.canonical.sample import Sample
    from segbench.kernels import Device


class ImageMasks(NamedTuple):
    """One image: its truth without masks, and what was measured of predictions and truth."""

    truth: Sample
    pred_regions: Regions
    truth_regions: Regions


@dataclass(frozen=True, slots=True)
class _Pending:
    """One image on a device: what :meth:`DeviceMasks.add` was given, copied, and what was measured."""

    image_id: str
    pred: Mapping[str, Any]
    truth: Mapping[str, Any]
    size: tuple[int, int]
    measures: tuple[Any, Any]
    iou: Any


class DeviceMasks:
    """Areas and IoUs of the masks of images.

    Parameters
    ----------
    device
        Where the masks are.
    dense_ids
        Dense category id of each id that the columns may hold.
    by_category
        Whether masks of different categories are never compared.
    with_crowds
        Whether a crowd is more than a truth like any other.
    """

    def __init__(
        self, device: Device, dense_ids: Mapping[int, int], *, by_category: bool, with_crowds: bool
    ) -> None:
        self._device, self._dense_ids = device, dense_ids
        self._by_category, self._with_crowds = by_category, with_crowds
        self._pending: list[_Pending] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: str) -> None:
        """Measure one image; nothing waits for the device.

        Raises
        ------
        DataError
            When the masks of both sides are of different sizes.
        UsageError
            When a column is missing, unknown, or not as long as the others.
        """
        device = self._device
        check_columns(pred, truth)
        with device.turn(pred["masks"], truth["masks"]):
            masks = [self._masks(side["masks"], what) for side, what in ((pred, "pred"), (truth, "truth"))]
            if masks[0].shape[1:] != masks[1].shape[1:]:
                raise DataError(
                    f"pred has masks of {masks[0].shape[1:]} pixels, truth of {masks[1].shape[1:]}",
                    image_id=image_id,
                    field="masks",
                )
            sides = [self._columns(side) for side in (pred, truth)]
            classes = [self._classes(side, len(one)) for side, one in zip(sides, masks, strict=True)]
            crowd = self._crowd(sides[1].get("iscrowd"), len(masks[1]))
            packed = [kernels.pack_masks(device, one) for one in masks]
            iou = kernels.packed_iou(
                device,
                packed[0],
                packed[1],
                pred_classes=classes[0],
                truth_classes=classes[1],
                crowd=crowd,
            )
        measures = packed[0].measures, packed[1].measures
        self._pending.append(_Pending(image_id, sides[0], sides[1], masks[0].shape[1:], measures, iou))

    def _crowd(self, given: Any, n: int) -> Any:
        """Which truths are crowds, uint8 [n]."""
        xp = self._device.xp
        if given is None or not self._with_crowds:
            return xp.zeros(n, np.uint8)
        crowd = xp.asarray(np.asarray(given) if isinstance(given, list | tuple) else given)
        if crowd.shape != (n,):
            raise UsageError(f"masks has {n} entries, iscrowd has shape {list(crowd.shape)}")
        return xp.ascontiguousarray(crowd.astype(np.uint8))

    def _masks(self, masks: Any, what: str) -> Any:
        view = self._device.view(masks, f"masks of {what}")
        if view.ndim != 3:
            raise UsageError(f"masks must be [N, H, W], not {list(view.shape)}")
        if view.dtype.itemsize != 1:
            view = view != 0
        return self._device.xp.ascontiguousarray(view).view(np.uint8)

    def _columns(self, side: Mapping[str, Any]) -> dict[str, Any]:
        """The columns beside the masks; those on the device are copied, since they may change."""
        return {
            name: self._device.view(values, name).copy() if self._is_there(values) else values
            for name, values in side.items()
            if name != "masks"
        }

    def _is_there(self, values: Any) -> bool:
        return kernels.dtype_name(values) != "" and kernels.place_of(values) == self._device.place

    def _classes(self, side: Mapping[str, Any], n: int) -> Any:
        """Category ids as given, int64 [n], or 0 of all where they do not matter."""
        xp, given = self._device.xp, side["category_ids"]
        ids = xp.asarray(np.asarray(given) if isinstance(given, list | tuple) else given)
        if ids.shape != (n,):
            raise UsageError(f"masks has {n} entries, category_ids has shape {list(ids.shape)}")
        return xp.ascontiguousarray(ids.astype(np.int64)) if self._by_category else xp.zeros(n, np.int64)

    def images_in(self) -> Iterator[ImageMasks]:
        """Wait for the measures, and yield each image.

        Raises
        ------
        DataError
            When a score is missing or not a number, or the truth has an unknown category.
        """
        for one in self._pending:
            sides = self._here(one.pred), self._here(one.truth)
            pred, truth = samples_of(sides[0], sides[1], one.image_id, self._dense_ids)
            truth = replace(truth, height=one.size[0], width=one.size[1])
            iou = self._device.to_host(one.iou)
            areas = [self._device.to_host(measures)[:, 0].astype(np.float64) for measures in one.measures]
            yield ImageMasks(
                truth,
                measured_regions(pred, areas[0], iou, is_truth=False),
                measured_regions(truth, areas[1], np.arange(iou.shape[1]), is_truth=True),
            )

    def _here(self, side: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._device.to_host(v) if self._is_there(v) else v for name, v in side.items()}
