"""Reshaping: data sets made of data sets, by rules that a user names.

A :class:`Step` changes samples one by one, and counts what it changes; :func:`apply` makes a view of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.views import changed


@dataclass(frozen=True, slots=True)
class Step:
    """One change that was asked for.

    Attributes
    ----------
    feature, meaning
        What a report calls it.
    count
        How often a sample, as it is before, will be changed.
    change
        Returns the changed sample.
    categories, extra
        Those of the data set after it, where they are others.
    told
        It changes nothing, and what it counts is no change, but to be told.
    resizes
        Samples may have another size after it.
    """

    feature: str
    meaning: str
    count: Callable[[Sample], int]
    change: Callable[[Sample], Sample]
    categories: Categories | None = None
    extra: Mapping[str, Any] | None = None
    told: bool = False
    resizes: bool = False


@dataclass(frozen=True, slots=True)
class _Chain:
    """Steps one after the other."""

    steps: Sequence[Step]

    def __call__(self, sample: Sample) -> Sample:
        return reduce(lambda so_far, step: step.change(so_far), self.steps, sample)


def apply(dataset: Dataset, steps: Sequence[Step]) -> Dataset:
    """Return a data set whose samples go through these steps when they are read."""
    if not steps:
        return dataset
    categories = [step.categories for step in steps if step.categories is not None]
    extra = [step.extra for step in steps if step.extra is not None]
    return changed(
        dataset,
        _Chain(tuple(steps)),
        categories=categories[-1] if categories else None,
        extra=extra[-1] if extra else None,
        resized=any(step.resizes for step in steps),
    )
