"""The land: sky, hills, lake and road, with the boats and cars upon them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segbench.demo import things
from segbench.demo.canvas import Color, Part
from segbench.demo.scene import Scene
from segbench.demo.shapes import Points, box, cushion, ellipse, polygon, ridge, sheared, stroke

SAND: Color = (214, 198, 156)
"""Beaches and verges, which no category names."""


def sky(scene: Scene) -> None:
    """Paint the sky with sun, clouds and birds."""
    canvas, hour = scene.canvas, scene.hour
    h, w = scene.height, scene.width
    down = np.clip(np.arange(h, dtype=np.float32)[:, None] / np.float32(scene.horizon), 0, 1)[..., None]
    zenith, horizon = np.array(hour.zenith, np.float32), np.array(hour.horizon, np.float32)
    canvas.image += zenith + (horizon - zenith) * down
    sun_y = scene.u(0.12, 0.6) * scene.horizon
    y, x = np.arange(h, dtype=np.float32)[:, None] - sun_y, np.arange(w, dtype=np.float32) - scene.sun_x
    glow = 0.55 / (1 + (x * x + y * y) / np.float32((34 * scene.unit) ** 2))
    canvas.image += (np.array(hour.sun, np.float32) - canvas.image) * glow[..., None].astype(np.float32)
    disc = 13 * scene.unit
    canvas.pixels([Part(ellipse(scene.sun_x, sun_y, disc, disc, 28), hour.sun, 0, alpha=0.95)])
    for _ in range(int(scene.rng.integers(2, 5))):
        canvas.pixels(_cloud(scene))
    canvas.pixels(_birds(scene))
    canvas.stuff("sky", box(0, 0, w, h))


def _cloud(scene: Scene) -> list[Part]:
    x, y = scene.u(0, 1) * scene.width, scene.u(0.08, 0.75) * scene.horizon
    s = scene.unit * scene.u(9, 20)
    puffs = []
    for at, r in ((-1.7, 0.55), (-0.8, 0.9), (0.2, 1.15), (1.2, 0.8), (2.0, 0.45)):
        puffs.append(
            Part(
                cushion(x + at * s, y - 0.35 * r * s, 1.05 * r * s, 0.62 * r * s, 8),
                scene.hour.cloud,
                0.05,
                alpha=0.72,
            )
        )
    base = ellipse(x + 0.15 * s, y + 0.1 * s, 2.2 * s, 0.26 * s)
    return [*puffs, Part(base, things.darker(scene.hour.cloud, 0.9), 0, alpha=0.5)]


def _birds(scene: Scene) -> list[Part]:
    x, y = scene.u(0.1, 0.8) * scene.width, scene.u(0.1, 0.5) * scene.horizon
    parts = []
    for _ in range(int(scene.rng.integers(3, 6))):
        x, y, s = x + scene.u(5, 16), y + scene.u(-5, 6), scene.u(2.5, 4) * scene.unit
        wings = [stroke(x, y, x + side * s, y - 0.5 * s, 1.0) for side in (-1, 1)]
        parts += [Part(wing, (70, 72, 92), 0, alpha=0.8) for wing in wings]
    return parts


def hills(scene: Scene, *, bare: bool = False) -> None:
    """Paint two or three ridges, the farther the paler, and the meadow before them."""
    haze = np.array(scene.hour.horizon)
    layers = ((-0.075, 0.09, 0.62), (-0.03, 0.05, 0.36), (0.015, 0.02, 0.0))
    for rise, swing, far in layers[int(scene.rng.integers(2)) :]:
        color = np.array([128.0, 178.0, 82.0]) * (1 - far) + haze * far * np.array([0.72, 0.84, 0.86])
        top = scene.horizon + rise * scene.height
        ground(scene, top, swing * scene.height, 0.3 + far * 0.2, color.tolist())
        if far == 0.36 and not bare:
            for _ in range(int(scene.rng.integers(3, 8))):
                scene.stand("tree", scene.horizon + scene.u(-0.03, 0.015) * scene.height, 60)


def ground(scene: Scene, top: float, swing: float, cell: float, color: Color) -> None:
    """Paint grass from a wavy crest down to the bottom of the picture."""
    crest = top + swing * ridge(scene.rng, scene.width, max(cell * scene.width, 8))
    points = below(crest, scene.height + 1.0)
    scene.canvas.pixels([Part(points, color, 0.1, "fine", 0.05)])
    scene.canvas.stuff("grass", points)


def below(line: NDArray[np.float64], bottom: float) -> Points:
    """Return the polygon between a line over x = 0, 1, … and a straight bottom; every fourth x is kept."""
    x = np.unique(np.append(np.arange(0, len(line), 4), len(line) - 1))
    edge = np.stack([x.astype(np.float64), line[x]], 1)
    return polygon(np.concatenate([edge, [[x[-1], bottom], [0.0, bottom]]]))


def lake(scene: Scene) -> None:
    """Paint a lake with a sandy shore, boats and their reflections."""
    canvas, h, w = scene.canvas, scene.height, scene.width
    top, deep = scene.horizon + 0.04 * h, scene.u(0.2, 0.28) * h
    x = np.arange(w + 1) / w
    side = x if scene.rng.random() < 0.5 else 1 - x
    spread = np.clip(1.25 - 1.1 * side**3, 0.05, 1) * (1 + 0.12 * ridge(scene.rng, w, w * 0.2))
    beach = below(top + deep * spread + 6.0 * scene.unit, top - 2.4)
    canvas.void([Part(beach, SAND, 0.12, "wave", 0.08)])
    water = below(top + deep * spread, top)
    canvas.pixels([Part(water, (66, 138, 186), 0.12, "wave", 0.12)])
    canvas.stuff("water", water)
    for _ in range(int(34 * w / 320)):
        at, y = scene.u(0, w), top + scene.u(0.06, 0.9) * deep * 0.8
        if scene.on("water", at, y):
            glint = ellipse(at, y, scene.u(3, 12) * scene.unit, 0.6, 10)
            canvas.pixels([Part(glint, (214, 234, 240), 0, alpha=0.5)])
    for share in sorted(scene.u(0.12, 0.62) for _ in range(int(scene.rng.integers(2, 5)))):
        foot, at = top + share * deep, scene.u(0.08, 0.92) * w
        if scene.on("water", at, foot):
            parts = things.boat(scene.rng, at, foot, scene.size(foot, 92))
            canvas.pixels(things.mirrored(parts, foot))
            canvas.thing("boat", parts)


def road(scene: Scene, at: float) -> None:
    """Paint a road across the picture at a depth (0 the horizon, 1 the bottom), with cars."""
    canvas, w = scene.canvas, scene.width
    y = scene.horizon + at * (scene.height - scene.horizon)
    wide = scene.size(y, 54)
    middle = y + 0.2 * wide * ridge(scene.rng, w, w * 0.7)
    canvas.void([Part(_band(middle, 0.58 * wide), SAND, 0.04, "fine", 0.09)])
    asphalt = _band(middle, 0.5 * wide)
    canvas.pixels([Part(asphalt, (118, 112, 118), 0.04, "fine", 0.09)])
    canvas.stuff("road", asphalt)
    for left in np.arange(scene.u(0, 14), w, 26 * scene.unit).astype(int).tolist():
        right = min(left + int(12 * scene.unit), w)
        dash = stroke(left, middle[left], right, middle[right], max(0.06 * wide, 1.2))
        canvas.pixels([Part(dash, (238, 232, 214), 0, alpha=0.9)])
    for side, share in ((-0.08, 0.9), (0.38, 1.0)):
        for place in np.sort(scene.rng.choice(5, int(scene.rng.integers(1, 3)), replace=False)).tolist():
            x = (place + scene.u(0.2, 0.8)) / 5 * w
            here, ahead = float(middle[int(x)]), float(middle[min(int(x) + 9, w)])
            drive(scene, x, here + side * wide, 84 * share, (ahead - here) / 10)


def _band(middle: NDArray[np.float64], half: float) -> Points:
    """Return the polygon within ``half`` above and below a line over x = 0, 1, …."""
    upper = below(middle, 0)[:-2]
    shift = np.array([0, half])
    return polygon(np.concatenate([upper - shift, upper[::-1] + shift]))


def drive(scene: Scene, x: float, y: float, tall: float, slope: float) -> None:
    """Put a car on a sloping road."""
    s = scene.size(y, tall)
    scene.canvas.pixels([Part(ellipse(x, y, 0.52 * s, 0.07 * s), (30, 30, 36), 0, alpha=0.4)])
    parts = things.car(scene.rng, x, y, s)
    tilted = [replace(part, points=sheared(part.points, x, slope)) for part in parts]
    scene.canvas.thing("car", tilted)


def lane(scene: Scene) -> None:
    """Paint a winding road that narrows towards the horizon."""
    t = np.linspace(0, 1, 24)
    y = scene.height + 2 - (scene.height - scene.horizon - 0.03 * scene.height) * t
    swing = scene.u(0.1, 0.2) * scene.width * (1 if scene.rng.random() < 0.5 else -1)
    x = scene.u(0.35, 0.65) * scene.width + swing * np.sin(t * 5.0) * (1 - 0.6 * t)
    half = scene.unit * (34 * (1 - t) ** 1.6 + 2.5)
    verge, asphalt = (
        polygon(np.concatenate([np.stack([x - edge, y], 1), np.stack([x + edge, y], 1)[::-1]]))
        for edge in (1.18 * half, half)
    )
    scene.canvas.void([Part(verge, SAND, 0.06, "fine", 0.09)])
    scene.canvas.pixels([Part(asphalt, (126, 118, 120), 0.06, "fine", 0.09)])
    scene.canvas.stuff("road", asphalt)
    for i in range(0, 20, 2):
        dash = stroke(x[i], y[i], x[i + 1], y[i + 1], max(0.07 * float(half[i]), 0.8))
        scene.canvas.pixels([Part(dash, (238, 232, 214), 0, alpha=0.85)])
