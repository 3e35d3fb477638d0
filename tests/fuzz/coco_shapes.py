"""Masks, polygons and boxes of COCO's kinds; RLE strings are made by pycocotools, never by us."""

from __future__ import annotations

import math
from itertools import groupby
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

Size = tuple[int, int]
Rle = dict[str, Any]


def compressed(runs: list[int], size: Size) -> Rle:
    """COCO's compressed RLE of run lengths, its counts as text."""
    rle = coco_mask.frPyObjects({"size": list(size), "counts": runs}, *size)
    return {"size": list(size), "counts": rle["counts"].decode()}


def uncompressed(rle: Rle) -> Rle:
    """The run lengths of a compressed RLE as a list."""
    column_major = coco_mask.decode(rle).ravel(order="F").tolist()
    groups = [(value, len(list(group))) for value, group in groupby(column_major)]
    return {"size": rle["size"], "counts": [0] * groups[0][0] + [length for _, length in groups]}


def overlong(rle: Rle) -> Rle:
    """The same, each run's digits followed by one that says nothing more; no writer does so."""
    out = []
    for char in rle["counts"]:
        digit = ord(char) - 48
        out.append(char if digit & 32 else chr(digit + 80) + ("O" if digit & 16 else "0"))
    return {"size": rle["size"], "counts": "".join(out)}


def rectangle(box: tuple[int, int, int, int], size: Size) -> Rle:
    """The pixels x0 ≤ x < x1, y0 ≤ y < y1, which lie in the image."""
    x0, y0, x1, y1 = box
    height, width = size
    if x0 >= x1 or y0 >= y1:
        return compressed([height * width], size)
    rows = y1 - y0
    if rows == height:
        ends = [x0 * height, x1 * height]
    else:
        ends = [edge for x in range(x0, x1) for edge in (x * height + y0, x * height + y1)]
    return compressed(_runs(ends, height * width), size)


def scattered(rng: Random, size: Size) -> Rle:
    """Runs cut at random places."""
    pixels = size[0] * size[1]
    cuts = {rng.randrange(pixels) for _ in range(rng.choice([1, 2, 3, 8, 25]))}
    return compressed(_runs(sorted(cuts), pixels), size)


def blocks(rng: Random, size: Size) -> Rle:
    """Squares of one side, in or out: holes, single pixels, corners that touch."""
    height, width = size
    side, part = rng.choice([1, 2, 3, 7, 15]), rng.choice([0.3, 0.7, 0.95])
    squares = [[rng.random() < part for _ in range(0, width, side)] for _ in range(0, height, side)]
    return _encoded(np.kron(squares, np.ones((side, side)))[:height, :width])


def shifted(rng: Random, rle: Rle) -> Rle:
    """The mask some pixels away; what leaves the image comes in again on the other side."""
    by = rng.randint(-3, 3), rng.randint(-3, 3)
    return _encoded(np.roll(coco_mask.decode(rle), by, axis=(0, 1)))


def _encoded(mask: NDArray[Any]) -> Rle:
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def _runs(ends: list[int], pixels: int) -> list[int]:
    runs, last = [], 0
    for end in ends:
        runs.append(end - last)
        last = end
    return [*runs, pixels - last] if last < pixels else runs


def random_box(rng: Random, size: Size) -> tuple[int, int, int, int]:
    """A box of whole pixels in the image, x0, y0, x1, y1; of 20 rows or 32 or 96 a side where they fit."""
    height, width = size
    high = _side(rng, height)
    wide = high if high in (32, 96) and width >= high else _side(rng, width)
    y0, x0 = rng.randint(0, height - high), rng.randint(0, width - wide)
    return x0, y0, x0 + wide, y0 + high


def _side(rng: Random, length: int) -> int:
    fitting = [n for n in (20, 32, 40, 96) if n <= length]
    return rng.choice(fitting) if fitting and rng.random() < 0.6 else rng.randint(1, length)


def part_of(rng: Random, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The first rows of a box: its IoU is a fraction of two small integers, often a threshold's."""
    x0, y0, x1, y1 = box
    return x0, y0, x1, y0 + rng.randint(max(1, (y1 - y0) // 2), y1 - y0)


def polygon(rng: Random, size: Size) -> list[float]:
    """A flat polygon: a blob, a box, a star that crosses itself, or one of the degenerate."""
    return rng.choice([_blob, _blob, _corners, _star, _degenerate, _far])(rng, size)


def _point(rng: Random, size: Size) -> tuple[float, float]:
    return rng.uniform(-2, size[1] + 2), rng.uniform(-2, size[0] + 2)


def _rounded(rng: Random, points: list[tuple[float, float]]) -> list[float]:
    digits = rng.choice([None, 1, 2, 15])
    flat = [v for point in points for v in point]
    return [round(v) if digits is None else round(v, digits) for v in flat]


def _blob(rng: Random, size: Size) -> list[float]:
    (x, y), n = _point(rng, size), rng.randint(3, 8)
    angles = sorted(rng.uniform(0, 2 * math.pi) for _ in range(n))
    far = max(size) * rng.choice([0.3, 0.6, 1.5])
    radii = [rng.uniform(0, far) for _ in range(n)]
    circle = [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
    return _rounded(rng, circle)


def _corners(rng: Random, size: Size) -> list[float]:
    x0, y0, x1, y1 = random_box(rng, size)
    step = rng.choice([0, 0.5, 0.25])
    return [v + step for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def _star(rng: Random, size: Size) -> list[float]:
    return _rounded(rng, [_point(rng, size) for _ in range(rng.randint(3, 7))])


def _degenerate(rng: Random, size: Size) -> list[float]:
    (a, b), (c, d) = _point(rng, size), _point(rng, size)
    kinds = [
        [(a, b)] * 3,  # a point
        [(a, b), (c, d), (a, b)],  # a line, there and back
        [(a, b), (a, b), (c, b), (c, b), (c, d), (c, d)],  # each vertex twice
        [(a, b), (a, d), (a, b), (a, d)],  # an upright line
        [(a, b), (c, b), (a, b)],  # a level line
    ]
    return _rounded(rng, rng.choice(kinds))


def _far(rng: Random, size: Size) -> list[float]:
    shift = rng.choice([-1, 1]) * rng.choice([max(size), 700])
    return [v + shift for v in _blob(rng, size)]


def drawn(polygons: list[list[float]], size: Size) -> Rle:
    """The union of polygons as a compressed RLE."""
    rle = coco_mask.merge(coco_mask.frPyObjects(polygons, *size))
    return {"size": list(size), "counts": rle["counts"].decode()}


def area_of(rle: Rle) -> int:
    return int(coco_mask.area(rle))


def box_of(rle: Rle) -> list[float]:
    return coco_mask.toBbox(rle).tolist()
