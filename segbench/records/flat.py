"""Numbers of a run under flat keys, as loggers of experiments (W&B, MLflow, TensorBoard) take them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_REFUSED = re.compile(r"[^\w.\- ]+")  # what MLflow refuses, and the slash that parts a path
_LONGEST = 150


def flat_numbers(
    metrics: Mapping[str, float], per_class: Sequence[Mapping[str, Any]], timing: Mapping[str, Any]
) -> dict[str, float]:
    """Finite numbers by ``miou``, ``iou/road`` and ``timing/latency_ms/p50``.

    >>> flat_numbers({"miou": 0.5}, [{"category_id": 0, "name": "traffic/sign", "iou": 0.25}], {"fps": 9})
    {'miou': 0.5, 'iou/traffic_sign': 0.25, 'timing/fps': 9.0}
    """
    values = flat_values(metrics, per_class, timing)
    return {key: float(value) for key, value in values.items() if math.isfinite(value)}


def flat_values(
    metrics: Mapping[str, float], per_class: Sequence[Mapping[str, Any]], timing: Mapping[str, Any]
) -> dict[str, Any]:
    """All of the numbers that :func:`flat_numbers` returns some of: those that are not finite, too."""
    values: dict[str, Any] = dict(metrics)
    for row, name in zip(per_class, _names(per_class), strict=True):
        scores = {key: value for key, value in row.items() if key not in ("category_id", "name")}
        values |= {f"{key}/{name}": value for key, value in scores.items()}
    return values | dict(_leaves(timing, "timing"))


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A part of a path for each category, no two alike."""
    names = [_REFUSED.sub("_", row["name"])[:_LONGEST].strip(". ") for row in rows]
    if "" not in names and len(set(names)) == len(names):
        return names
    return [f"{name}_{row['category_id']}" for name, row in zip(names, rows, strict=True)]


def _leaves(values: Mapping[str, Any], of: str) -> Iterator[tuple[str, float]]:
    """The numbers of a dict of dicts, by path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{of}/{key}")
        elif isinstance(value, int | float):
            yield f"{of}/{key}", value
