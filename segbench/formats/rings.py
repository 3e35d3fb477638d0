"""Rings: the outline of a mask as closed polygons, and several polygons as one with seams of no width.

A mask's outline runs along the edges of pixels, so that cocoapi's rule draws exactly the mask again: even-odd
filling makes holes of the rings inside rings. A seam is passed twice, there and back, and covers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
"""Corners (x, y) in pixels, float64 [N, 2]; the last is joined to the first."""

_MOST_PAIRS = 4_000_000
"""So many pairs of corners are compared to find the nearest."""


def trace(mask: NDArray[np.uint8]) -> list[Ring]:
    """Return the outline of a mask, uint8 [H, W] of 0 and 1, as rings: one around each part and each hole.

    A corner of the outline has one neighbour on its row and one on its column: on each line corners are
    joined in pairs, from its start.
    """
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    top, left = rows[0], columns[0]
    padded = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(np.int8)
    blocks = padded[:-1, :-1] + padded[1:, 1:] - padded[:-1, 1:] - padded[1:, :-1]
    y, x = np.nonzero(blocks)
    twice = np.abs(blocks[y, x]) == 2  # where two pixels meet at a point
    y, x = np.repeat(y, 1 + twice), np.repeat(x, 1 + twice)
    along_rows = _partners(np.lexsort((x, y)))
    along_columns = _partners(np.lexsort((y, x)))
    corners = np.column_stack([x + left, y + top]).astype(np.float64)
    return [corners[loop] for loop in _loops(along_rows, along_columns)]


def join(rings: Sequence[Ring]) -> Ring:
    """Return one polygon that covers what an odd number of the rings cover: each is tied to those before it.

    Seams lie between the nearest corners, since some tools draw them; of very many rings between the first.
    """
    joined = rings[0]
    pairs = 0
    for i, ring in enumerate(rings[1:], 1):
        pairs += len(joined) * len(ring)
        if pairs > _MOST_PAIRS:
            tied = [np.concatenate([joined[:1], r, r[:1]]) for r in rings[i:]]
            return np.concatenate([joined, *tied])
        at, first = _nearest(joined, ring)
        turned = np.roll(ring, -first, axis=0)
        joined = np.concatenate([joined[: at + 1], turned, turned[:1], joined[at:]])
    return joined


def split(polygon: Ring) -> list[Ring]:
    """Inverse of :func:`join`: cut a polygon at its seams, edges that are passed there and back.

    A polygon without seams, or whose seams are not nested, is its only ring.
    """
    corners = [(x, y) for x, y in polygon.tolist()]
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    last = {edge: i for i, edge in enumerate(edges)}
    done: list[list[tuple[float, float]]] = []
    open_rings: list[list[tuple[float, float]]] = [[]]
    ends: list[int] = []
    skip = False
    for i, (a, b) in enumerate(edges):
        if not skip:
            open_rings[-1].append(a)
        back = last.get((b, a), -1)
        skip = bool(ends) and ends[-1] == i
        if skip:  # the ring ends where it began, and the one before goes on from where the seam began
            ends.pop()
            done.append(open_rings.pop()[:-1])
        elif back > i + 1:
            ends.append(back)
            open_rings.append([])
    rings = [ring for ring in (open_rings[0], *done) if ring]
    return [polygon] if ends or len(open_rings) > 1 else [np.array(ring) for ring in rings]


def _partners(order: NDArray[np.intp]) -> list[int]:
    """For each corner the one beside it, where corners in this order are joined in pairs."""
    partners = np.empty(len(order), np.intp)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    return partners.tolist()


def _loops(along_rows: list[int], along_columns: list[int]) -> list[list[int]]:
    """Follow rows and columns in turn until every corner has been passed."""
    loops = []
    left = [True] * len(along_rows)
    for start in range(len(left)):
        if left[start]:
            loop, at = [], start
            while left[at]:
                beside = along_rows[at]
                loop += [at, beside]
                left[at] = left[beside] = False
                at = along_columns[beside]
            loops.append(loop)
    return loops


def _nearest(joined: Ring, ring: Ring) -> tuple[int, int]:
    """Places of the two corners that are nearest to each other."""
    distances = ((joined[:, None] - ring[None]) ** 2).sum(-1)
    at, first = divmod(int(distances.argmin()), len(ring))
    return at, first
