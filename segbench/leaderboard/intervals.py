"""Bootstrap intervals: percentile, and BCa (bias-corrected and accelerated).

Efron, Better bootstrap confidence intervals, Journal of the American Statistical Association 82, 1987,
https://doi.org/10.1080/01621459.1987.10478410.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.pooled import Floats

METHODS = ("percentile", "bca")

LEVEL = 0.95


def intervals(
    method: str, values: Floats, replicates: Floats, jackknife: Floats | None = None, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Low and high ends of the intervals of k scores.

    Parameters
    ----------
    method
        ``percentile`` or ``bca``.
    values
        float64 [k]: the scores on all images.
    replicates
        float64 [R, k]: those on resamples; NaN where one is undefined.
    jackknife
        float64 [g, k]: those on all images but some, for ``bca``.
    level
        How many of such intervals are to hold the true score.

    Returns
    -------
    low, high : float64 [k]
        NaN where no resample has the score.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    shares = np.tile(tails[:, None], (1, len(values)))
    if method == "bca":
        if jackknife is None:
            raise ValueError("BCa needs a jackknife")
        shares = _bca_shares(values, replicates, jackknife, tails)
    low, high = quantiles(replicates, shares)
    return low, high


def quantiles(replicates: Floats, shares: Floats) -> Floats:
    """Quantiles [q, k] of the columns of [R, k] at shares [q, k] of their own, linear; NaNs apart."""
    ordered = np.sort(replicates, axis=0)  # NaNs are last
    known = np.count_nonzero(np.isfinite(ordered), axis=0)
    place = np.nan_to_num(shares) * np.maximum(known - 1, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    column = np.arange(replicates.shape[1])
    low, high = ordered[below, column], ordered[above, column]
    found = low + (high - low) * (place - below)
    return np.where((known > 0) & np.isfinite(shares), found, np.nan)


def _bca_shares(values: Floats, replicates: Floats, jackknife: Floats, tails: Floats) -> Floats:
    """Where the percentiles are read off instead of at the tails: [2, k]."""
    from scipy.special import ndtr, ndtri  # scipy takes 0.1 s to import

    bias = ndtri(_share_below(values, replicates))
    shift = bias + ndtri(tails)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = ndtr(bias + shift / (1 - acceleration(jackknife) * shift))
    return np.where(
        np.isfinite(bias), moved, tails[:, None]
    )  # all on one side: there is nothing to correct by


def _share_below(values: Floats, replicates: Floats) -> Floats:
    """Share of the resamples below the score itself, half of those equal to it among them; float64 [k]."""
    known = np.count_nonzero(np.isfinite(replicates), axis=0)
    below = np.count_nonzero(replicates < values, axis=0) + np.count_nonzero(replicates <= values, axis=0)
    return np.divide(below, 2.0 * known, out=np.full(len(values), np.nan), where=known > 0)


def acceleration(jackknife: Floats) -> Floats:
    """How fast the spread of a score changes with it, from its jackknife [g, k]: [k]; 0 if constant."""
    known: NDArray[np.bool_] = np.isfinite(jackknife)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, jackknife, 0).sum(axis=0) / count
    apart = np.where(known, mean - jackknife, 0)
    cubes, squares = (apart**3).sum(axis=0), (apart**2).sum(axis=0)
    return np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 1e-24)
