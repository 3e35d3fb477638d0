"""Annotations in the upright frame: what EXIF does to a picture is done to masks drawn without it.

What is read stays in the frame that it was drawn in, the picture too (:attr:`.sample.Sample.image`); what is
written with its pictures is upright.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.images import is_stored, upright
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns

Frame = Literal["stored", "upright", "unknown"]


def frame_of(sample: Sample) -> Frame | None:
    """Return which frame of a picture that EXIF turns a sample has; None of other pictures.

    It is ``unknown`` where upright and stored pictures have one size: then the sample counts as upright.
    """
    turn = sample.turn
    if turn is None:
        return None
    size, seen = (sample.height, sample.width), (turn.height, turn.width)
    if is_stored(size, seen, turn.orientation):
        return "stored"
    if size != seen:
        return None
    return "unknown" if turn.orientation < 5 or turn.height == turn.width else "upright"


def turned(sample: Sample) -> Sample:
    """Return a sample in the upright frame of its picture; one that is not in the stored frame stays."""
    turn = sample.turn
    return sample if turn is None else to_upright(sample, turn.orientation, turn.height, turn.width)


def turned_if_unknown(sample: Sample) -> Sample:
    """Return a sample of unknown frame, which is that of the stored picture, upright; any other stays."""
    turn = sample.turn
    return sample if turn is None or frame_of(sample) != "unknown" else _upright(sample, turn.orientation)


def to_upright(sample: Sample, orientation: int, height: int, width: int) -> Sample:
    """Turn annotations that were drawn on the stored frame of a picture into its upright frame.

    Parameters
    ----------
    sample
        Annotations in either frame.
    orientation
        EXIF orientation of the picture, 1..8.
    height, width
        Size of the upright picture.

    Returns
    -------
    Sample
        The same sample where its size is that of the upright picture; else one whose masks are turned.
        Polygons become run lengths, since a turned polygon does not cover exactly the turned pixels.
    """
    if not is_stored((sample.height, sample.width), (height, width), orientation):
        return sample
    return _upright(sample, orientation)


def _upright(sample: Sample, orientation: int) -> Sample:
    """Turn annotations that were drawn on a stored picture."""
    height, width = sample.height, sample.width
    return replace(
        sample,
        height=height if orientation < 5 else width,
        width=width if orientation < 5 else height,
        segments=tuple(_turn_segment(s, sample, orientation) for s in sample.segments),
        load_mask=sample.load_mask and _Turned(sample.load_mask, orientation),
        load_segment_map=sample.load_segment_map and _Turned(sample.load_segment_map, orientation),
    )


@dataclass(frozen=True, slots=True)
class _Turned:
    """Reads a map, and turns it."""

    load: Callable[[], Any]
    orientation: int

    def __call__(self) -> Any:
        ids = self.load()
        stored = ids.to_map() if isinstance(ids, LabelRuns) else ids
        return np.ascontiguousarray(upright(stored, self.orientation))


def _turn_segment(segment: Segment, sample: Sample, orientation: int) -> Segment:
    rle = segment.to_rle(sample.height, sample.width)
    bbox = None if segment.bbox is None else _turn_box(segment.bbox, sample, orientation)
    if rle is None:
        return replace(segment, bbox=bbox)
    mask: NDArray[np.uint8] = np.ascontiguousarray(upright(rle.to_mask(), orientation))
    return replace(segment, rle=Rle.from_mask(mask), polygons=None, source_kind="rle", bbox=bbox)


def _turn_box(
    box: tuple[float, float, float, float], sample: Sample, orientation: int
) -> tuple[float, float, float, float]:
    left, top, w, h = box
    width, height = sample.width, sample.height
    if orientation >= 5:  # these swap the axes first
        left, top, w, h, width, height = top, left, h, w, height, width
    if orientation in (2, 3, 6, 7):
        left = width - left - w
    if orientation in (3, 4, 7, 8):
        top = height - top - h
    return left, top, w, h
