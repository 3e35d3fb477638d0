"""Annotations in the upright frame: what EXIF does to a picture is done to masks drawn without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.images import upright
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns


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
    if orientation < 5 or (sample.height, sample.width) != (width, height) or height == width:
        return sample
    return replace(
        sample,
        height=height,
        width=width,
        segments=tuple(_turn_segment(s, sample, orientation) for s in sample.segments),
        load_mask=_turned(sample.load_mask, orientation),
        load_segment_map=_turned(sample.load_segment_map, orientation),
    )


def _turned(load: Callable[[], Any] | None, orientation: int) -> Callable[[], Any] | None:
    if load is None:
        return None

    def turned() -> Any:
        ids = load()
        stored = ids.to_map() if isinstance(ids, LabelRuns) else ids
        return np.ascontiguousarray(upright(stored, orientation))

    return turned


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
    x, y, w, h = box
    left, top = y, x  # orientations 5 to 8 swap the axes first
    if orientation in (6, 7):
        left = sample.height - y - h
    if orientation in (7, 8):
        top = sample.width - x - w
    return left, top, h, w
