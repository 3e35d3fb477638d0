"""Paired tests of the difference of two models: by the bootstrap, and by exchanging them image by image.

The permutation test asks how often so large a difference comes about when, on each image, a coin says which
of the two predictions is whose; pooled scores are computed anew of the exchanged images, not as means of
images. Yeh, More accurate tests for the statistical significance of result differences, COLING 2000, https://aclanthology.org/C00-2137.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.pooled import HERE, Floats, How, Ints, Ratios, Weights
from segbench.leaderboard.precision import Detections
from segbench.leaderboard.resample import Draws

TESTS = ("bootstrap", "permutation")

SAME = 1e-12
"""Differences no larger than this are none: sums of floats in another order."""


def bootstrap_p_values(values: Floats, replicates: Floats, n_units: int) -> Floats:
    """Two-sided p of each pair's difference, float64 [m, m], before correction.

    p is twice the share of resamples in which the difference is not of its sign, ``2 (1 + k) / (R + 1)``.
    That cannot fall below ``2 / (R + 1)``, which Holm's correction would turn into "never significant" on a
    board of a dozen models; so where no resample crosses zero, the tail is the normal one with the
    bootstrap's standard error. And no paired test of n images (or clusters) can give less than ``2 ** (1 -
    n)``, the chance that the signs of n differences agree.

    Parameters
    ----------
    values, replicates
        float64 [m] and [m, R].
    n_units
        Images or clusters drawn from.
    """
    result = np.ones((len(values), len(values)))
    for i in range(len(values)):
        for j in range(i):
            apart = replicates[i] - replicates[j]
            result[i, j] = result[j, i] = bootstrap_p(values[i] - values[j], apart, n_units)
    return result


def bootstrap_p(difference: float, replicates: Floats, n_units: int) -> float:
    """p of one difference, and of it on resamples [R]; see :func:`bootstrap_p_values`."""
    crossing = min(np.count_nonzero(replicates <= 0), np.count_nonzero(replicates >= 0))
    p: float = 2 * (1 + crossing) / (len(replicates) + 1)
    error = float(replicates.std())
    if not crossing and error > 0:
        p = min(p, math.erfc(abs(difference) / error / math.sqrt(2)))
    return min(max(p, 2.0 ** (1 - n_units)), 1.0)


def permutation_p_values(models: Sequence[Ratios | Detections], draws: Draws, how: How = HERE) -> Floats:
    """Two-sided p of each pair by the sign-flip permutation test, float64 [m, m], before correction."""
    result = np.ones((len(models), len(models)))
    for i in range(len(models)):
        for j in range(i):
            result[i, j] = result[j, i] = permutation_p(models[i], models[j], draws, how)
    return result


def permutation_p(
    first: Ratios | Detections, second: Ratios | Detections, draws: Draws, how: How = HERE
) -> float:
    """p of the difference of two models, ``(1 + k) / (R + 1)``.

    k of R random exchanges, of as many as ``draws`` has resamples, part the two at least as far as they are.
    Images of one cluster are exchanged together.
    """
    both = side_by_side(first, second)
    return float(_share_as_far(lambda kept: both.scores(kept, how)[:, None], draws)[0])


def permutation_p_of_classes(
    first: Ratios | Detections, second: Ratios | Detections, draws: Draws, how: How = HERE
) -> tuple[Ints, Floats]:
    """Categories that either model has, int64 [C], and p of each one's difference, float64 [C]."""
    both = side_by_side(first, second)
    return both.class_ids, _share_as_far(lambda kept: both.class_scores(kept, how), draws)


def _share_as_far(scores: Callable[[Weights], Floats], draws: Draws) -> Floats:
    """``(1 + k) / (R + 1)`` of each of the k scores [k] that weights [r, 2n] of the images of two give."""

    def apart(kept: Weights) -> Floats:
        other = 1 - kept
        sides = (kept, other), (other, kept)
        first, second = (scores(np.concatenate(side, axis=1)) for side in sides)
        return first - second

    observed = np.abs(apart(np.ones((1, draws.n_images), np.uint16)))
    extreme, total = np.zeros((2, observed.shape[1]))
    for kept in exchanges(draws):
        found = apart(kept)
        extreme += np.count_nonzero(np.abs(found) >= observed - SAME, axis=0)
        total += np.count_nonzero(np.isfinite(found), axis=0)
    return (1 + extreme) / (total + 1)


def exchanges(draws: Draws) -> Iterator[Weights]:
    """Yield blocks uint16 [some, n_images], ``n_boot`` rows in all: 0 where the two are exchanged, else 1."""
    stream = np.random.PCG64([draws.seed, 1])
    rows = max(1, (1 << 22) // max(1, draws.n_units))
    for start in range(0, draws.n_boot, rows):
        n = min(rows, draws.n_boot - start)
        coins = (
            (stream.random_raw(n * draws.n_units) >> np.uint64(63))
            .astype(np.uint16)
            .reshape(n, draws.n_units)
        )
        yield coins if draws.clusters is None else coins[:, draws.clusters]


def side_by_side(first: Ratios | Detections, second: Ratios | Detections) -> Ratios | Detections:
    """The evidence of two models in one, of twice as many images: the second's are n .. 2n - 1."""
    n = first.n_images
    shared: dict[str, NDArray[np.generic] | int] = {"n_images": 2 * n}
    moved = ("images", "truth_images")
    for name, mine in vars(first).items():
        if isinstance(mine, np.ndarray) and name != "recalls":
            theirs = getattr(second, name)
            shared[name] = np.concatenate([mine, theirs + n if name in moved else theirs])
    return replace(first, **shared)  # type: ignore[arg-type]
