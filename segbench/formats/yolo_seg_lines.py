"""Lines of YOLO's label files: a class and numbers relative to the picture's size, as segments and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import rings

_LEAST, _MOST = -0.01, 1.01
"""What Ultralytics tolerates of coordinates that should be 0 to 1."""

_DECIMALS = 10

Numbers = NDArray[np.float64]


def read_lines(
    text: str, size: tuple[int, int], class_ids: Mapping[int, int], **where: Any
) -> Iterator[Segment]:
    """Yield the segment of each line of a label file.

    Parameters
    ----------
    text
        Lines ``class x y x y …``, or ``class cx cy w h`` for a box; a confidence may follow.
    size
        Height and width of the picture.
    class_ids
        ``{class as written: dense id}``.

    Raises
    ------
    DataError
        When a line is none of these; ``where`` (file, image_id) goes into its message.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.split():
            yield _read_line(words, number, size, class_ids, field=f"line {number}", **where)


def _read_line(
    words: list[str], number: int, size: tuple[int, int], class_ids: Mapping[int, int], **where: Any
) -> Segment:
    try:
        values = np.array(words, np.float64)
    except ValueError:
        raise DataError("has a word that is no number", **where) from None
    if not np.isfinite(values).all():
        raise DataError("has a number that is not finite", **where)
    if len(values) < 5:
        raise DataError(f"has {len(values)} numbers; a class and at least 4 are needed", **where)
    class_id, scored = float(values[0]), len(values) % 2 == 0
    if class_id not in class_ids:
        known = f"{min(class_ids, default=0)} to {max(class_ids, default=0)}"
        raise DataError(f"has the class {words[0]}, which has no name (those are {known})", **where)
    relative = values[1 : len(values) - scored]
    if relative.min() < _LEAST or relative.max() > _MOST:
        raise DataError("has a coordinate beyond 0 to 1, relative to the size of the picture", **where)
    given: dict[str, Any] = {
        "id": number,
        "category_id": class_ids[int(class_id)],
        "score": float(values[-1]) if scored else None,
    }
    if len(relative) == 4:
        x, y, w, h = to_box(relative, size).tolist()
        return Segment(bbox=(x, y, w, h), source_kind="box", **given)
    return Segment(polygons=(tuple(to_pixels(relative, size).tolist()),), source_kind="polygon", **given)


def to_pixels(relative: Numbers, size: tuple[int, int]) -> Numbers:
    """``x, y, …`` in pixels of at most ten decimals, so that corners of fewer come back as they were."""
    pixels: Numbers = np.round((relative.reshape(-1, 2) * [size[1], size[0]]).ravel(), _DECIMALS)
    return pixels


def to_box(relative: Numbers, size: tuple[int, int]) -> Numbers:
    """``(x, y, w, h)`` in pixels, as :func:`to_pixels`, of ``(cx, cy, w, h)``."""
    scale = [size[1], size[0]]
    corner = (relative[:2] - relative[2:] / 2) * scale
    box: Numbers = np.round(np.concatenate([corner, relative[2:] * scale]), _DECIMALS)
    return box


class LineWriter:
    """Writes segments as lines.

    Parameters
    ----------
    class_ids
        ``{dense id: class to write}``.
    """

    def __init__(self, class_ids: dict[int, int]) -> None:
        self._class_ids = class_ids

    def line(self, segment: Segment, sample: Sample, rle: Rle | None) -> str | None:
        """Return the line of a segment whose mask is ``rle``; None where it has no pixel to be told by."""
        numbers = outline(segment, (sample.height, sample.width), rle)
        if numbers is None:
            return None
        score = [] if segment.score is None else [segment.score]
        words = [self._class_ids[segment.category_id], *map(_short, [*numbers.tolist(), *score])]
        return " ".join(map(str, words))


def outline(segment: Segment, size: tuple[int, int], rle: Rle | None) -> Numbers | None:
    """Return what a line says of where a segment is, relative to the picture; None where there is nothing."""
    if rle is None:
        return _box(segment, size)
    polygon = _verbatim(segment, size, rle)
    return _traced(rle) if polygon is None else polygon


def _box(segment: Segment, size: tuple[int, int]) -> Numbers | None:
    if segment.bbox is None:
        return None
    x, y, w, h = segment.bbox
    scale = np.array([size[1], size[0]] * 2)
    relative = np.array([x + w / 2, y + h / 2, w, h]) / scale
    return shortest(relative, np.array(segment.bbox), size, to_box)


def _verbatim(segment: Segment, size: tuple[int, int], rle: Rle) -> Numbers | None:
    """The source's own polygons, joined; None where these would not be read as the same pixels."""
    if segment.polygons is None:
        return None
    corners = [np.array(p).reshape(-1, 2) for p in segment.polygons]
    joined = rings.join(corners)
    if len(joined) < 3:  # two points and a class would be a box
        joined = np.concatenate([joined, joined[-1:], joined[-1:]])[:3]
    polygon = joined.ravel()
    relative = shortest(polygon / _scales(polygon, size), polygon, size, to_pixels)
    if relative.min() < _LEAST or relative.max() > _MOST:
        return None
    read = to_pixels(relative, size)
    if len(corners) == 1 and np.array_equal(read, polygon):
        return relative
    return relative if Rle.from_polygons([read], *size).counts == rle.counts else None


def _traced(rle: Rle) -> Numbers | None:
    """The outline of the mask as one polygon; None where the mask is empty."""
    outline = rings.trace(rle.to_mask())
    if not outline:
        return None
    polygon, size = rings.join(outline).ravel(), (rle.height, rle.width)
    return shortest(polygon / _scales(polygon, size), polygon, size, to_pixels)


def _scales(polygon: Numbers, size: tuple[int, int]) -> Numbers:
    return np.tile(np.array([size[1], size[0]], np.float64), len(polygon) // 2)


def shortest(
    relative: Numbers,
    wanted: ArrayLike,
    size: tuple[int, int],
    read: Callable[[Numbers, tuple[int, int]], Numbers],
) -> Numbers:
    """Round each relative number to the fewest digits (6 or more) that are read as exactly what is wanted.

    Those that no number is read as stay as they are, at most a few units in the last place off.
    """
    found = relative.copy()
    left = np.ones(len(relative), np.bool_)
    nearest = [np.nextafter(relative, side) for side in (-np.inf, np.inf)]
    for candidate in (*(np.round(relative, digits) for digits in range(6, 17)), relative, *nearest):
        exact = left & (read(candidate, size) == wanted)
        found[exact] = candidate[exact]
        left &= ~exact
        if not left.any():
            break
    return found


def _short(value: float) -> str:
    """Whole numbers without a point, all others with as many digits as they need."""
    return str(int(value)) if value.is_integer() else repr(value)
