"""Detections: the matched predictions of many images as columns, category by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segbench.metrics.instance_curves import Tallied


@dataclass(frozen=True, slots=True)
class Detections:
    """Predictions: category, rank and score [N], and flag bits uint64 [A, N]."""

    category_ids: NDArray[np.int32]
    ranks: NDArray[np.int32]
    scores: NDArray[np.float64]
    matched: NDArray[np.uint64]
    ignored: NDArray[np.uint64]

    @classmethod
    def joined(cls, images: Sequence[Tallied], areas: int) -> Self:
        """Concatenate in image order, then group by category; ``areas`` is A, where there is no image."""
        flags = [np.empty((areas, 0), np.uint64)]
        none = np.empty(0, np.int32)
        category_ids = np.concatenate([none, *(image.pred_category_ids for image in images)])
        order = np.argsort(category_ids, kind="stable")
        return cls(
            category_ids[order],
            np.concatenate([none, *(image.ranks for image in images)])[order],
            np.concatenate([np.empty(0), *(image.scores for image in images)])[order],
            np.concatenate([*flags, *(image.matched for image in images)], axis=1)[:, order],
            np.concatenate([*flags, *(image.ignored for image in images)], axis=1)[:, order],
        )

    def of_category(self, category_id: int) -> Self:
        """Those of one category, by falling score; equal scores stay in image order."""
        lo, hi = np.searchsorted(self.category_ids, [category_id, category_id + 1]).tolist()
        order = lo + np.argsort(-self.scores[lo:hi], kind="stable")
        return type(self)(
            self.category_ids[order],
            self.ranks[order],
            self.scores[order],
            self.matched[:, order],
            self.ignored[:, order],
        )
