"""How far the order of a board can be relied on: Kendall's tau among resamples, and ranks without one
category.

Kendall, A new measure of rank correlation, Biometrika 30, 1938, https://doi.org/10.1093/biomet/30.1-2.81.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segbench.leaderboard.pooled import Floats, Ints


@dataclass(frozen=True)
class Stability:
    """How stable the order of m models is.

    Attributes
    ----------
    tau, tau_low, tau_high
        Kendall's tau-b between the order on all images and those on resamples: its mean and 95 % interval;
        NaN for a single model.
    without_category
        For each model its best and its worst place when any one category is left out of the mean.
    deciding
        ``{category_id: places that change}`` of the categories without which the order changes, most changes
        first.
    """

    tau: float
    tau_low: float
    tau_high: float
    without_category: Sequence[tuple[int, int]]
    deciding: dict[int, int]


def stability(values: Floats, replicates: Floats, class_ids: Ints, class_values: Floats) -> Stability:
    """Measure the stability of an order.

    Parameters
    ----------
    values, replicates
        float64 [m] and [m, R]: scores on all images and on resamples.
    class_ids, class_values
        int64 [C] and float64 [m, C]: the categories that are averaged, and their scores; NaN where a model
        has none.
    """
    taus = kendall_tau(values, replicates)
    known = taus[np.isfinite(taus)]
    tau, low, high = (known.mean(), *np.quantile(known, [0.025, 0.975])) if len(known) else (np.nan,) * 3
    places = places_without(class_values)
    order = _places(values[:, None])
    changed = (places != order).sum(axis=0)
    worst_first = [k for k in np.argsort(-changed, kind="stable") if changed[k]]
    bounds = zip(places.min(axis=1, initial=len(values)), places.max(axis=1, initial=1), strict=True)
    without = [(int(low), int(high)) for low, high in bounds]
    return Stability(
        tau=round(float(tau), 9),
        tau_low=round(float(low), 9),
        tau_high=round(float(high), 9),
        without_category=without if places.size else [(int(place), int(place)) for place in order[:, 0]],
        deciding={int(class_ids[k]): int(changed[k]) for k in worst_first},
    )


def kendall_tau(values: Floats, replicates: Floats) -> Floats:
    """Tau-b of ``values`` [m] with each column of ``replicates`` [m, R]: float64 [R]; NaN if all equal."""
    agree = np.zeros(replicates.shape[1])
    untied = np.zeros(replicates.shape[1])
    pairs = 0
    for i in range(len(values)):
        for j in range(i):
            sign = np.sign(values[i] - values[j])
            other = np.sign(replicates[i] - replicates[j])
            agree += sign * other
            untied += np.abs(other)
            pairs += int(sign != 0)
    below = np.sqrt(untied * pairs)
    return np.divide(agree, below, out=np.full_like(below, np.nan), where=below > 0)


def places_without(class_values: Floats) -> Ints:
    """Place of each model, 1 the best, when one category is left out of its mean: int64 [m, C]."""
    if class_values.shape[1] < 2:
        return np.zeros((len(class_values), 0), np.int64)
    known = np.isfinite(class_values)
    filled = np.where(known, class_values, 0)
    count = known.sum(axis=1, keepdims=True) - known
    left = filled.sum(axis=1, keepdims=True) - filled
    return _places(np.round(np.divide(left, count, out=np.full_like(left, -1), where=count > 0), 12))


def _places(scores: Floats) -> Ints:
    """1 + how many are higher, in each column."""
    return 1 + (scores[None] > scores[:, None]).sum(axis=1)
