"""Pictures, made small, and their truth as a transparent picture to lie over them."""

from __future__ import annotations

import colorsys
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.colors import to_hex
from segbench.canonical.maps import paint_segments
from segbench.canonical.sample import Sample

SIDE = 480
"""Longest side of a picture of the page, in pixels."""

_ALPHA, _EDGE = 120, 255


def color_of(category: Category) -> tuple[int, int, int]:
    """The colour of a category: its own, or one of a circle of colours that keeps neighbours apart."""
    if category.color is not None and any(category.color):
        return category.color
    return _turned(category.id)


def css_color(category: Category) -> str:
    """The colour of a category as CSS writes it."""
    return to_hex(color_of(category))


def draw_picture(sample: Sample, side: int = SIDE) -> bytes:
    """Return the upright picture as a small JPEG, its longest side at most ``side`` pixels.

    Raises
    ------
    DataError
        When there is none, or it cannot be decoded.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(sample.image.transpose(1, 2, 0)))
    picture.thumbnail((side, side))
    out = BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


def draw_overlay(sample: Sample, categories: Categories) -> tuple[bytes, list[dict[str, Any]]]:
    """Return a small transparent PNG of the truth, and ``name color count`` of the categories in it.

    Stuff and label maps have the colours of categories; things that share one are told apart by shade. What
    is never scored is not painted.
    """
    ids, colors, counts = paint(sample, categories)
    labels = [
        {"name": categories[i].name, "color": css_color(categories[i]), "count": n} for i, n in counts.items()
    ]
    return encode_overlay(smaller(ids), colors), labels


def smaller(ids: NDArray[Any], side: int = SIDE) -> NDArray[Any]:
    """Every so many pixels of a map [H, W], so that its longest side is at most ``side``."""
    step = max(1, -(-max(ids.shape) // side))
    return ids[::step, ::step]


def encode_overlay(ids: NDArray[Any], colors: NDArray[np.uint8], opacity: int = _ALPHA) -> bytes:
    """A PNG of places [H, W] in a table of colours [n, 3]: 0 is clear, the rest half so, their edges opaque.

    It has a palette, and so a third of the size, where 127 colours are enough.
    """
    from PIL import Image

    alpha = np.where(edges(ids), _EDGE, opacity)
    if len(colors) <= 128:
        picture = Image.fromarray(np.where(ids > 0, 2 * ids - (alpha == _EDGE), 0).astype(np.uint8))
        both = np.repeat(colors[1:], 2, axis=0)
        picture.putpalette(np.concatenate([colors[:1], both]).tobytes())
        clear = bytes([0, *[_EDGE, opacity] * (len(colors) - 1)])
    else:
        rgba = np.dstack([colors[ids], np.where(ids > 0, alpha, 0).astype(np.uint8)])
        picture, clear = Image.fromarray(rgba), None
    out = BytesIO()
    picture.save(out, "PNG", optimize=True, **({} if clear is None else {"transparency": clear}))
    return out.getvalue()


def paint(
    sample: Sample, categories: Categories, kind: str | None = None
) -> tuple[NDArray[np.int32], NDArray[np.uint8], dict[int, int]]:
    """A map of places in a table of colours, 0 for nothing; the table; and the segments of each category.

    ``kind`` is ``semantic`` where segments are not to be told apart.

    Raises
    ------
    DataError
        When a segment cannot be drawn.
    """
    if (kind or sample.kind) == "semantic":
        mask = sample.mask
        ids = np.where(mask == sample.ignore_index, 0, mask.astype(np.int32) + 1)
        ids[ids > len(categories)] = 0
        present = [i - 1 for i in np.unique(ids).tolist() if i]
        return ids, _table([color_of(c) for c in categories]), dict.fromkeys(present, 1)
    counts: dict[int, int] = {}
    colors = []
    for segment in sample.segments:
        category = categories[segment.category_id]
        colors.append(
            _shade(color_of(category), 0 if category.isthing is False else counts.get(category.id, 0))
        )
        counts[category.id] = counts.get(category.id, 0) + 1
    canvas = np.zeros((sample.height, sample.width), np.int32)
    if sample.kind == "instance":
        values = [0 if s.ignore else i for i, s in enumerate(sample.segments, 1)]
        try:
            paint_segments(canvas, sample.segments, values, sample.overlap_policy)
        except ValueError as error:
            raise sample.error(str(error), "segments") from None
    else:
        for i, segment in enumerate(sample.segments, 1):
            canvas[sample.segment_map == segment.id] = i
    return canvas, _table(colors), counts


def _table(colors: list[tuple[int, int, int]]) -> NDArray[np.uint8]:
    return np.array([(0, 0, 0), *colors], np.uint8)


def edges(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour is another segment."""
    edges = np.zeros(ids.shape, np.bool_)
    edges[:, :-1] |= ids[:, :-1] != ids[:, 1:]
    edges[:-1] |= ids[:-1] != ids[1:]
    return edges


def _shade(color: tuple[int, int, int], number: int) -> tuple[int, int, int]:
    """The colour itself, then lighter and darker ones in turn."""
    share = (0.0, 0.35, -0.3, 0.6, -0.5)[number % 5]
    end = 255 if share > 0 else 0
    r, g, b = (round(v + abs(share) * (end - v)) for v in color)
    return r, g, b


def _turned(number: int) -> tuple[int, int, int]:
    hue = (0.03 + number * 0.618034) % 1
    r, g, b = colorsys.hls_to_rgb(hue, 0.55 - 0.12 * (number % 3 - 1), 0.75)
    return round(255 * r), round(255 * g), round(255 * b)
