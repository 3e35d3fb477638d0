"""One sample, truth or prediction, as a transparent picture of its categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.gallery.overlay import encode_overlay, paint, smaller

SIDE = 640
"""Longest side of a picture, in pixels."""

OPACITY = 200
"""Of overlays inside their edges, of 255: a page may fade them."""


def draw_scene(sample: Sample, categories: Categories, task: str) -> tuple[bytes, list[int]]:
    """A PNG of a sample, and the ids of the categories in it; DataError where a segment cannot be drawn."""
    ids, colors, counts = paint(sample, categories, "semantic" if task == "semantic" else None)
    return encode_overlay(smaller(ids, SIDE), colors, OPACITY), list(counts)


def drawn_from(pred: Sample, thresholds: Mapping[int, float] | None) -> tuple[Sample, str]:
    """A prediction with those of its detections that are drawn, and a line that says which."""
    if thresholds is None:
        return pred, ""
    kept = [s for s in pred.segments if s.score is None or s.score >= thresholds.get(s.category_id, 0.5)]
    note = f"{len(kept)} of {len(pred.segments)} detections drawn: each class from its score of highest F1 on"
    scored = all(segment.score is not None for segment in kept)
    policy = "score" if scored else pred.overlap_policy
    return replace(pred, segments=tuple(map(outlined, kept)), overlap_policy=policy), note


def outlined(segment: Segment) -> Segment:
    """A segment that is a box alone, as its rectangle."""
    if segment.bbox is None or segment.rle is not None or segment.polygons is not None:
        return segment
    x, y, width, height = segment.bbox
    return replace(segment, polygons=((x, y, x + width, y, x + width, y + height, x, y + height),))
