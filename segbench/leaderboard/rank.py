"""Which of these models is better, and how sure is that: a paired bootstrap over images.

All models of a board are scored on the same resamples. From those come percentile intervals, paired tests
with Holm's correction over all pairs, tie groups, rank intervals and the probability of being best.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993; Holm, A simple sequentially rejective multiple
test procedure, 1979, https://www.jstor.org/stable/4615733.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.pooled import BLOCK, Floats, Ints, Product

ALPHA = 0.05
FEW_IMAGES = 50


class Evidence(Protocol):
    """What can be scored on weighted images."""

    @property
    def n_images(self) -> int:
        """Images."""

    @property
    def width(self) -> int:
        """Numbers that one resample needs at once."""

    def scores(self, weights: Floats, product: Product = np.matmul) -> Floats:
        """Scores [r] of resamples that hold each image ``weights`` [r, n_images] times."""


@dataclass(frozen=True)
class Ranking:
    """Results for m models, in the order they were given.

    Attributes
    ----------
    rank
        int64 [m]: 1 + the number of models in better tie groups.
    ci_low, ci_high
        float64 [m]: 95 % percentile interval of the score; NaN with fewer than two images.
    rank_low, rank_high
        int64 [m]: 95 % percentile interval of the rank among resamples.
    p_best
        float64 [m]: share of resamples in which the model is best; shared among equals, so that all add to 1.
    p_values
        float64 [m, m]: p of each pair's difference after Holm's correction; 1 on the diagonal.
    """

    rank: Ints
    ci_low: Floats
    ci_high: Floats
    rank_low: Ints
    rank_high: Ints
    p_best: Floats
    p_values: Floats


def resamples(n_images: int, n_boot: int, seed: int, rows: int) -> Iterator[Floats]:
    """Yield multinomial weights float64 [<= rows, n_images], ``n_boot`` rows in all.

    The draws come from the raw stream of PCG64, which NumPy promises never to change, and do not depend on
    ``rows``.
    """
    stream = np.random.PCG64(seed)
    for start in range(0, n_boot, rows):
        n = min(rows, n_boot - start)
        draws = (stream.random_raw(n * n_images) >> np.uint64(32)) * np.uint64(n_images) >> np.uint64(32)
        place = draws.astype(np.int64).reshape(n, n_images) + np.arange(n)[:, None] * n_images
        yield np.bincount(place.ravel(), minlength=n * n_images).reshape(n, n_images).astype(np.float64)


def bootstrap(models: Sequence[Evidence], *, n_boot: int, seed: int, product: Product = np.matmul) -> Floats:
    """Score every model on the same resamples; see :meth:`Ratios.scores` for ``product``.

    Returns
    -------
    float64 [m, <= n_boot], to 12 decimals; a resample in which a score is undefined is left out for all.
    """
    n_images = models[0].n_images
    rows = max(1, min(n_boot, BLOCK // max(n_images, *(model.width for model in models))))
    blocks = [
        np.array([model.scores(weights, product) for model in models])
        for weights in resamples(n_images, n_boot, seed, rows)
    ]
    replicates = np.round(np.concatenate(blocks, axis=1), 12)
    return replicates[:, np.isfinite(replicates).all(axis=0)]


def rank_models(values: Floats, replicates: Floats, n_images: int) -> Ranking:
    """Rank models by their scores on all images (``values`` [m]) and on resamples (``replicates`` [m, R])."""
    p_values = holm(pair_p_values(values, replicates, n_images))
    places = np.array([1 + (replicates > mine).sum(axis=0) for mine in replicates])
    best = replicates == replicates.max(axis=0)
    low, high = np.full((2, len(values)), np.nan)
    if n_images > 1:
        low, high = np.quantile(replicates, [0.025, 0.975], axis=1)
    rank_low, rank_high = np.quantile(places, [0.025, 0.975], axis=1, method="inverted_cdf")
    return Ranking(
        rank=tie_ranks(values, p_values),
        ci_low=low,
        ci_high=high,
        rank_low=rank_low.astype(np.int64),
        rank_high=rank_high.astype(np.int64),
        p_best=(best / best.sum(axis=0)).mean(axis=1),
        p_values=p_values,
    )


def pair_p_values(values: Floats, replicates: Floats, n_images: int) -> Floats:
    """Two-sided p of each pair's difference, float64 [m, m], before correction.

    p is twice the share of resamples in which the difference is not of its sign, ``2 (1 + k) / (R + 1)``.
    That cannot fall below ``2 / (R + 1)``, which Holm's correction would turn into "never significant" on a
    board of a dozen models; so where no resample crosses zero, the tail is the normal one with the
    bootstrap's standard error. And no paired test of n images can give less than ``2 ** (1 - n)``, the chance
    that the signs of n differences agree.
    """
    result = np.ones((len(values), len(values)))
    for i in range(len(values)):
        for j in range(i):
            result[i, j] = result[j, i] = _pair_p(values[i] - values[j], replicates[i] - replicates[j])
    floor = np.where(np.eye(len(values), dtype=bool), 1.0, 2.0 ** (1 - n_images))
    return np.clip(result, floor, 1)


def _pair_p(difference: float, replicates: Floats) -> float:
    crossing = min(np.count_nonzero(replicates <= 0), np.count_nonzero(replicates >= 0))
    p = 2 * (1 + crossing) / (len(replicates) + 1)
    error = float(replicates.std())
    if crossing or error == 0:
        return p
    return min(p, math.erfc(abs(difference) / error / math.sqrt(2)))


def holm(p_values: Floats) -> Floats:
    """Holm's step-down correction over all pairs of a symmetric matrix of p [m, m]."""
    rows, columns = np.triu_indices(len(p_values), 1)
    raw = p_values[rows, columns]
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    result = np.ones_like(p_values)
    result[rows[order], columns[order]] = result[columns[order], rows[order]] = np.minimum(stepped, 1)
    return result


def tie_ranks(values: Floats, p_values: Floats, alpha: float = ALPHA) -> NDArray[np.int64]:
    """Rank of each model's tie group, int64 [m].

    From the best down, a model joins the group of the leader unless it is significantly worse than the
    leader; the first that is leads the next group.
    """
    ranks = np.ones(len(values), dtype=np.int64)
    order = np.argsort(-values, kind="stable")
    leader, rank = order[0], 1
    for place, model in enumerate(order, start=1):
        if model != leader and p_values[leader, model] < alpha:
            leader, rank = model, place
        ranks[model] = rank
    return ranks
