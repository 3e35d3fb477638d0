"""Groups of images shared out so that each part has its share of each category.

Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, ECML PKDD 2011: the
rarest category that is left is dealt out first, each group to the part that lacks most of it. Here groups of
several images are dealt out whole, the largest first.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence


def stratify(
    has: Sequence[Mapping[int, int]], sizes: Sequence[int], shares: Sequence[float], seed: int
) -> list[int]:
    """Deal groups out to parts.

    Parameters
    ----------
    has
        For each group ``{category id: how many of its images have it}``.
    sizes
        Images of each group.
    shares
        Share of each part, positive, of any sum.
    seed
        Decides between equals.

    Returns
    -------
    list of int
        The part of each group.
    """
    order = list(range(len(has)))
    random.Random(seed).shuffle(order)
    order.sort(key=lambda group: -sizes[group])  # stable: equals stay shuffled
    wanted = _Wanted(has, sizes, shares)
    left = _counts(has)
    groups_with: dict[int, list[int]] = {}
    for group in order:
        for category in has[group]:
            groups_with.setdefault(category, []).append(group)
    parts = [-1] * len(has)
    while left:
        rarest = min(left, key=lambda category: (left[category], category))
        for group in groups_with[rarest]:
            if parts[group] < 0:
                parts[group] = wanted.give(group, rarest)
                _take(left, has[group])
        left.pop(rarest, None)
    for group in order:
        if parts[group] < 0:
            parts[group] = wanted.give(group, None)
    return parts


class _Wanted:
    """What each part still lacks, of images and of each category."""

    def __init__(
        self, has: Sequence[Mapping[int, int]], sizes: Sequence[int], shares: Sequence[float]
    ) -> None:
        self._has, self._sizes = has, sizes
        total = sum(shares)
        self._images = [sum(sizes) * share / total for share in shares]
        counts = _counts(has)
        self._of = [{c: n * share / total for c, n in counts.items()} for share in shares]

    def give(self, group: int, category: int | None) -> int:
        """Give a group to the part that lacks most of a category, or of images."""
        parts = range(len(self._images))
        lacks = [(0.0 if category is None else self._of[p][category], self._images[p], -p) for p in parts]
        part = max(parts, key=lacks.__getitem__)
        self._images[part] -= self._sizes[group]
        for other, count in self._has[group].items():
            self._of[part][other] -= count
        return part


def _counts(has: Sequence[Mapping[int, int]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for of in has:
        for category, count in of.items():
            counts[category] = counts.get(category, 0) + count
    return counts


def _take(left: dict[int, int], of: Mapping[int, int]) -> None:
    for category, count in of.items():
        if category in left:
            left[category] -= count
            if left[category] <= 0:
                del left[category]
