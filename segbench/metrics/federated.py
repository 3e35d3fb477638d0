"""Federated truth, as LVIS has it: an image says something of some categories, and nothing of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories
    from segbench.canonical.sample import Sample
    from segbench.metrics.instance_regions import Regions

FREQUENCIES = {"rare": "r", "common": "c", "frequent": "f"}
"""Groups of categories that have a score of their own, and their ``frequency``."""


@dataclass(frozen=True, slots=True)
class Federation:
    """What the truth of one image says of whole categories.

    Attributes
    ----------
    absent
        Ids of categories that are surely not there: ``neg_category_ids``.
    not_exhaustive
        Ids of categories not all of whose objects are annotated.
    """

    absent: tuple[int, ...]
    not_exhaustive: tuple[int, ...]

    @classmethod
    def of(cls, truth: Sample) -> Self:
        """Read it from a sample.

        Raises
        ------
        DataError
            When the sample does not say it: its truth is not federated.
        """
        if truth.neg_category_ids is None or truth.not_exhaustive_category_ids is None:
            field = "neg_category_ids" if truth.neg_category_ids is None else "not_exhaustive_category_ids"
            raise truth.error("is missing; the protocols of LVIS need it, as a list, for every image", field)
        return cls(truth.neg_category_ids, truth.not_exhaustive_category_ids)

    def truth(self, truth: Regions) -> Regions:
        """The truth that counts: what has an area; a crowd is an object like any other."""
        kept = truth.take(np.flatnonzero(truth.areas > 0))
        return replace(kept, iscrowd=np.zeros(len(kept), np.bool_))

    def counted(self, pred: Regions, truth: Regions) -> NDArray[np.bool_]:
        """Which predictions count, bool [D]: with an area, and of a category that is there or surely not."""
        told = np.isin(pred.category_ids, truth.category_ids) | np.isin(pred.category_ids, self.absent)
        return told & (pred.areas > 0)

    def excused(self, pred: Regions) -> NDArray[np.bool_]:
        """Which predictions are no false positives when they match nothing, bool [D]."""
        return np.isin(pred.category_ids, self.not_exhaustive)


def without_frequency(categories: Categories) -> list[str]:
    """What a reader of scores by frequency should know."""
    unknown = sum(c.frequency not in FREQUENCIES.values() for c in categories)
    if not unknown:
        return []
    return [
        f"{unknown} of {len(categories)} categories have no frequency (r, c or f); they count in ap, and in "
        "none of " + ", ".join(f"ap_{label}" for label in FREQUENCIES)
    ]
