"""Pixel counts of label maps and logits that stay on a device until a score is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench import kernels
from segbench.errors import DataError, UsageError
from segbench.metrics.cells import Cells
from segbench.metrics.inputs import Logits, as_labels, is_logits
from segbench.metrics.semantic_rules import SemanticRules
from segbench.metrics.semantic_stats import SemanticStats, measure_cells

if TYPE_CHECKING:
    from segbench.kernels import Device


class DeviceTables:
    """Overlap tables of all images together, or of each apart.

    Parameters
    ----------
    device
        Where the maps are.
    num_classes, ignore
        K, and the id that is never scored.
    by_image
        Whether images are kept apart.

    Raises
    ------
    UsageError
        When there are too many classes for a device.
    """

    def __init__(self, device: Device, num_classes: int, ignore: int, by_image: bool) -> None:
        if num_classes > kernels.MAX_CLASSES:
            raise UsageError(f"up to {kernels.MAX_CLASSES} classes are counted on {device.name}: use the CPU")
        self._device, self._num_classes, self._ignore = device, num_classes, ignore
        self._by_image = by_image
        self._pooled: Any = None
        self._tables: list[tuple[Any, str | None]] = []
        self._updates = 0

    def add(self, pred: Any, truth: Any, image_id: str | None) -> None:
        """Count the maps, or the logits and the map, of an image or a batch; nothing waits for the device.

        Raises
        ------
        DataError
            When the shapes differ.
        UsageError
            When one is of another type or shape, or of other classes.
        """
        device = self._device
        with device.turn(pred, truth):
            maps = as_labels(device.view(truth, "truth"), "truth")
            if is_logits(pred):
                Logits.check(pred)
                logits = Logits(device.view(pred, "pred"), kernels.dtype_name(pred))
                maps = logits.truth_like(maps, self._num_classes, image_id=image_id, field="mask")
                scores = device.xp.ascontiguousarray(logits.scores)
                counts = self._table(len(maps), image_id)
                kernels.add_logits(
                    device,
                    kernels.label_batch(device, maps),
                    scores,
                    logits.kind,
                    ignore_index=self._ignore,
                    counts=counts,
                )
            else:
                other = as_labels(device.view(pred, "pred"), "pred")
                if other.shape != maps.shape:
                    raise DataError(
                        f"it is {other.shape} pixels, the truth {maps.shape}", image_id=image_id, field="mask"
                    )
                counts = self._table(len(maps) if maps.ndim == 3 else 1, image_id)
                sides = kernels.label_batch(device, maps), kernels.label_batch(device, other)
                kernels.add_confusion(device, *sides, ignore_index=self._ignore, counts=counts)
        self._updates += 1

    @property
    def kept_apart(self) -> int:
        """Images that have a table of their own."""
        return sum(len(table) for table, _ in self._tables)

    def _table(self, images: int, image_id: str | None) -> Any:
        """The table to add to: one for each image where they are kept apart."""
        if self._by_image:
            self._tables.append((kernels.table_of(self._device, images, self._num_classes), image_id))
            return self._tables[-1][0]
        if self._pooled is None:
            self._pooled = kernels.table_of(self._device, 1, self._num_classes)
        return self._pooled

    def stats(self, ignore_index: int | None, rules: SemanticRules) -> list[SemanticStats]:
        """Wait for the counts of all images together, or of each; errors as :func:`measure_cells`."""
        if self._by_image:
            return [
                measure_cells(cells, ignore_index, rules, image_id=image_id, index=None)
                for table, image_id in self._tables
                for cells in self._read(table)
            ]
        pooled = self._read(self._pooled) if self._updates else []
        found = [measure_cells(cells, ignore_index, rules, image_id=None, index=None) for cells in pooled]
        return [replace(stats, images=self._updates) for stats in found]

    def _read(self, table: Any) -> list[Cells]:
        return [Cells.of_table(one) for one in self._device.to_host(table).astype(np.int64)]
