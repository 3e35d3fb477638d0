"""Ids and colours of COCO's panoptic format: the functions of ``panopticapi.utils`` (7bb4655).

An id is R + 256 G + 65536 B of its colour in the PNG; 0 is void.
"""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from segbench.compat._tools import say

__all__ = ["IdGenerator", "get_traceback", "id2rgb", "rgb2id", "save_json"]

P = ParamSpec("P")
R = TypeVar("R")
Color = Any
"""Three numbers 0..255: a list as in the categories' file, or a tuple."""


def get_traceback(f: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that it prints the traceback of what it raises: pools of processes lose it."""

    @functools.wraps(f)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return f(*args, **kwargs)
        except Exception:
            say("Caught exception in worker thread:")
            traceback.print_exc()
            raise

    return wrapper


class IdGenerator:
    """Gives segments ids whose colours are close to that of their category, each once.

    Parameters
    ----------
    categories
        ``{category id: {"isthing": 0 or 1, "color": [r, g, b], …}}``.

    Attributes
    ----------
    taken_colors
        Colours given so far. It starts as ``{0}``, as in panopticapi, which means black by it: a thing of
        black colour gets id 0, void.

    Notes
    -----
    Colours are drawn from NumPy's global generator: ``np.random.seed`` repeats them, draw for draw.
    """

    def __init__(self, categories: Mapping[Any, Mapping[str, Any]]) -> None:
        self.taken_colors: set[Any] = {0}
        self.categories = categories
        for category in categories.values():
            if category["isthing"] == 0:
                self.taken_colors.add(tuple(category["color"]))

    def get_color(self, cat_id: Any) -> Color:
        """Return a colour: that of the category for stuff; for things its own first, then a free one near."""
        category = self.categories[cat_id]
        base = category["color"]
        if category["isthing"] == 0:
            return base
        color = tuple(base)
        while color in self.taken_colors:
            color = self._near(base)
        self.taken_colors.add(color)
        return color

    @staticmethod
    def _near(base: Color, max_dist: int = 30) -> tuple[Any, ...]:
        change = np.random.randint(low=-max_dist, high=max_dist + 1, size=3)  # noqa: NPY002 - see the class
        return tuple(np.clip(base + change, 0, 255))

    def get_id(self, cat_id: Any) -> Any:
        """Return the id of a new segment."""
        return rgb2id(self.get_color(cat_id))

    def get_id_and_color(self, cat_id: Any) -> tuple[Any, Color]:
        """Return the id of a new segment and its colour."""
        color = self.get_color(cat_id)
        return rgb2id(color), color


def rgb2id(color: Any) -> Any:
    """Return the id of a colour, or the ids [H, W] of a picture [H, W, 3 or more].

    Ids of a uint8 picture are int32, of another picture of its own dtype.
    """
    if isinstance(color, np.ndarray) and color.ndim == 3:
        wide = color.astype(np.int32) if color.dtype == np.uint8 else color
        return wide[:, :, 0] + 256 * wide[:, :, 1] + 65536 * wide[:, :, 2]
    return int(color[0] + 256 * color[1] + 65536 * color[2])


def id2rgb(id_map: Any) -> Any:
    """Return the colour of an id as a list, or of an array of ids uint8 [..., 3]."""
    if not isinstance(id_map, np.ndarray):
        return [id_map % 256, id_map // 256 % 256, id_map // 65536 % 256]
    colors = np.empty((*id_map.shape, 3), np.uint8)
    rest = id_map
    for channel in range(3):
        colors[..., channel] = rest % 256
        rest = rest // 256
    return colors


def save_json(d: Any, file: str) -> None:
    """Write JSON."""
    with Path(file).open("w") as stream:
        json.dump(d, stream)
