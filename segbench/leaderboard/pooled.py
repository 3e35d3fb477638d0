"""Ratios: scores pooled over images as the mean over categories of Σ numerator / Σ denominator.

mIoU and PQ are both of this form: IoU = Σtp / Σ(tp+fp+fn) in pixels, and
PQ = Σiou / Σ(tp + fp/2 + fn/2) in segments. A category of which nothing was seen is left out of the mean,
unless the protocol averages those in the truth alone, or a fixed number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.kernels import weighted_sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = NDArray[np.uint16]

Product = Callable[[Weights, Floats], Floats]
"""What multiplies the weights of resamples [r, n_images] by statistics [n_images, k]."""


@dataclass(frozen=True)
class How:
    """In how many threads resamples are scored, and what multiplies them where the kernels do not."""

    threads: int = 1
    product: Product | None = None


HERE = How()


@dataclass(frozen=True)
class Ratios:
    """One row for each image and category that meet; rows of one image and category add up.

    Attributes
    ----------
    n_images
        Images, those without any row included.
    images, categories
        int64 [k]: the position of the image, 0 .. n_images-1, and the category id.
    numerators, denominators
        float64 [k].
    present
        float64 [k]: a category is averaged where these add up to more than 0; the denominators by default.
    n_averaged
        How many categories the mean divides by; by default those that are averaged.
    """

    n_images: int
    images: Ints
    categories: Ints
    numerators: Floats
    denominators: Floats
    present: Floats | None = None
    n_averaged: int | None = None

    @property
    def class_ids(self) -> Ints:
        """The categories that have a row, int64 [C], rising."""
        return self._columns[0]

    @property
    def class_images(self) -> tuple[Ints, Ints]:
        """Images that give a category a score, and its place in ``class_ids``: int64 [n] both."""
        seen = (self.denominators if self.present is None else self.present) > 0
        return self.images[seen], self._columns[1][seen]

    def class_scores(self, weights: Weights, how: How = HERE) -> Floats:
        """Score of each category on each resample.

        Parameters
        ----------
        weights
            uint16 [r, n_images]: how often each resample holds each image.
        how
            Where and in how many threads to add up. Sums of whole numbers are exact, so that they are the
            same everywhere.

        Returns
        -------
        float64 [r, C], a fraction, in the order of ``class_ids``; NaN where the mean leaves it out.
        """
        above, below, *present = self._sums(weights, how)
        seen = (present[0] if present else below) > 0
        return np.divide(above, below, out=np.where(seen, 0.0, np.nan), where=seen & (below > 0))

    def mean(self, class_scores: Floats) -> Floats:
        """The pooled score [r] that scores of categories [r, C] give; NaN where there is none."""
        known = np.isfinite(class_scores)
        total, count = np.where(known, class_scores, 0).sum(axis=1), known.sum(axis=1).astype(np.float64)
        if self.n_averaged is not None:
            count = np.where(count > 0, float(self.n_averaged), 0.0)
        return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)

    def scores(self, weights: Weights, how: How = HERE) -> Floats:
        """Pooled score of each resample, float64 [r]; see :meth:`class_scores`."""
        return self.mean(self.class_scores(weights, how))

    def _sums(self, weights: Weights, how: How) -> list[Floats]:
        """Numerators, denominators and, where it is told apart, presence of each category: [r, C] each."""
        known, column = self._columns
        rows = [self.numerators, self.denominators, *([] if self.present is None else [self.present])]
        if how.product is None:
            values = np.stack(rows, axis=1)
            sums = weighted_sums(
                self.images, column, values, weights=weights, n_columns=len(known), threads=how.threads
            )
            return list(np.moveaxis(sums, 2, 0))
        dense = [self._dense((self.images, column), row, len(known)) for row in rows]
        return [how.product(weights, one) for one in dense]

    @cached_property
    def _columns(self) -> tuple[Ints, Ints]:
        known, column = np.unique(self.categories, return_inverse=True)
        return known, column.reshape(-1)

    def _dense(self, place: tuple[Ints, Ints], values: Floats, n_columns: int) -> Floats:
        block = np.zeros((self.n_images, n_columns))
        np.add.at(block, place, values)
        return block

    def by_image(self) -> Floats:
        """Mean over its categories of each image's own ratios: float64 [n_images], NaN where undefined."""
        ratio, seen = self._cells()
        total = np.bincount(self.images[seen], ratio[seen], self.n_images)
        count = np.bincount(self.images[seen], minlength=self.n_images)
        return np.divide(total, count, out=np.full(self.n_images, np.nan), where=count > 0)

    def by_image_pooled(self) -> Floats:
        """Each image's ratio over all its categories together: float64 [n_images], NaN where undefined."""
        above = np.bincount(self.images, self.numerators, self.n_images)
        below = np.bincount(self.images, self.denominators, self.n_images)
        return np.divide(above, below, out=np.full(self.n_images, np.nan), where=below > 0)

    def worst_by_category(self, n: int) -> dict[int, tuple[Ints, Floats]]:
        """The ``n`` lowest images of each category and their ratios, lowest first."""
        ratio, seen = self._cells()
        images, categories, ratio = self.images[seen], self.categories[seen], ratio[seen]
        order = np.lexsort((images, ratio, categories))
        known, starts = np.unique(categories[order], return_index=True)
        picks = [
            order[start : min(start + n, stop)]
            for start, stop in zip(starts, [*starts[1:], len(order)], strict=True)
        ]
        return {int(c): (images[pick], ratio[pick]) for c, pick in zip(known, picks, strict=True)}

    def _cells(self) -> tuple[Floats, NDArray[np.bool_]]:
        seen = self.denominators > 0
        below = np.where(seen, self.denominators, 1.0)
        return np.round(self.numerators / below, 9), seen
