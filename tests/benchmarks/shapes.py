"""Seeded shapes: blobs with smooth outlines, of COCO's sizes, and their perturbed copies.

A blob is a row ``cx, cy, rx, ry``, then an amplitude and a phase for each harmonic of its radius.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

HARMONICS = np.arange(2, 7)
COCO_SHARES = (0.41, 0.34, 0.25)
"""Small, medium and large objects: areas below 32², below 96², and above."""

Blobs = NDArray[np.float64]
Points = NDArray[np.float64]


def blobs(rng: np.random.Generator, n: int, size: tuple[int, int], shares: tuple[float, ...]) -> Blobs:
    """Return ``n`` blobs in an image of ``size`` (height, width), their areas as if it were of 480 × 640."""
    height, width = size
    edges = np.array([60, 32**2, 96**2, 0.4 * 480 * 640]) * (height * width / (480 * 640))
    kind = rng.choice(3, n, p=shares)
    area = np.exp(rng.uniform(np.log(edges[kind]), np.log(edges[kind + 1])))
    rx = np.clip(np.sqrt(area / np.pi * np.exp(rng.normal(-0.1, 0.5, n))), 2, 0.48 * width)
    ry = np.clip(area / np.pi / rx, 2, 0.48 * height)
    cx, cy = rng.uniform(rx / 2, width - rx / 2), rng.uniform(ry / 2, height - ry / 2)
    amplitudes = rng.normal(0, 0.16, (n, len(HARMONICS))) / np.sqrt(HARMONICS - 1)
    phases = rng.uniform(0, 2 * np.pi, (n, len(HARMONICS)))
    return np.column_stack([cx, cy, rx, ry, amplitudes, phases])


def jitter(
    rng: np.random.Generator, shapes: Blobs, error: NDArray[np.float64], size: tuple[int, int]
) -> Blobs:
    """Return copies that are moved, scaled and deformed by ``error`` [n], a fraction of the radius."""
    out = shapes.copy()
    n = len(out)
    out[:, :2] += rng.normal(0, 1, (n, 2)) * error[:, None] * out[:, 2:4]
    out[:, :2] = np.clip(out[:, :2], 2, [size[1] - 2, size[0] - 2])
    out[:, 2:4] *= np.exp(rng.normal(0, 1, (n, 2)) * error[:, None])
    out[:, 4 : 4 + len(HARMONICS)] += rng.normal(0, 0.4, (n, len(HARMONICS))) * error[:, None]
    return out


def outline(
    rng: np.random.Generator,
    blob: NDArray[np.float64],
    size: tuple[int, int],
    spacing: float,
    noise: float = 0,
) -> Points:
    """Return the outline of a blob, [k, 2] of x, y: a vertex every ``spacing`` pixels, off by ``noise``."""
    radii, (amplitudes, phases) = blob[2:4], blob[4:].reshape(2, -1)
    n = int(np.clip(2 * np.pi * radii.mean() / spacing, 10, 400))
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 1 + amplitudes @ np.cos(HARMONICS[:, None] * angle + phases[:, None])
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = blob[:2] + np.maximum(radius, 0.15)[:, None] * direction * radii
    points += direction * rng.normal(0, noise, (n, 1))
    return np.clip(points, 0, [size[1], size[0]])


def bands(rng: np.random.Generator, n: int, size: tuple[int, int]) -> list[Points]:
    """Return ``n`` regions with wavy borders that together cover the image, each below the one before."""
    height, width = size
    x = np.linspace(0, width, 40)
    regions = []
    for top in np.arange(n) * height / n:
        waves = [rng.normal() * np.sin(k * x * 6 / width + rng.uniform(0, 6)) for k in (1, 2, 5)]
        y = np.full(len(x), 0.0) if top == 0 else top + sum(waves) * height / 60
        regions.append(np.column_stack([np.r_[x, width, 0], np.r_[y, height, height]]))
    return regions


def paint(
    size: tuple[int, int], regions: list[Points], values: list[int], start: int = 0
) -> NDArray[np.uint8]:
    """Paint polygons one over the other into a map uint8 [H, W] that is ``start`` elsewhere."""
    picture = Image.new("L", (size[1], size[0]), start)
    draw = ImageDraw.Draw(picture)
    for points, value in zip(regions, values, strict=True):
        draw.polygon(points.ravel().tolist(), fill=value)
    return np.array(picture)
