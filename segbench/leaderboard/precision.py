"""Detections: average precision of weighted images, by the rules of COCO's accumulate, or of Cityscapes.

Detections are sorted once; a resample weighs each by how often it holds the image. Only true positives raise
recall, and between two of them precision falls, so COCO's envelope is read at true positives alone.
Cityscapes joins a point at each score, and one at precision 1 and recall 0, by straight lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.pooled import Floats, Ints, Product

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
    def width(self) -> int:
        """Numbers that one resample needs at once."""
        longest = max([len(category.images) for category in self._categories], default=0)
        return longest + len(RECALLS if self.recalls is None else self.recalls)

    def scores(self, weights: Floats, product: Product = np.matmul) -> Floats:  # noqa: ARG002 - sums run by score
        """AP of each resample.

        Parameters
        ----------
        weights
            float64 [r, n_images]: how often each resample holds each image.
        product
            Not used: what is summed here is sorted.

        Returns
        -------
        float64 [r], a fraction: the mean over IoU thresholds, recalls and the categories that have a truth;
        NaN for a resample without any truth.
        """
        total, count = np.zeros(len(weights)), np.zeros(len(weights))
        for category in self._categories:
            truths = weights @ category.truths
            counted = truths > 0
            mine = weights[counted], truths[counted]
            if self.recalls is None:
                total[counted] += category.trapezoids(*mine)
            else:
                total[counted] += category.average_precision(*mine, self.recalls)
            count += counted
        return np.divide(total, count, out=np.full(len(weights), np.nan), where=count > 0)

    @cached_property
    def _categories(self) -> Sequence[_Category]:
        return list(self._split())

    def _split(self) -> Iterator[_Category]:
        order = np.lexsort((self.places, self.images, -self.confidences, self.categories))
        known = np.unique(self.truth_categories[self.truth_counts > 0])
        starts = np.searchsorted(self.categories[order], known, side="left")
        stops = np.searchsorted(self.categories[order], known, side="right")
        bits = np.uint64(1) << np.arange(self.n_thresholds, dtype=np.uint64)
        for category, start, stop in zip(known, starts, stops, strict=True):
            mine = order[start:stop]
            truths = self.truth_categories == category
            kept = (self.ignored[mine] & bits[:, None]) == 0
            yield _Category(
                truths=self._by_image(truths),
                images=self.images[mine],
                ends=np.flatnonzero(np.diff(self.confidences[mine], append=np.nan) != 0),
                kept=kept,
                hits=((self.matched[mine] & bits[:, None]) != 0) & kept,
            )

    def _by_image(self, truths: NDArray[np.bool_]) -> Floats:
        counts = np.zeros(self.n_images)
        np.add.at(counts, self.truth_images[truths], self.truth_counts[truths])
        return counts


@dataclass(frozen=True)
class _Category:
    """One category's detections by falling score.

    ``truths`` float64 [n_images]; ``images`` int64 [d]; ``ends`` int64 [e]: the last of each score; ``kept``
    bool [T, d]: true and false positives; ``hits`` bool [T, d]: true positives.
    """

    truths: Floats
    images: Ints
    ends: NDArray[np.intp]
    kept: NDArray[np.bool_]
    hits: NDArray[np.bool_]

    def average_precision(self, weights: Floats, truths: Floats, recalls: Floats) -> Floats:
        """Mean over thresholds and recalls, float64 [r], for resamples that have ``truths`` [r] > 0."""
        weights = weights[:, self.images]
        needed = _hits_needed(truths, recalls)
        total = np.zeros(len(truths))
        kept, seen = None, weights
        for now, hit in zip(self.kept, self.hits, strict=True):
            if kept is None or not np.array_equal(kept, now):
                kept, seen = now, np.cumsum(weights * now, axis=1)
            if hit.any():
                total += _precision_at(needed, np.cumsum(weights[:, hit], axis=1), seen[:, hit])
        return total / (len(self.kept) * len(recalls))

    def trapezoids(self, weights: Floats, truths: Floats) -> Floats:
        """Mean over thresholds of the area under Cityscapes' curve, float64 [r]."""
        weights = weights[:, self.images]
        total = np.zeros(len(truths))
        start = np.zeros((len(truths), 1))
        for now, hit in zip(self.kept, self.hits, strict=True):
            seen, hits = (np.cumsum(weights * chosen, axis=1)[:, self.ends] for chosen in (now, hit))
            precision = np.divide(hits, seen, out=np.ones_like(hits), where=seen > 0)
            precision = np.concatenate([start + 1, precision], axis=1)
            recall = np.concatenate([start, hits / truths[:, None]], axis=1)
            total += ((precision[:, 1:] + precision[:, :-1]) / 2 * np.diff(recall)).sum(axis=1)
        return total / len(self.kept)


def _hits_needed(truths: Floats, recalls: Floats) -> Floats:
    """Smallest whole number h with ``h / truths >= recall``, in floating point as COCO compares: [r, R]."""
    truths = truths[:, None]
    needed = np.floor(truths * recalls) - 1
    for _ in range(3):
        needed += needed / truths < recalls
    return needed


def _precision_at(needed: Floats, hits: Floats, seen: Floats) -> Floats:
    """Sum over recalls of the precision envelope, float64 [r].

    ``hits`` and ``seen`` [r, h] count true positives, and all positives, up to and with each true positive.
    """
    envelope = np.zeros((len(hits), hits.shape[1] + 1))  # the last column: recall that is never reached
    precision = hits / (seen + np.spacing(1))
    envelope[:, :-1] = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    row = np.arange(len(hits))[:, None]
    shift = row * (max(hits.max(), needed.max()) + 2)  # makes one rising line of all rows
    place = np.searchsorted((hits + shift).ravel(), needed + shift) - row * hits.shape[1]
    return np.asarray(envelope[row, place].sum(axis=1))
