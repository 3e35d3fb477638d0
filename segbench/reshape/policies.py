"""Policies by name: what is done where a conversion has a choice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segbench import kernels
from segbench.canonical.maps import OVERLAP_POLICIES
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import UsageError
from segbench.reshape import Step
from segbench.reshape.segments import with_segments, without

CROWD = ("ignore", "merge", "drop")
"""Crowds become ignore regions (void in a map), objects like others, or are left out."""

HOLES = ("seam", "drop", "error")
"""Holes that a format of outlines cannot carry are kept by a seam of no width, filled, or refused."""

_CROWD_WORDS = {
    "ignore": "group regions made ignore regions",
    "merge": "group regions made objects like others",
    "drop": "group regions left out",
}


def policy_steps(overlap: str | None, crowd: str | None, holes: str | None) -> list[Step]:
    """Return the steps of the policies that are named.

    Raises
    ------
    UsageError
        When there is none of this name.
    """
    _check("overlap", overlap, (*OVERLAP_POLICIES, "error"))
    _check("crowd", crowd, CROWD)
    _check("holes", holes, HOLES)
    steps: list[Step] = []
    if crowd is not None:
        steps.append(Step("crowd", _CROWD_WORDS[crowd], _crowds, _CROWDS[crowd]))
    if holes == "drop":
        steps.append(Step("holes", "objects whose holes were filled", _with_holes, fill_holes))
    if overlap in OVERLAP_POLICIES:
        steps.append(Step("overlap", "", _no_change, _Stacked(overlap)))
    return steps


def _check(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def _no_change(_: Sample) -> int:
    return 0


def _crowds(sample: Sample) -> int:
    return sum(s.iscrowd for s in sample.segments)


def _is_crowd(segment: Segment) -> bool:
    return segment.iscrowd


def drop_crowds(sample: Sample) -> Sample:
    """Leave group regions out; their pixels in a segment map are void."""
    return without(sample, _is_crowd)


def ignore_crowds(sample: Sample) -> Sample:
    """Make group regions ignore regions; in a segment map these are void."""
    if sample.kind != "instance":
        return drop_crowds(sample)
    return _each_crowd(sample, ignore=True)


def merge_crowds(sample: Sample) -> Sample:
    """Make group regions objects like others."""
    return _each_crowd(sample, ignore=None)


_CROWDS = {"ignore": ignore_crowds, "merge": merge_crowds, "drop": drop_crowds}


def _each_crowd(sample: Sample, ignore: bool | None) -> Sample:
    if not _crowds(sample):
        return sample
    return with_segments(
        sample,
        (
            replace(s, iscrowd=False, ignore=s.ignore if ignore is None else ignore) if s.iscrowd else s
            for s in sample.segments
        ),
    )


def fill_holes(sample: Sample) -> Sample:
    """Fill the holes of instances; segments of a map have neighbours in theirs, and stay."""
    if not _with_holes(sample):
        return sample
    return with_segments(sample, (_filled(s, sample.height, sample.width) for s in sample.segments))


def _with_holes(sample: Sample) -> int:
    return sum(_has_holes(s, sample.height, sample.width) for s in sample.segments)


def _has_holes(segment: Segment, height: int, width: int) -> bool:
    rle = segment.to_rle(height, width)
    return rle is not None and bool(kernels.rle_topology([rle.counts], height, width)[1][0])


def _filled(segment: Segment, height: int, width: int) -> Segment:
    rle = segment.to_rle(height, width)
    if rle is None or not _has_holes(segment, height, width):
        return segment
    filled = Rle(height, width, kernels.rle_fill_holes(rle.counts, height, width))
    return replace(segment, rle=filled, polygons=None, source_kind="rle", source_area=None)


@dataclass(frozen=True, slots=True)
class _Stacked:
    """Says in which order instances lie on each other."""

    policy: str

    def __call__(self, sample: Sample) -> Sample:
        if sample.kind != "instance":
            return sample
        return replace(sample, overlap_policy=self.policy, load_mask=None)
