"""The things in the pictures: lists of coloured parts, each standing at (x, y) and ``s`` pixels large."""

from __future__ import annotations

import numpy as np

from segbench.demo.canvas import Color, Part
from segbench.demo.shapes import Points, box, cushion, ellipse, polygon, stroke

Rng = np.random.Generator

WALLS: tuple[Color, ...] = ((240, 222, 186), (236, 208, 172), (226, 196, 160))
ROOFS: tuple[Color, ...] = ((186, 78, 52), (168, 62, 48), (200, 98, 60))
CARS: tuple[Color, ...] = ((214, 32, 44), (40, 58, 176), (206, 28, 92), (66, 40, 150))
HULLS: tuple[Color, ...] = ((122, 68, 36), (142, 84, 44), (104, 54, 34))
GREENS: tuple[Color, ...] = ((38, 98, 52), (30, 86, 58), (52, 106, 48))
STRIPES: tuple[tuple[Color, Color], ...] = (
    ((238, 86, 148), (252, 196, 60)),
    ((150, 70, 190), (250, 150, 60)),
    ((246, 120, 40), (240, 70, 130)),
)


def pick(rng: Rng, colors: tuple[Color, ...]) -> Color:
    """Return one of the colours, varied a little."""
    r, g, b = colors[int(rng.integers(len(colors)))]
    dr, dg, db = rng.integers(-8, 9, 3).tolist()
    return (r + dr, g + dg, b + db)


def darker(color: Color, share: float = 0.75) -> Color:
    """Return a colour times ``share``; above 1 it is lighter."""
    return (color[0] * share, color[1] * share, color[2] * share)


def house(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a cottage: a gable, a long side, a roof with a chimney, a door and windows."""
    wall, roof = pick(rng, WALLS), pick(rng, ROOFS)
    w, d, h, g = 0.5 * s, float(rng.uniform(0.55, 0.95)) * s, 0.42 * s, 0.34 * s
    x -= (w + d) / 2
    glass, frame = (96, 132, 150), (250, 246, 236)
    chimney = x + w / 2 + d * 0.65
    parts = [
        Part(box(chimney, y - h - g * 1.3, 0.1 * s, g), darker(roof, 0.7)),
        Part(box(x + w, y - h, d, h), darker(wall, 0.84)),
        Part(
            polygon(
                [
                    (x + w / 2, y - h - g),
                    (x + w / 2 + d, y - h - g),
                    (x + w + d + 0.04 * s, y - h + 0.03 * s),
                    (x + w, y - h + 0.03 * s),
                ]
            ),
            roof,
            rough=0.12,
        ),
        Part(polygon([(x, y), (x + w, y), (x + w, y - h), (x + w / 2, y - h - g), (x, y - h)]), wall),
    ]
    for dx in (-1, 1):
        eave = stroke(
            x + w / 2, y - h - g, x + w / 2 + dx * (w / 2 + 0.05 * s), y - h + 0.04 * s, max(0.07 * s, 1.2)
        )
        parts.append(Part(eave, darker(roof, 0.85)))
    inside = [(x + w * 0.36, y - 0.26 * s, w * 0.3, 0.26 * s, (120, 74, 46))]
    inside += [(x + w + d * at, y - h * 0.75, d * 0.2, h * 0.36, glass) for at in (0.15, 0.6)]
    inside += [(x + w * 0.38, y - h - g * 0.38, w * 0.24, g * 0.36, glass)]
    for left, top, wide, high, color in inside:
        rim = 0.02 * s
        parts.append(Part(box(left - rim, top - rim, wide + 2 * rim, high + rim), frame, outline=False))
        parts.append(Part(box(left, top, wide, high), color, outline=False))
    return parts


def _trunk(x: float, y: float, s: float) -> Part:
    corners = [(-0.05, 0.0), (0.05, 0.0), (0.035, 0.4), (-0.035, 0.4)]
    return Part(polygon([(x + u * s, y - v * s) for u, v in corners]), (92, 64, 44), 0.3)


def fir(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a fir: three skirts on a trunk."""
    parts, green = [_trunk(x, y, s)], pick(rng, GREENS)
    for i, (low, high, half) in enumerate(((0.14, 0.58, 0.3), (0.36, 0.8, 0.24), (0.58, 1.05, 0.17))):
        hem = enumerate(np.linspace(-1, 1, 7))
        skirt = [(x + half * s * t, y - (low + 0.03 * (k % 2)) * s) for k, t in hem]
        points = polygon([*skirt, (x, y - high * s)])
        parts.append(Part(points, darker(green, 0.8 + 0.12 * i), 0.3, "leaf", 0.2))
    return parts


def oak(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a broad tree: a crown of puffs, lighter above, on a trunk."""
    green, middle = pick(rng, GREENS), y - 0.62 * s
    rx, ry = s * float(rng.uniform(0.3, 0.4)), s * float(rng.uniform(0.36, 0.42))
    parts = [_trunk(x, y, s), Part(cushion(x, middle, rx, ry, 9), green, 0.32, "leaf", 0.22)]
    for _ in range(7):
        dx, dy = rng.uniform(-0.55, 0.55, 2).tolist()
        tone = 1.0 - 0.35 * dy + float(rng.uniform(-0.08, 0.08))
        puff = cushion(x + dx * rx, middle + dy * ry, rx * 0.36, ry * 0.32, 6)
        parts.append(Part(puff, darker(green, tone), 0.25, "leaf", 0.2, 0.75, outline=False))
    return parts


def gap(x: float, y: float, s: float) -> Points:
    """Return the gap in the crown of an oak through which the world behind it shows."""
    return cushion(x + 0.14 * s, y - 0.5 * s, 0.09 * s, 0.07 * s, 3)


def car(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a car from its side; the wheels stand out below the body."""
    paint = pick(rng, CARS)
    front = 1 if rng.random() < 0.5 else -1

    def at(points: list[tuple[float, float]]) -> Points:
        return polygon([(x + front * u * s, y - v * s) for u, v in points])

    cabin = at([(-0.36, 0.3), (-0.27, 0.47), (0.08, 0.47), (0.24, 0.3)])
    glass = [at([(-0.29, 0.31), (-0.22, 0.44), (-0.1, 0.44), (-0.1, 0.31)])]
    glass.append(at([(-0.06, 0.31), (-0.06, 0.44), (0.06, 0.44), (0.17, 0.31)]))
    body = at([(-0.5, 0.1), (-0.5, 0.26), (-0.42, 0.32), (0.22, 0.32), (0.44, 0.27), (0.5, 0.2), (0.5, 0.1)])
    parts = [Part(cabin, darker(paint, 0.92)), Part(body, paint, 0.22)]
    parts += [Part(pane, (176, 206, 220), outline=False) for pane in glass]
    parts.append(
        Part(at([(0.44, 0.18), (0.5, 0.18), (0.5, 0.23), (0.44, 0.24)]), (255, 240, 170), outline=False)
    )
    parts.append(
        Part(at([(-0.5, 0.12), (0.5, 0.12), (0.5, 0.15), (-0.5, 0.15)]), darker(paint, 0.6), outline=False)
    )
    for u in (-0.28, 0.28):
        wheel = x + front * u * s
        parts.append(Part(ellipse(wheel, y - 0.1 * s, 0.105 * s, 0.105 * s, 14), (34, 34, 40)))
        parts.append(
            Part(ellipse(wheel, y - 0.1 * s, 0.05 * s, 0.05 * s, 10), (178, 178, 184), outline=False)
        )
    return parts


def boat(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a sailing boat: hull, mast and two sails that do not touch."""
    hull, sail = pick(rng, HULLS), pick(rng, ((250, 240, 214), (244, 226, 196)))
    side = 1 if rng.random() < 0.5 else -1

    def at(points: list[tuple[float, float]]) -> Points:
        return polygon([(x + side * u * s, y - v * s) for u, v in points])

    return [
        Part(at([(-0.02, 0.1), (0.02, 0.1), (0.012, 1.02), (-0.012, 1.02)]), (90, 62, 44)),
        Part(at([(0.05, 0.2), (0.46, 0.2), (0.22, 0.6), (0.05, 0.98)]), sail, 0.1),
        Part(at([(0.05, 0.2), (0.46, 0.2), (0.43, 0.28), (0.05, 0.28)]), (206, 74, 58), outline=False),
        Part(at([(-0.06, 0.22), (-0.36, 0.22), (-0.06, 0.82)]), darker(sail, 0.95), 0.1),
        Part(at([(-0.46, 0.16), (0.5, 0.16), (0.38, 0.0), (-0.34, 0.0)]), hull, 0.2, rough=0.12),
        Part(at([(-0.46, 0.16), (0.5, 0.16), (0.48, 0.12), (-0.44, 0.12)]), (240, 226, 200), outline=False),
    ]


def mirrored(parts: list[Part], y: float) -> list[Part]:
    """Return the reflection of a thing in the water at height y: pixels, not truth."""
    flat = [polygon(np.stack([p.points[:, 0], y + (y - p.points[:, 1]) * 0.5], 1)) for p in parts]
    return [Part(q, p.color, 0, "wave", 0.25, 0.22) for p, q in zip(parts, flat, strict=True)]


def sheep(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a sheep: wool, a dark head and four legs."""
    wool = pick(rng, ((246, 240, 228), (238, 230, 216)))
    side = 1 if rng.random() < 0.5 else -1
    dark = (56, 48, 50)
    legs = [
        Part(box(x + u * s - 0.03 * s, y - 0.26 * s, 0.06 * s, 0.26 * s), dark)
        for u in (-0.24, -0.14, 0.12, 0.22)
    ]
    bow = float(rng.choice([0.0, 0.14])) * s
    return [
        *legs,
        Part(cushion(x, y - 0.42 * s, 0.46 * s, 0.3 * s, 11), wool, 0.16, "leaf", 0.09),
        Part(ellipse(x + side * 0.45 * s, y - 0.5 * s + bow, 0.12 * s, 0.16 * s, 12), dark),
        Part(ellipse(x + side * 0.35 * s, y - 0.58 * s + bow, 0.09 * s, 0.045 * s, 8), dark),
        Part(cushion(x + side * 0.43 * s, y - 0.65 * s + bow, 0.1 * s, 0.07 * s, 5), wool),
    ]


def balloon(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a hot-air balloon: a striped envelope, ropes and, apart from it, a basket."""
    first, second = STRIPES[int(rng.integers(len(STRIPES)))]
    turn = np.arange(28) * (2 * np.pi / 28)
    below = np.maximum(np.sin(turn), 0)
    u, v = np.cos(turn) * (1 - 0.62 * below**2.0), np.sin(turn) * (1 + 0.28 * below) - 0.1
    middle = y - 0.72 * s
    parts = [
        Part(
            stroke(x + side * 0.13 * s, middle + 0.4 * s, x + side * 0.06 * s, y - 0.13 * s, 0.8),
            (110, 84, 64),
            outline=False,
        )
        for side in (-1, 1)
    ]
    for share, color in ((1.0, first), (0.74, second), (0.44, first), (0.15, second)):
        points = polygon(np.stack([x + 0.38 * s * share * u, middle + 0.38 * s * v], 1))
        parts.append(Part(points, color, 0.22, outline=share == 1.0))
    basket = box(x - 0.075 * s, y - 0.13 * s, 0.15 * s, 0.13 * s)
    return [*parts, Part(basket, (140, 94, 54), rough=0.15)]


def windmill(rng: Rng, x: float, y: float, s: float) -> list[Part]:
    """Draw a windmill, which no category names."""
    turn = float(rng.uniform(0.2, 1.3))
    top = y - 0.78 * s
    tower = polygon([(x - 0.17 * s, y), (x + 0.17 * s, y), (x + 0.1 * s, top), (x - 0.1 * s, top)])
    cap = polygon([(x - 0.13 * s, top), (x + 0.13 * s, top), (x, top - 0.16 * s)])
    parts = [Part(tower, (228, 224, 214), 0.22), Part(cap, (112, 76, 60))]
    for quarter in range(4):
        c, d = np.cos(turn + quarter * np.pi / 2), np.sin(turn + quarter * np.pi / 2)
        parts.append(
            Part(stroke(x, top, x + 0.5 * s * c, top + 0.5 * s * d, max(0.035 * s, 1.0)), (84, 62, 52))
        )
        sail = stroke(x + 0.14 * s * c, top + 0.14 * s * d, x + 0.48 * s * c, top + 0.48 * s * d, 0.1 * s)
        parts.append(Part(sail, (206, 190, 164), alpha=0.8))
    return parts


def fence(x: float, y: float, length: float, s: float) -> list[Part]:
    """Draw a wooden fence, which no category names."""
    wood = (150, 116, 84)
    rails = [Part(box(x, y - s * v, length, max(0.12 * s, 1.0)), wood) for v in (0.45, 0.85)]
    posts = [
        Part(box(at, y - s, 0.14 * s, s), darker(wood, 0.85)) for at in np.arange(x, x + length, 0.9 * s)
    ]
    return rails + posts
