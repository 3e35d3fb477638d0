"""Comparison to the last bit, and what a difference is."""

from __future__ import annotations

from typing import Any

import numpy as np


class Difference(Exception):  # noqa: N818 - it is a finding
    """Two scorers disagree; ``where`` names the comparison, by which a smaller case is known."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where


def same(where: str, ours: Any, theirs: Any) -> None:
    """Hold two values equal: arrays in shape and every bit, floats too, NaN being equal to NaN.

    Raises
    ------
    Difference
        When they are not.
    """
    if isinstance(ours, np.ndarray) or isinstance(theirs, np.ndarray):
        _same_arrays(where, np.asarray(ours), np.asarray(theirs))
    elif isinstance(ours, dict) and isinstance(theirs, dict):
        same(f"{where} keys", sorted(ours), sorted(theirs))
        for key in ours:
            same(f"{where} {key}", ours[key], theirs[key])
    elif isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(ours) == len(theirs):
        for mine, other in zip(ours, theirs, strict=True):
            same(where, mine, other)
    elif not (ours == theirs or (ours != ours and theirs != theirs)):  # noqa: PLR0124 - NaN
        raise Difference(where, f"ours {ours!r}, theirs {theirs!r}")


def _same_arrays(where: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    if ours.shape != theirs.shape:
        raise Difference(where, f"shape {ours.shape}, theirs {theirs.shape}")
    unequal = ~((ours == theirs) | ((ours != ours) & (theirs != theirs)))  # noqa: PLR0124 - NaN
    if unequal.any():
        at = tuple(int(i[0]) for i in np.nonzero(unequal))
        raise Difference(
            where,
            f"{int(unequal.sum())} of {unequal.size}, first at {at}: {ours[at]!r}, theirs {theirs[at]!r}",
        )
