"""Annotations turned upright where they were drawn on a picture as it is stored, and EXIF turns it.

All that is written with its pictures is written so: readers of pictures disagree about EXIF, and most of them
show them upright. Of other pictures that EXIF turns it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segbench.canonical.exif import Frame, frame_of, turned
from segbench.canonical.sample import Sample
from segbench.reshape import Step

TURNED = "upright"
"""The feature of the step that turns."""


def turning_steps() -> list[Step]:
    """Return the steps that tell of pictures that EXIF turns, and the last one, which turns annotations."""
    return [
        _told("pictures that EXIF turns, with annotations upright as it is", _In("upright")),
        _told("pictures that EXIF turns to the same size; annotations count as upright", _In("unknown")),
        _told("other fields of images that are turned upright, which stay as they are", _rest),
        Step(
            TURNED,
            "images whose annotations are turned upright, as EXIF turns the picture",
            _In("stored"),
            turned,
            resizes=True,
        ),
    ]


def _told(meaning: str, count: Callable[[Sample], int]) -> Step:
    return Step("exif", meaning, count, _same, told=True)


@dataclass(frozen=True, slots=True)
class _In:
    """Counts a sample of one frame."""

    frame: Frame

    def __call__(self, sample: Sample) -> int:
        return int(frame_of(sample) == self.frame)


def _rest(sample: Sample) -> int:
    """Count a sample of which more is said, such as points and lines that are no regions."""
    return int(bool(sample.extra) and frame_of(sample) == "stored")


def _same(sample: Sample) -> Sample:
    return sample
