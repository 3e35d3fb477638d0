"""Polygons filled as OpenCV's ``fillPoly`` fills them: what lies within, and every pixel of the outline.

Source: OpenCV, ``modules/imgproc/src/drawing.cpp`` (``CollectPolyEdges``, ``FillEdgeCollection`` and the
8-connected line), held against 4.11 and 5.0: equal in every pixel. Of a polygon that leaves the picture
OpenCV moves the edges that it clips; here it is filled as on a larger canvas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]
"""Corners (x, y) in whole pixels, int64 [N, 2]; the last is joined to the first."""

_SHIFT = 16
_ONE = 1 << _SHIFT
_MOST_PAIRS = 1 << 22
"""So many pairs of an edge and a row are looked at together."""


def fill_poly(rings: Sequence[Ring], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask, uint8 [height, width] of 0 and 1: what an odd number of rings holds, and all outlines.

    Coordinates are up to 1e8.
    """
    mask = np.zeros(size, np.uint8)
    edges = [np.hstack([np.roll(ring, 1, axis=0), ring]) for ring in rings if len(ring)]
    if not edges:
        return mask
    together = np.concatenate(edges)
    _fill(mask, together[together[:, 1] != together[:, 3]])
    _draw(mask, together)
    return mask


def _fill(mask: NDArray[np.uint8], edges: Ring) -> None:
    """Set what lies between each odd crossing of a row and the next; no edge lies in a row."""
    height, width = mask.shape
    down = np.where((edges[:, 1] < edges[:, 3])[:, None], edges, edges[:, [2, 3, 0, 1]])
    x, top, end_x, bottom = down.T
    run = (end_x - x) * _ONE
    step = np.sign(run) * (np.abs(run) // (bottom - top))
    rows_at_once = max(1, _MOST_PAIRS // max(1, len(edges)))
    for start in range(max(0, int(top.min(initial=height))), height, rows_at_once):
        rows = np.arange(start, min(height, start + rows_at_once))
        edge, row = np.nonzero((top[:, None] <= rows) & (rows < bottom[:, None]))
        crossing = x[edge] * _ONE + (rows[row] - top[edge]) * step[edge]
        order = np.lexsort((crossing, row))
        row, crossing = row[order], crossing[order]
        first = np.clip((crossing[::2] + _ONE - 1) >> _SHIFT, 0, width)
        after = np.clip((crossing[1::2] >> _SHIFT) + 1, 0, width)
        some = first < after
        turns = np.zeros((len(rows), width + 1), np.int32)
        np.add.at(turns, (row[::2][some], first[some]), 1)
        np.add.at(turns, (row[::2][some], after[some]), -1)
        mask[rows] |= turns[:, :-1].cumsum(1) > 0


def _draw(mask: NDArray[np.uint8], edges: Ring) -> None:
    """Set the pixels of each edge, from its left end: half a pixel to the side is not yet a step."""
    for a, b, c, d in edges.tolist():
        x0, y0, x1, y1 = (a, b, c, d) if a <= c else (c, d, a, b)
        across, along = x1 - x0, abs(y1 - y0)
        down = 1 if y1 >= y0 else -1
        if across >= along:
            steps = np.arange(max(0, -x0), min(across, mask.shape[1] - 1 - x0) + 1)
            xs, ys = x0 + steps, y0 + down * _beside(steps, along, across)
        else:
            last = mask.shape[0] - 1
            ends = (-y0, last - y0) if down > 0 else (y0 - last, y0)
            steps = np.arange(max(0, ends[0]), min(along, ends[1]) + 1)
            xs, ys = x0 + _beside(steps, across, along), y0 + down * steps
        inside = (xs >= 0) & (xs < mask.shape[1]) & (ys >= 0) & (ys < mask.shape[0])
        mask[ys[inside], xs[inside]] = 1


def _beside(steps: Ring, shorter: int, longer: int) -> Ring:
    """How far a line is to the side after so many steps along its longer axis."""
    longer = max(1, longer)
    return (2 * steps * shorter + longer - 1) // (2 * longer)
