"""Shapes as polygons, their coverage of pixels, and smooth noise: the same on every machine.

A polygon is float64 [n, 2] of (x, y) in pixels, rounded to hundredths so that no last bit of a sine matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Field = NDArray[np.float32]

SUBPIXELS = 4
"""Samples along each side of a pixel for anti-aliasing."""


def polygon(points: ArrayLike) -> Points:
    """Return points [n, 2] rounded to hundredths of a pixel."""
    return np.asarray(points, np.float64).round(2)


def box(left: float, top: float, width: float, height: float) -> Points:
    """Return an upright rectangle."""
    right, bottom = left + width, top + height
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, rx: float, ry: float, n: int = 20) -> Points:
    """Return an ellipse of n corners around (x, y)."""
    turn = np.arange(n) * (2 * np.pi / n)
    return polygon(np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1))


def cushion(x: float, y: float, rx: float, ry: float, lobes: int) -> Points:
    """Return an ellipse with a scalloped edge: the crown of a tree, the wool of a sheep."""
    turn = np.arange(lobes * 6) * (2 * np.pi / (lobes * 6))
    swell = 0.84 + 0.16 * np.abs(np.sin(lobes * turn / 2))
    return polygon(np.stack([x + rx * swell * np.cos(turn), y + ry * swell * np.sin(turn)], 1))


def stroke(x0: float, y0: float, x1: float, y1: float, width: float) -> Points:
    """Return a straight line of some width."""
    along = np.array([x1 - x0, y1 - y0])
    side = np.array([-along[1], along[0]]) * (width / 2 / max(float(np.hypot(*along)), 1e-6))
    start, end = np.array([x0, y0]), np.array([x1, y1])
    return polygon([start + side, end + side, end - side, start - side])


def sheared(points: Points, x: float, slope: float) -> Points:
    """Return points moved so that what was level through x follows a slope (dy / dx)."""
    return polygon(points + np.stack([0 * points[:, 0], (points[:, 0] - x) * slope], 1))


def clip(points: Points, height: int, width: int) -> Points:
    """Return the part of a polygon inside the image (Sutherland and Hodgman, 1974); maybe no points."""
    for axis, edge, sign in ((0, 0.0, 1.0), (0, float(width), -1.0), (1, 0.0, 1.0), (1, float(height), -1.0)):
        depth = (points[:, axis] - edge) * sign
        if depth.size == 0 or depth.min() >= 0:
            continue
        after, depth_after = np.roll(points, -1, 0), np.roll(depth, -1)
        cross = (depth >= 0) != (depth_after >= 0)
        share = np.where(cross, depth, 0) / np.where(cross, depth - depth_after, 1)
        meet = points + (after - points) * share[:, None]
        both = np.stack([points, meet], 1).reshape(-1, 2)
        points = both[np.stack([depth >= 0, cross], 1).reshape(-1)]
    return polygon(points)


def coverage(points: Points, height: int, width: int) -> tuple[slice, slice, Field]:
    """Return the rows, the columns and how much of each of their pixels the polygon covers (even-odd rule).

    Returns
    -------
    rows, columns, alpha
        Slices of an image height × width, and float32 [h, w] in 0..1.
    """
    low = np.clip(np.floor(points.min(0)), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(points.max(0)), 0, [width, height]).astype(int)
    w, h = np.maximum(high - low, 0).tolist()
    ys = low[1] + (np.arange(h * SUBPIXELS) + 0.5) / SUBPIXELS
    start, end = points, np.roll(points, -1, 0)
    row, edge = np.nonzero((start[:, 1] <= ys[:, None]) != (end[:, 1] <= ys[:, None]))
    slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
    x = start[edge, 0] + (ys[row] - start[edge, 1]) * slope
    column = np.clip(np.ceil((x - low[0]) * SUBPIXELS - 0.5), 0, w * SUBPIXELS).astype(int)
    line = w * SUBPIXELS + 1
    crossings = np.bincount(row * line + column, minlength=h * SUBPIXELS * line)
    inside = np.cumsum(crossings.astype(np.uint8).reshape(-1, line), 1, dtype=np.uint8)[:, :-1] & 1
    count = inside.reshape(h, SUBPIXELS, w, SUBPIXELS).sum((1, 3), dtype=np.int32)
    rows, columns = slice(low[1], low[1] + h), slice(low[0], low[0] + w)
    return rows, columns, (count / np.float32(SUBPIXELS**2)).astype(np.float32)


def value_noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]) -> Field:
    """Return smooth noise in -1..1, float32 [height, width], of bumps ``cell`` (rows, columns) large."""
    rows = np.arange(height, dtype=np.float32) / np.float32(cell[0])
    columns = np.arange(width, dtype=np.float32) / np.float32(cell[1])
    shape = (int(rows[-1]) + 2, int(columns[-1]) + 2)
    grid = rng.integers(-256, 257, shape).astype(np.float32) / np.float32(256)
    (y, v), (x, u) = (_cells(rows), _cells(columns))
    lines = grid[:, x] + (grid[:, x + 1] - grid[:, x]) * u
    return (lines[y] + (lines[y + 1] - lines[y]) * v[:, None]).astype(np.float32, copy=False)


def ridge(rng: np.random.Generator, width: int, cell: float) -> NDArray[np.float64]:
    """Return a smooth line in -1..1, float64 [width + 1]: the crest of a hill, the shore of a lake."""
    line: NDArray[np.float64] = value_noise(rng, 1, width + 1, (1.0, cell))[0].astype(np.float64)
    return line


def _cells(at: Field) -> tuple[NDArray[np.int64], Field]:
    whole = at.astype(np.int64)
    t = at - whole.astype(np.float32)
    return whole, t * t * (3 - 2 * t)
