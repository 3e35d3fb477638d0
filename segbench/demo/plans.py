"""Plans: which things stand where in each kind of picture, from back to front."""

from __future__ import annotations

import numpy as np

from segbench.demo import things
from segbench.demo.canvas import Canvas, Part
from segbench.demo.land import hills, lake, lane, road, sky
from segbench.demo.scene import Scene
from segbench.demo.shapes import ellipse, polygon, value_noise


def compose(scene: Scene, kind: int) -> Canvas:
    """Paint one of the kinds of scene and return its canvas.

    Parameters
    ----------
    scene
        An empty scene.
    kind
        0 a village by the road, 1 a lake, 2 a pasture, 3 a coast road, 4 a lane through empty hills.
    """
    sky(scene)
    if kind in (0, 2):
        balloons(scene)
    hills(scene, bare=kind == 4)
    if kind in (1, 3):
        lake(scene)
    (village, shore, pasture, coast, lane)[kind](scene)
    front(scene)
    finish(scene)
    return scene.canvas


def village(scene: Scene) -> None:
    """Houses and trees behind a road, trees before it."""
    scatter(scene, {"house": 4, "tree": 5}, 0.1, 0.36)
    road(scene, 0.58)
    scatter(scene, {"tree": 2}, 0.86, 1.02, beside=True)


def shore(scene: Scene) -> None:
    """A near shore with trees, a house and sheep."""
    scatter(scene, {"tree": 3, "house": 1, "sheep": 2}, 0.72, 1.0)


def pasture(scene: Scene) -> None:
    """A lane, a windmill, a flock far off and sheep near by."""
    lane(scene)
    mill = scene.horizon + 0.08 * scene.height
    x = scene.u(0.1, 0.9) * scene.width
    scene.canvas.void(things.windmill(scene.rng, x, mill, scene.size(mill, 150)))
    flock(scene)
    scatter(scene, {"house": 1, "tree": 3}, 0.1, 0.4)
    y = scene.horizon + 0.62 * (scene.height - scene.horizon)
    x, length = scene.u(-0.1, 0.5) * scene.width, scene.u(0.3, 0.6) * scene.width
    scene.canvas.void(things.fence(x, y, length, scene.size(y, 18)))
    scatter(scene, {"sheep": 4, "tree": 1}, 0.66, 1.0)


def coast(scene: Scene) -> None:
    """A road along the water."""
    road(scene, 0.76)
    scatter(scene, {"tree": 2, "sheep": 1}, 0.94, 1.02, beside=True)


def balloons(scene: Scene) -> None:
    """Put balloons into the sky, one perhaps before another."""
    x, y = scene.u(0.15, 0.75) * scene.width, scene.u(0.5, 0.85) * scene.horizon
    for i in range(int(scene.rng.integers(1, 4))):
        s = scene.unit * scene.u(34, 64) * (1 - 0.12 * i)
        foot = min(max(y, s * 0.8), scene.horizon * 1.05)
        scene.canvas.thing("balloon", things.balloon(scene.rng, x, foot, s))
        x += scene.u(0.1, 0.34) * scene.width * (1 if x < scene.width / 2 else -1)
        y += scene.u(-0.25, 0.25) * scene.horizon


def flock(scene: Scene) -> None:
    """Put a flock of sheep, a crowd, far off."""
    y0, x0 = scene.horizon + 0.3 * (scene.height - scene.horizon), scene.u(0.2, 0.8) * scene.width
    feet = sorted(scene.u(-0.07, 0.07) * scene.height for _ in range(14))
    members = [
        things.sheep(scene.rng, x0 + scene.u(-0.17, 0.17) * scene.width, y0 + dy, scene.size(y0 + dy, 28))
        for dy in feet
    ]
    scene.canvas.crowd("sheep", members)


def scatter(scene: Scene, counts: dict[str, int], near: float, far: float, *, beside: bool = False) -> None:
    """Stand things at random between two depths (0 the horizon, 1 the bottom), the farther first."""
    tall = {"house": 105.0, "tree": 120.0, "sheep": 46.0}
    feet = [
        (scene.u(near, far), kind)
        for kind, n in counts.items()
        for _ in range(int(scene.rng.integers(max(n - 1, 1), n + 2)))
    ]
    for depth, kind in sorted(feet):
        scene.stand(kind, scene.horizon + depth * (scene.height - scene.horizon), tall[kind], beside=beside)


def front(scene: Scene) -> None:
    """Strew the meadow in front with flowers and blades of grass."""
    parts = []
    for _ in range(int(150 * scene.width / 320)):
        x = scene.u(0, scene.width)
        y = scene.height - 1 - scene.u(0, 0.5) ** 1.5 * (scene.height - scene.horizon)
        if not scene.on("grass", x, y):
            continue
        s = scene.size(y, 5)
        if scene.rng.random() < 0.3:
            color = things.pick(scene.rng, ((250, 250, 240), (250, 216, 80), (226, 110, 120)))
            parts.append(Part(ellipse(x, y, 0.28 * s, 0.28 * s, 6), color, 0))
        else:
            tip = scene.u(-0.4, 0.4) * s
            blade = polygon([(x - 0.2 * s, y), (x + tip, y - 1.2 * s), (x + 0.2 * s, y)])
            parts.append(Part(blade, (88, 146, 62), 0, alpha=0.7))
    scene.canvas.pixels(parts)


def finish(scene: Scene) -> None:
    """Tint, darken the corners and add the grain of film; the truth stays as it is."""
    h, w = scene.height, scene.width
    image = scene.canvas.image
    y, x = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, w, dtype=np.float32)
    image *= (1 - 0.07 * (x * x + y * y))[..., None] * np.array(scene.hour.tint, np.float32)
    image *= 1 + 0.035 * value_noise(scene.rng, h, w, (40.0, 40.0))[..., None]
    grain = scene.rng.integers(-8, 9, (2, h, w, 1)).sum(0) + scene.rng.integers(-4, 5, (h, w, 3))
    image += grain.astype(np.float32)
