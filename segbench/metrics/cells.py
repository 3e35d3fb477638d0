"""Cells: the overlap table of one image, where there are pixels. An image has few of many categories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.metrics.inputs import Labels, Logits

Counts = NDArray[np.int64]


class Cells(NamedTuple):
    """Pixels by (true, predicted) category; a pair may stand twice.

    Attributes
    ----------
    num_classes
        K. In ``truth`` and ``pred``, K stands for ignored pixels and K + 1 for ids that are no category.
    truth, pred, pixels
        int64 [n].
    """

    num_classes: int
    truth: Counts
    pred: Counts
    pixels: Counts

    @classmethod
    def of_maps(cls, truth: Labels, pred: Labels, num_classes: int, ignore: int) -> Cells:
        """Count two maps, or their runs: see :func:`segbench.kernels.confusion`."""
        return cls(num_classes, *kernels.confusion(truth, pred, num_classes, ignore))

    @classmethod
    def of_logits(cls, truth: NDArray[Any], logits: Logits, ignore: int) -> Cells:
        """Count a batch, each pixel as of its best class: :func:`segbench.kernels.logits_confusion`."""
        cells = kernels.logits_confusion(truth, logits.scores, ignore, logits.kind)
        return cls(logits.scores.shape[1], *cells)

    @classmethod
    def of_table(cls, table: Counts) -> Cells:
        """Take the cells of a table, int64 [K + 2, K + 2]."""
        truth, pred = np.nonzero(table)
        return cls(len(table) - 2, truth, pred, table[truth, pred])

    def where(self, chosen: NDArray[np.bool_]) -> Cells:
        """Keep some of the cells, bool [n]."""
        return Cells(self.num_classes, self.truth[chosen], self.pred[chosen], self.pixels[chosen])

    def add_to(self, table: Counts) -> None:
        """Add to a table, int64 [K + 2, K + 2] or as much of it as there are cells of."""
        np.add.at(table, (self.truth, self.pred), self.pixels)

    def by_truth(self) -> Counts:
        """Pixels of each true category, int64 [K]; no cell may be of true pixels of none."""
        return self._summed(self.truth)

    def by_pred(self) -> Counts:
        """Pixels of each predicted category, int64 [K]; those of none are left out."""
        return self._summed(self.pred)

    def _summed(self, ids: Counts) -> Counts:
        total = np.bincount(ids, self.pixels, self.num_classes)  # doubles: exact up to 2 ** 53 pixels
        return total[: self.num_classes].astype(np.int64)
