"""How often each category occurs, split by split, and what of that may surprise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.views import split_of_each

IMBALANCE = 100
"""So many times as frequent as another, a category is told of."""


class Tally:
    """Counts the segments (of label maps, the images) of each category in each split."""

    def __init__(self, dataset: Dataset) -> None:
        self._names = [c.name for c in dataset.categories]
        self._counts = {split: np.zeros(len(self._names), np.int64) for split in dataset.splits}
        self._empty = 0
        self._what = "segments"
        self.split_of = split_of_each(dataset)

    def add(self, index: int, sample: Sample) -> None:
        """Count the sample of a place."""
        counts = self._counts[self.split_of[index]]
        if sample.kind == "semantic":
            self._what = "images"
            present = [i for i in sample.mask_runs.ids().tolist() if i < len(counts)]
            counts[present] += 1
            self._empty += not present
            return
        counts += np.bincount([s.category_id for s in sample.segments], minlength=len(counts))
        self._empty += not sample.segments

    def findings(self) -> Iterator[tuple[str, str]]:
        """Yield (level, text) of what may surprise."""
        if self._empty:
            yield "note", f"images: {self._empty} have no annotation"
        total = np.sum(list(self._counts.values()), 0)
        if never := [n for n, count in zip(self._names, total, strict=True) if not count]:
            yield "note", f"categories: {len(never)} of {len(self._names)} never occur: {_some(never)}"
        yield from self._imbalance(total)
        yield from self._missing(total)

    def _imbalance(self, total: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        there = np.flatnonzero(total)
        if len(there) < 2:
            return
        most, least = there[total[there].argmax()], there[total[there].argmin()]
        if total[most] >= IMBALANCE * total[least]:
            rare = int((total[there] * IMBALANCE <= total[most]).sum())
            yield (
                "warning",
                f"categories: class imbalance: {self._names[most]!r} has {total[most]} {self._what}, "
                f"{self._names[least]!r} {total[least]}; {rare} categories are {IMBALANCE} times as rare",
            )

    def _missing(self, total: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        if "train" not in self._counts or len(self._counts) < 2:
            return
        lacking = np.flatnonzero((self._counts["train"] == 0) & (total > 0))
        if len(lacking):
            names = _some([self._names[i] for i in lacking.tolist()])
            yield "warning", f"categories: {len(lacking)} occur in other splits and not in 'train': {names}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + ", …" * (len(names) > 5)
