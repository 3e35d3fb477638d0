"""Bars of histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 240
"""Pixels of the longest bar."""


def bars(counts: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return ``name count width`` of each bar; what is not 0 is seen."""
    most = max((count for _, count in counts), default=0)
    return [
        {"name": name, "count": f"{count:,}", "width": max(1, round(WIDTH * count / most)) if count else 0}
        for name, count in counts
    ]


def size_bars(counts: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return bars of segments by side: the root of their area, from one power of two to the next."""
    if not counts:
        return []
    powers = range(min(counts), max(counts) + 1)
    return bars([(f"{2**p if p >= 0 else 0}–{2 ** (p + 1)} px", counts.get(p, 0)) for p in powers])
