"""Some of the images: what a run's evidence says of them alone, and its score with an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Ints, Ratios
from segbench.leaderboard.precision import Detections
from segbench.leaderboard.rank import score_on
from segbench.leaderboard.resample import Draws


@dataclass(frozen=True)
class Part:
    """The score of some images: how many, value, and 95 % interval (NaN of fewer than two)."""

    n_images: int
    value: float
    low: float
    high: float


def only(evidence: Ratios | Detections, places: Ints) -> Ratios | Detections:
    """The evidence of the images at these places, rising; they become 0 .. n-1."""
    position = np.full(evidence.n_images, -1, np.int64)
    position[places] = np.arange(len(places))
    changes: dict[str, object] = {"n_images": len(places)}
    for name, values in vars(evidence).items():
        if isinstance(values, np.ndarray) and name != "recalls":
            of = "truth_images" if name.startswith("truth_") else "images"
            kept = position[getattr(evidence, of)] >= 0
            changes[name] = position[values[kept]] if name == of else values[kept]
    return replace(evidence, **changes)  # type: ignore[arg-type]


def score_of(evidence: Ratios | Detections, places: Ints, plan: Plan, clusters: Ints | None = None) -> Part:
    """Score some images alone, and resample them alone."""
    part = only(evidence, places)
    units = None if clusters is None else np.unique(clusters[places], return_inverse=True)[1].reshape(-1)
    draws = Draws(len(places), plan.n_boot, plan.seed, units)
    found = score_on(part, draws, plan.how, plan.interval)
    return Part(len(places), found.value, found.low, found.high)
