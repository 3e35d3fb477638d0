"""Ratios: scores pooled over images as the mean over categories of Σ numerator / Σ denominator.

mIoU and PQ are both of this form: IoU = Σtp / Σ(tp+fp+fn) in pixels, and
PQ = Σiou / Σ(tp + fp/2 + fn/2) in segments. A category of which nothing was seen is left out of the mean,
unless the protocol averages those in the truth alone, or a fixed number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Product = Callable[[Floats, Floats], Floats]
"""What multiplies the weights of resamples [r, n_images] by statistics [n_images, k]."""

BLOCK = 1 << 22  # numbers in the largest array: 32 MiB


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
    def width(self) -> int:
        """Numbers that one resample needs at once."""
        return max(1, min(len(np.unique(self.categories)), BLOCK // max(1, self.n_images)))

    def scores(self, weights: Floats, product: Product = np.matmul) -> Floats:
        """Pooled score of each resample.

        Parameters
        ----------
        weights
            float64 [r, n_images]: how often each resample holds each image.
        product
            What multiplies them by the statistics of the images. Sums of whole numbers are exact, so that
            they are the same of any.

        Returns
        -------
        float64 [r], a fraction; NaN for a resample in which no category was seen.
        """
        total, count = np.zeros(len(weights)), np.zeros(len(weights))
        for numerators, denominators, present in self._blocks():
            below = product(weights, denominators)
            seen = (below if present is None else product(weights, present)) > 0
            total += np.divide(product(weights, numerators), below, out=np.zeros_like(below), where=seen).sum(
                axis=1
            )
            count += seen.sum(axis=1)
        if self.n_averaged is not None:
            count = np.where(count > 0, float(self.n_averaged), 0.0)
        return np.divide(total, count, out=np.full(len(weights), np.nan), where=count > 0)

    def _blocks(self) -> Iterator[tuple[Floats, Floats, Floats | None]]:
        """Dense [n_images, categories] numerators, denominators and presence, by blocks of categories."""
        known, column = np.unique(self.categories, return_inverse=True)
        step = self.width
        for start in range(0, len(known), step):
            rows = (column >= start) & (column < start + step)
            place = self.images[rows], column[rows] - start
            yield (
                self._dense(place, self.numerators[rows], step),
                self._dense(place, self.denominators[rows], step),
                None if self.present is None else self._dense(place, self.present[rows], step),
            )

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
