"""Scene: one picture in the making, its light and its perspective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segbench.demo import things
from segbench.demo.canvas import IDS, Canvas, Color, Part
from segbench.demo.shapes import ellipse


@dataclass(frozen=True, slots=True)
class Hour:
    """Colours of a time of day: sky above and at the horizon, sun, and the tint of everything."""

    zenith: Color
    horizon: Color
    sun: Color
    tint: Color
    cloud: Color


HOURS = (
    Hour((92, 164, 232), (206, 230, 244), (255, 246, 200), (1.0, 1.0, 1.0), (255, 255, 255)),
    Hour((108, 178, 226), (250, 232, 196), (255, 226, 140), (1.05, 0.99, 0.9), (255, 246, 230)),
    Hour((146, 172, 214), (252, 206, 178), (255, 206, 130), (1.04, 0.93, 0.88), (255, 226, 212)),
    Hour((156, 186, 208), (218, 228, 232), (250, 248, 236), (0.93, 0.96, 1.0), (238, 242, 246)),
)


class Scene:
    """One picture in the making.

    Parameters
    ----------
    height, width
        Size in pixels.
    rng
        Source of every choice.
    hour
        Colours of the light.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator, hour: Hour) -> None:
        self.rng, self.hour = rng, hour
        self.sun_x = float(rng.uniform(0.12, 0.88)) * width
        light = (0.7 if self.sun_x > width / 2 else -0.7, -0.6)
        self.canvas = Canvas(height, width, rng, light)
        self.height, self.width = height, width
        self.unit = min(height, width) / 240
        self.taken: list[float] = []
        self.horizon = height * float(rng.uniform(0.4, 0.5))

    def u(self, low: float, high: float) -> float:
        """Return a number between low and high."""
        return float(self.rng.uniform(low, high))

    def size(self, y: float, tall: float) -> float:
        """Return how large something ``tall`` pixels high in front is when its foot is at height y."""
        depth = (y - self.horizon) / (self.height - self.horizon)
        return tall * self.unit * (0.3 + 0.7 * depth)

    def on(self, name: str, x: float, y: float) -> bool:
        """Return whether this stuff is at (x, y)."""
        row, column = min(int(y), self.height - 1), min(int(x), self.width - 1)
        region = self.canvas.regions.get(int(self.canvas.segment_map[row, column]))
        return region is not None and region.category_id == IDS[name]

    def free(self, y: float, *, beside: bool = False) -> float:
        """Return a dry x at height y, far from what stands there; beside: near an edge."""
        tries = [self.u(0.03, 0.2) if beside else self.u(0.04, 0.96) for _ in range(5)]
        tries = [(1 - x if beside and self.rng.random() < 0.5 else x) * self.width for x in tries]
        dry = [x for x in tries if not (self.on("water", x, y) or self.on("road", x, y))] or tries
        return max(dry, key=lambda x: min([self.width, *(abs(x - at) for at in self.taken)]))

    def stand(self, kind: str, y: float, tall: float, *, beside: bool = False) -> None:
        """Put one thing with its foot at height y, with its shadow."""
        x, s = self.free(y, beside=beside), self.size(y, tall)
        self.taken = [*self.taken[-4:], x]
        lean = -self.canvas.light[0] * 0.16 * s
        shadow = ellipse(x + lean, y, 0.42 * s, max(0.06 * s, 1.0))
        self.canvas.pixels([Part(shadow, (24, 44, 40), 0, alpha=0.32)])
        if kind == "tree" and self.rng.random() < 0.6:
            hole = things.gap(x, y, s) if s > 50 * self.unit and self.rng.random() < 0.5 else None
            self.canvas.thing("tree", things.oak(self.rng, x, y, s), hole)
        else:
            draw = {"tree": things.fir, "house": things.house, "sheep": things.sheep}[kind]
            self.canvas.thing(kind, draw(self.rng, x, y, s))
