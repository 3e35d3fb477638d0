"""Detections: average precision of weighted images, by the rules of COCO's accumulate, or of Cityscapes.

Detections are sorted once; a resample weighs each by how often it holds the image. Only true positives raise
recall, and between two of them precision falls, so COCO's envelope is read at true positives alone.
Cityscapes joins a point at each score, and one at precision 1 and recall 0, by straight lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segbench.kernels import weighted_precision, weighted_sums
from segbench.leaderboard.pooled import HERE, Floats, How, Ints, Weights

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Detections:
    """Scored detections and counted truths of all images, in one area range.

    Equal scores keep the order (image, place in the image), which is COCO's; copies of an image that is held
    more than once stand side by side.

    Attributes
    ----------
    n_images, n_thresholds
        Images, and IoU thresholds.
    images, categories, places
        int64 [d]: position of the image, category id, place among the image's detections of that category.
    scores
        float64 [d].
    matched, ignored
        uint64 [d]: bit t belongs to IoU threshold t.
    truth_images, truth_categories, truth_counts
        int64 [k]: truths that count.
    recalls
        float64 [R]: where precision is read off; None for the area under Cityscapes' curve.
    """

    n_images: int
    n_thresholds: int
    images: Ints
    categories: Ints
    places: Ints
    confidences: Floats
    matched: NDArray[np.uint64]
    ignored: NDArray[np.uint64]
    truth_images: Ints
    truth_categories: Ints
    truth_counts: Ints
    recalls: Floats | None = field(default_factory=lambda: RECALLS)

    @property
    def class_ids(self) -> Ints:
        """The categories that have a truth, int64 [C], rising."""
        return self._sorted.class_ids

    @property
    def class_images(self) -> tuple[Ints, Ints]:
        """Images with a truth of a category, and its place in ``class_ids``: int64 [n] both."""
        seen = self.truth_counts > 0
        return self.truth_images[seen], np.searchsorted(self.class_ids, self.truth_categories[seen])

    def truths_of_classes(self) -> Ints:
        """Truths of each of these categories that count, int64 [C]."""
        return self._truths(np.ones((1, self.n_images), np.uint16), HERE.threads)[0]

    def class_scores(self, weights: Weights, how: How = HERE) -> Floats:
        """AP of each category on each resample.

        Parameters
        ----------
        weights
            uint16 [r, n_images]: how often each resample holds each image.
        how
            In how many threads; no score depends on it.

        Returns
        -------
        float64 [r, C], a fraction, in the order of ``class_ids``: the mean over IoU thresholds and recalls;
        NaN where the resample has no truth of the category.
        """
        return self.by_threshold(weights, how).mean(axis=2)

    def mean(self, class_scores: Floats) -> Floats:
        """The AP [r] of those of categories [r, C]: the mean of those that have a truth; NaN of none."""
        known = np.isfinite(class_scores)
        total, count = np.where(known, class_scores, 0).sum(axis=1), known.sum(axis=1)
        return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)

    def scores(self, weights: Weights, how: How = HERE) -> Floats:
        """AP of each resample, float64 [r]; see :meth:`class_scores`."""
        return self.mean(self.class_scores(weights, how))

    def by_threshold(self, weights: Weights, how: How = HERE) -> Floats:
        """AP of each category at each IoU threshold, float64 [r, C, T]; see :meth:`class_scores`."""
        found = self._sorted
        truths = self._truths(weights, how.threads)
        if self.recalls is None:
            return self._trapezoids(weights, truths)
        return weighted_precision(
            found.starts,
            found.images,
            found.hit,
            found.counted,
            weights=weights,
            truths=truths,
            grid=self.recalls,
            levels=self.n_thresholds,
            threads=how.threads,
        )

    def _truths(self, weights: Weights, threads: int) -> Ints:
        column = np.searchsorted(self.class_ids, self.truth_categories)
        rows = self.truth_counts > 0
        sums = weighted_sums(
            self.truth_images[rows],
            column[rows],
            self.truth_counts[rows, None],
            weights=weights,
            n_columns=len(self.class_ids),
            threads=threads,
        )
        return sums[:, :, 0].astype(np.int64)

    @cached_property
    def _sorted(self) -> _Sorted:
        order = np.lexsort((self.places, self.images, -self.confidences, self.categories))
        known = np.unique(self.truth_categories[self.truth_counts > 0])
        order = order[np.isin(self.categories[order], known)]
        every = np.uint64((1 << self.n_thresholds) - 1)
        counted = ~self.ignored[order] & every
        return _Sorted(
            class_ids=known,
            starts=np.searchsorted(self.categories[order], [*known, np.iinfo(np.int64).max]),
            images=self.images[order].astype(np.int32),
            confidences=self.confidences[order],
            hit=self.matched[order] & counted,
            counted=counted,
        )

    def _trapezoids(self, weights: Weights, truths: Ints) -> Floats:
        """Area under Cityscapes' curve, float64 [r, C, T]."""
        found = self._sorted
        result = np.full((*truths.shape, self.n_thresholds), np.nan)
        for k, (start, stop) in enumerate(pairwise(found.starts.tolist())):
            some = truths[:, k] > 0
            mine = found.of(start, stop, self.n_thresholds)
            result[some, k] = mine.trapezoids(
                weights[some].astype(np.float64), truths[some, k].astype(np.float64)
            )
        return result


@dataclass(frozen=True)
class _Sorted:
    """Detections of the categories that have a truth, by category, then by falling score."""

    class_ids: Ints
    starts: Ints
    images: NDArray[np.int32]
    confidences: Floats
    hit: NDArray[np.uint64]
    counted: NDArray[np.uint64]

    def of(self, start: int, stop: int, n_thresholds: int) -> _Category:
        """The category whose detections these are."""
        bits = np.uint64(1) << np.arange(n_thresholds, dtype=np.uint64)[:, None]
        return _Category(
            images=self.images[start:stop],
            ends=np.flatnonzero(np.diff(self.confidences[start:stop], append=np.nan) != 0),
            kept=(self.counted[start:stop] & bits) != 0,
            hits=(self.hit[start:stop] & bits) != 0,
        )


@dataclass(frozen=True)
class _Category:
    """One category's detections by falling score.

    ``images`` int32 [d]; ``ends`` int64 [e]: the last of each score; ``kept`` bool [T, d]: true and false
    positives;
    ``hits`` bool [T, d]: true positives.
    """

    images: NDArray[np.int32]
    ends: NDArray[np.intp]
    kept: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    def trapezoids(self, weights: Floats, truths: Floats) -> Floats:
        """Area under Cityscapes' curve at each threshold, float64 [r, T]."""
        weights = weights[:, self.images]
        areas = np.zeros((len(truths), len(self.kept)))
        start = np.zeros((len(truths), 1))
        for t, (now, hit) in enumerate(zip(self.kept, self.hits, strict=True)):
            seen, hits = (np.cumsum(weights * chosen, axis=1)[:, self.ends] for chosen in (now, hit))
            precision = np.divide(hits, seen, out=np.ones_like(hits), where=seen > 0)
            precision = np.concatenate([start + 1, precision], axis=1)
            recall = np.concatenate([start, hits / truths[:, None]], axis=1)
            areas[:, t] = ((precision[:, 1:] + precision[:, :-1]) / 2 * np.diff(recall)).sum(axis=1)
        return areas
