"""What a run took: of each image the time of each stage, and of all of them percentiles."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STAGES = ("decode", "preprocess", "forward", "postprocess", "metric")
"""Of an image, in their order; what is measured in milliseconds."""

FIELDS = (*STAGES, "host_mb", "device_mb", "flops", "warm_up")
"""What is kept of an image: stages, the peaks of memory so far, operations, 1 while the model warms up."""

WARM_UP = 3
"""The first calls of a model in a process, which are left out where there are others."""

Times = NDArray[np.float64]
"""Values of :data:`FIELDS`, NaN where unknown."""

DECODE, MODEL, METRIC, PEAKS, FLOPS, WARMING = 0, slice(1, 4), 4, slice(5, 7), 7, 8
"""Where in these each is."""


def new_times() -> Times:
    """Nothing is known yet."""
    return np.full(len(FIELDS), np.nan)


_PERCENTILES = (50, 95, 99)


class Timing:
    """Collects what images took."""

    def __init__(self) -> None:
        self._latencies = array("d")
        self._rows = array("d")

    def __len__(self) -> int:
        """How many images a model has answered."""
        return len(self._latencies)

    def add(self, latency_ms: float, times: Times | None) -> None:
        """Add an image: how long the model took, and all else that is known."""
        self._latencies.append(latency_ms)
        self._rows.extend([np.nan] * len(FIELDS) if times is None else times)

    def summary(self) -> dict[str, Any]:
        """What a record says of it; nothing where there is no image.

        ``latency_ms`` is that of the model, ``stages_ms`` are of each stage: ``decode`` reads an image and
        its picture, ``metric`` reads the answer and measures it. A model in one piece has but ``forward``.
        Peaks are those of the process that had the highest; ``flops`` are of the first image.
        """
        if not len(self):
            return {}
        rows = np.frombuffer(self._rows, np.float64).reshape(-1, len(FIELDS))
        columns = dict(zip(FIELDS, rows.T, strict=True))
        warm = columns["warm_up"] == 1
        kept = ~warm if not warm.all() else warm
        latencies = np.frombuffer(self._latencies, np.float64)[kept]
        stages = {name: _percentiles(columns[name][kept]) for name in STAGES}
        peaks = {
            f"peak_{name}": float(np.nanmax(values))
            for name in ("host_mb", "device_mb")
            if np.isfinite(values := columns[name]).any()
        }
        flops = columns["flops"][np.isfinite(columns["flops"])]
        return {
            "images_timed": len(latencies),
            "images_of_warm_up": int(warm.sum()) if kept is not warm else 0,
            "latency_ms": _percentiles(latencies),
            "images_per_second": 1000 * len(latencies) / float(latencies.sum()),
            "stages_ms": {name: found for name, found in stages.items() if found},
            **peaks,
            **({"flops": float(flops[0])} if len(flops) else {}),
        }


def example() -> dict[str, Any]:
    """What :meth:`Timing.summary` may say, of an image of which everything is known."""
    timing = Timing()
    timing.add(1.0, np.ones(len(FIELDS)))
    return timing.summary()


def _percentiles(values: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    known = np.asarray(values)[~np.isnan(values)]
    if not len(known):
        return {}
    found = np.percentile(known, _PERCENTILES).tolist()
    return {f"p{n}": value for n, value in zip(_PERCENTILES, found, strict=True)}
