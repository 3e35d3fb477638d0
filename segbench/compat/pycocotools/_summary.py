"""The twelve lines of ``COCOeval.summarize``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.compat._tools import say

# Whether precision, the IoU threshold or None for all, the area range, and which of maxDets; None is 100.
LINES: tuple[tuple[bool, float | None, str, int | None], ...] = (
    (True, None, "all", None),
    (True, 0.5, "all", 2),
    (True, 0.75, "all", 2),
    (True, None, "small", 2),
    (True, None, "medium", 2),
    (True, None, "large", 2),
    (False, None, "all", 0),
    (False, None, "all", 1),
    (False, None, "all", 2),
    (False, None, "small", 2),
    (False, None, "medium", 2),
    (False, None, "large", 2),
)


def summarize(evaluated: dict[str, Any], p: Any) -> NDArray[np.float64]:
    """Print the lines of default settings and return their numbers, float64 [12]; −1 is undefined."""
    stats = np.zeros(len(LINES))
    for i, (is_precision, threshold, area, limit) in enumerate(LINES):
        most = 100 if limit is None else p.maxDets[limit]
        stats[i] = _line(evaluated, p, is_precision, (threshold, area, most))
    return stats


def _line(evaluated: dict[str, Any], p: Any, is_precision: bool, at: tuple[float | None, str, int]) -> float:
    threshold, area, most = at
    values = evaluated["precision" if is_precision else "recall"]
    if threshold is not None:
        values = values[np.flatnonzero(np.asarray(p.iouThrs) == threshold)]
    areas = [a for a, label in enumerate(p.areaRngLbl) if label == area]
    limits = [m for m, limit in enumerate(p.maxDets) if limit == most]
    values = values[..., areas, limits]
    defined = values[values > -1]
    mean = np.mean(defined) if len(defined) else -1
    title, short = ("Average Precision", "(AP)") if is_precision else ("Average Recall", "(AR)")
    levels = f"{p.iouThrs[0]:0.2f}:{p.iouThrs[-1]:0.2f}" if threshold is None else f"{threshold:0.2f}"
    say(f" {title:<18} {short} @[ IoU={levels:<9} | area={area:>6s} | maxDets={most:>3d} ] = {mean:0.3f}")
    return float(mean)
