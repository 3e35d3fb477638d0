"""Annotations turned upright where they were drawn on a picture as it is stored, and EXIF turns it.

All that is written with its pictures is written so: readers of pictures disagree about EXIF, and most of them
show them upright. Of other pictures that EXIF turns it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segbench.canonical.exif import Frame, frame_of, turned, turned_if_unknown
from segbench.canonical.sample import Sample
from segbench.errors import UsageError
from segbench.reshape import Step

TURNED = "upright"
"""The feature of the steps that turn."""
EXIF = ("upright", "stored")
"""Annotations of which nothing tells lie on the picture as it is seen upright, or as it is stored."""


def turning_steps(exif: str | None = None) -> list[Step]:
    """Return the steps that tell of pictures that EXIF turns, and those that turn annotations.

    Parameters
    ----------
    exif
        One of ``EXIF``, by default the first.

    Raises
    ------
    UsageError
        When it is none.
    """
    if exif not in (None, *EXIF):
        raise UsageError(f"exif must be one of {', '.join(EXIF)}, not {exif!r}")
    same, stored = "pictures that EXIF turns to the same size", exif == "stored"
    unknown = _told(f"{same}; annotations count as upright", _In("unknown"))
    if stored:
        meaning = f"{same}; annotations are turned upright, as drawn on the stored picture"
        unknown = Step(TURNED, meaning, _In("unknown"), turned_if_unknown)
    rest = _Rest(("stored", "unknown") if stored else ("stored",))
    return [
        _told("pictures that EXIF turns, with annotations upright as it is", _In("upright")),
        _told("other fields of images that are turned upright, which stay as they are", rest),
        Step(
            TURNED,
            "images whose annotations are turned upright, as EXIF turns the picture",
            _In("stored"),
            turned,
            resizes=True,
        ),
        unknown,
    ]


def _told(meaning: str, count: Callable[[Sample], int]) -> Step:
    return Step("exif", meaning, count, _same, told=True)


@dataclass(frozen=True, slots=True)
class _In:
    """Counts a sample of one frame."""

    frame: Frame

    def __call__(self, sample: Sample) -> int:
        return int(frame_of(sample) == self.frame)


@dataclass(frozen=True, slots=True)
class _Rest:
    """Counts a sample of these frames of which more is said, such as points and lines that are no regions."""

    frames: tuple[Frame, ...]

    def __call__(self, sample: Sample) -> int:
        return int(bool(sample.extra) and frame_of(sample) in self.frames)


def _same(sample: Sample) -> Sample:
    return sample
