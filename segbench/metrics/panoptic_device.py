"""Pixels by pairs of segments that stay on a device until they are asked for, and are matched there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError
from segbench.metrics.panoptic_inputs import Batch, Reader
from segbench.metrics.panoptic_match import PanopticStats, measure_on
from segbench.metrics.panoptic_overlap import Overlap
from segbench.metrics.panoptic_rules import PanopticRules

if TYPE_CHECKING:
    from segbench.kernels import Device

SLOTS = 8192
"""Pairs of segments that one image can have on a device: 128 KiB each."""


class DevicePairs:
    """Tables of pairs, one for each image."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._batches: list[tuple[Any, Batch]] = []
        self.images = 0

    def add(self, reader: Reader, pred: Any, truth: Any, image_id: object) -> None:
        """Count an image or a batch; nothing waits for the device. Errors as :meth:`Reader.batch`."""
        device = self._device
        with device.turn(pred[0], truth[0]):
            batch = reader.batch(pred, truth, image_id, device.view, device.xp)
            tables = kernels.segment_tables(device, len(batch.image_ids), SLOTS)
            maps = [kernels.label_batch(device, side.maps) for side in (batch.truth, batch.pred)]
            kernels.add_segment_pairs(device, maps[0], maps[1], tables)
        without_maps = (side._replace(maps=None) for side in (batch.pred, batch.truth))
        self._batches.append((tables, Batch(batch.image_ids, *without_maps)))
        self.images += len(batch.image_ids)

    def measure(
        self, reader: Reader, rules: PanopticRules, num_classes: int, stuff: Collection[int]
    ) -> Iterator[PanopticStats]:
        """Wait for the counts, match segments on the device, and yield the stats of each image.

        Raises
        ------
        DataError
            As :func:`segbench.metrics.panoptic.measure`; and when an id is out of range, or an image has more
            pairs of segments than there is room for.
        """
        for tables, batch in self._batches:
            overlaps = []
            for i, pairs in enumerate(self._pairs_of(tables, batch.image_ids)):
                pred, truth = (
                    reader.segments_of(side, i, pairs[row].tolist())
                    for side, row in ((batch.pred, 1), (batch.truth, 0))
                )
                name = batch.image_ids[i]
                overlaps.append(Overlap.counted(pred, truth, pairs, num_classes, stuff, image_id=name))
            yield from measure_on(self._device, overlaps, batch.image_ids, rules, num_classes)

    def _pairs_of(self, tables: Any, image_ids: Sequence[str | None]) -> Iterator[NDArray[np.int64]]:
        """Sort the pairs of each image on the device, and bring no more than there are to the CPU."""
        device, xp = self._device, self._device.xp
        pairs, counts, lost = tables
        with device.turn():
            taken = (counts > 0).sum(axis=1)
            order = xp.argsort(pairs, axis=1)  # the pair of an empty slot is the greatest number
        lengths, losses = device.to_host(taken).tolist(), device.to_host(lost).tolist()
        with device.turn():
            order = order[:, : max(lengths)]
            columns = [xp.take_along_axis(column, order, axis=1) for column in (pairs, counts)]
        keys, pixels = map(device.to_host, columns)
        for name, one, n, key, pixel in zip(image_ids, losses, lengths, keys, pixels, strict=True):
            _check(one, name)
            ids = key[:n] >> np.uint64(32), key[:n] & np.uint64(2**32 - 1)
            yield np.stack([*ids, pixel[:n]]).astype(np.int64)


def _check(lost: list[int], image_id: str | None) -> None:
    where: dict[str, Any] = {"image_id": image_id, "field": "segment_map"}
    if lost[0]:
        raise DataError(
            f"{lost[0]} pixels have a segment id below 0 or above {2**32 - 2}, which a GPU does not count",
            **where,
        )
    if lost[1]:
        raise DataError(
            f"there are more than {SLOTS} pairs of segments: count such maps on the CPU (device='cpu')",
            **where,
        )
