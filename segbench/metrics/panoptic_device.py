"""Pixels by pairs of segments that stay on a device until they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench import kernels
from segbench.errors import DataError
from segbench.metrics.panoptic_inputs import Batch, Reader
from segbench.metrics.panoptic_overlap import CountedPairs

if TYPE_CHECKING:
    from segbench.canonical.sample import Segment
    from segbench.kernels import Device

SLOTS = 8192
"""Pairs of segments that one image can have on a device: 128 KiB each."""


class ImagePairs(NamedTuple):
    """One image: its id, and ``(counted pairs, segments)`` of both sides."""

    image_id: str | None
    pred: tuple[CountedPairs, Sequence[Segment]]
    truth: tuple[CountedPairs, Sequence[Segment]]


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

    def images_in(self, reader: Reader) -> Iterator[ImagePairs]:
        """Wait for the counts, and yield those of each image.

        Raises
        ------
        DataError
            When an id is out of range, or an image has more pairs of segments than there is room for.
        """
        for tables, batch in self._batches:
            pairs, counts, lost = map(self._device.to_host, tables)
            for i, image_id in enumerate(batch.image_ids):
                _check(lost[i].tolist(), image_id)
                counted = _counted(pairs[i], counts[i])
                truth_ids, pred_ids = ({pair[side] for pair in counted.pixels} for side in (0, 1))
                pred = reader.segments_of(batch.pred, i, pred_ids)
                truth = reader.segments_of(batch.truth, i, truth_ids)
                yield ImagePairs(image_id, (counted, pred), (counted, truth))


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


def _counted(pairs: Any, counts: Any) -> CountedPairs:
    taken = np.flatnonzero(counts)
    taken = taken[np.argsort(pairs[taken])]
    truth_ids, pred_ids = pairs[taken] >> np.uint64(32), pairs[taken] & np.uint64(2**32 - 1)
    ids = zip(truth_ids.tolist(), pred_ids.tolist(), strict=True)
    return CountedPairs(dict(zip(ids, counts[taken].tolist(), strict=True)))
