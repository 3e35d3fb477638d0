"""Draws: the resamples of images that all models of a board share.

A resample of n images, or of n clusters of images, draws n of them with replacement; how often it holds an
image is the image's weight. Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.pooled import Ints, Weights

BLOCK = 1 << 23
"""Weights in one block: 16 MiB."""

KEPT = 1 << 28
"""Weights that are kept between models, 256 MiB; more are drawn anew for each, which takes as long as to
score label maps on them."""

MOST_GROUPS = 500
"""So many scores a jackknife takes at most: of more images, it leaves out several at a time."""


@dataclass(frozen=True)
class Draws:
    """``n_boot`` resamples of ``n_images`` images, the same for everyone who asks.

    Attributes
    ----------
    clusters
        int64 [n_images]: the cluster of each image, 0 .. n-1, where clusters are drawn and not images.
    """

    n_images: int
    n_boot: int
    seed: int
    clusters: Ints | None = None

    @property
    def n_units(self) -> int:
        """What is drawn: images, or clusters."""
        if self.clusters is None:
            return self.n_images
        return int(self.clusters.max()) + 1 if self.n_images else 0

    def blocks(self) -> Iterator[Weights]:
        """Yield weights uint16 [some, n_images], ``n_boot`` rows in all."""
        if self.n_boot * self.n_images <= KEPT:
            yield from (weights.astype(np.uint16, copy=False) for weights in self._kept)
        else:
            yield from self._drawn()

    @cached_property
    def _kept(self) -> list[NDArray[np.uint8 | np.uint16]]:
        """All weights; of several blocks in a byte each, where none is held more often."""
        if self.n_boot * self.n_images <= BLOCK:
            return list(self._drawn())
        return [weights.astype(np.uint8) if weights.max() < 256 else weights for weights in self._drawn()]

    def _drawn(self) -> Iterator[Weights]:
        for weights in resamples(
            self.n_units, self.n_boot, self.seed, max(1, BLOCK // max(1, self.n_images))
        ):
            yield weights if self.clusters is None else weights[:, self.clusters]

    def left_out(self) -> Weights:
        """Weights uint16 [g, n_images] of a jackknife: each row leaves out one unit, or one of g groups of
        units.

        Of n units in g groups the skewness of the g scores is ``sqrt(n / g)`` times weaker and their number
        as much smaller, so that what BCa makes of both stays the same.
        """
        units = np.arange(self.n_images) if self.clusters is None else self.clusters
        group = units % min(self.n_units, MOST_GROUPS)
        return (group != np.arange(group.max(initial=-1) + 1)[:, None]).astype(np.uint16)


def resamples(n_units: int, n_boot: int, seed: int, rows: int) -> Iterator[NDArray[np.uint16]]:
    """Yield multinomial weights uint16 [<= rows, n_units], ``n_boot`` rows in all.

    The draws come from the raw stream of PCG64, which NumPy promises never to change, and do not depend on
    ``rows``.
    """
    stream = np.random.PCG64(seed)
    for start in range(0, n_boot, rows):
        n = min(rows, n_boot - start)
        draws = (stream.random_raw(n * n_units) >> np.uint64(32)) * np.uint64(n_units) >> np.uint64(32)
        place = draws.astype(np.int64).reshape(n, n_units) + np.arange(n)[:, None] * n_units
        counts = np.bincount(place.ravel(), minlength=n * n_units)
        yield np.minimum(counts, 65535).astype(np.uint16).reshape(n, n_units)
