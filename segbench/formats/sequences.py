"""Folders of videos: frames by number, in the folder of their video, in that of their split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from segbench.canonical.dataset import Dataset
from segbench.canonical.paths import check_name
from segbench.canonical.pen import Pen
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.formats.image_names import ImageNames
from segbench.formats.map_losses import Plan
from segbench.formats.pictures import Names, in_splits, picture_name, picture_stem, place_picture
from segbench.formats.value_maps import ZERO_ID, Numbering

_MOST_DIGITS = 15


def frame_number(name: str) -> int | None:
    """Return the number of a frame that is called ``…/000012``; None where its name is none."""
    stem = name.rpartition("/")[2]
    return int(stem) if stem.isdecimal() and stem.isascii() and len(stem) <= _MOST_DIGITS else None


class InVideo(NamedTuple):
    """A sample, and where its files stand; one that is in no video is a video of one frame."""

    sample: Sample
    split: str
    video: str
    number: int

    @property
    def stem(self) -> str:
        """``video/000012``, as KITTI's tools call a frame."""
        return _stem(self.video, self.number)

    def put_picture(self, folder: Path, images: str) -> None:
        """Put the picture below the folder of a split, unless pictures are left out."""
        suffix = PurePosixPath(picture_name(self.sample)).suffix
        place_picture(folder / f"{self.stem}{suffix}", self.sample, images)


class Put(NamedTuple):
    """A sample that was written: where, and what was returned of it."""

    image_id: str
    split: str
    video: str
    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class _Put:
    """Writes a sample at its place, and returns that."""

    splits: Sequence[str]
    put: Callable[[InVideo], Any]

    def __call__(self, index: int, sample: Sample) -> tuple[str, int, Any]:
        split = self.splits[index]
        at = InVideo(sample, split, video_name(sample, split), sample.frame or 0)
        return at.video, at.number, self.put(at)


def put_videos(dataset: Dataset, pen: Pen, put: Callable[[InVideo], Any]) -> Iterator[Put]:
    """Have every sample written, with the split, video and number that name its files.

    Parameters
    ----------
    dataset, pen
        What is written, and with what.
    put
        Writes one, and returns a value of JSON; a function of a module, an object, or a partial of those.

    Raises
    ------
    DataError
        When two samples would have one name.
    """
    taken, splits = Names(), in_splits(dataset.splits)
    rows = pen.each(dataset, _Put(splits, put))
    for image_id, split, (video, number, value) in zip(dataset.image_ids, splits, rows, strict=True):
        taken.take(f"{split}/{_stem(video, number)}", image_id)
        yield Put(image_id, split, video, number, value)


def _stem(video: str, number: int) -> str:
    return f"{video}/{number:06d}"


def is_frame(sample: Sample) -> bool:
    """Tell whether a sample has a place in a video."""
    return sample.video_id is not None and sample.frame is not None


def video_name(sample: Sample, split: str = "") -> str:
    """Return the name of the folder of a sample: that of its video, or its own where it is in none.

    Raises
    ------
    DataError
        When that is no name of a folder.
    """
    name = sample.video_id if is_frame(sample) else picture_stem(sample).removeprefix(f"{split}/")
    return check_name(str(name).replace("/", "-"), image_id=sample.image_id, field="video_id")


def frame_name(sample: Sample, split: str = "", _: Sequence[str] = ()) -> str:
    """Return ``video/000012``, as a sample is called in folders of videos; errors as :func:`video_name`."""
    return _stem(video_name(sample, split), sample.frame or 0)


NAMES = ImageNames(frame_name)
"""What images are called by :func:`put_videos`."""


def loses_place(sample: Sample) -> bool:
    """Tell whether a sample's place in a video is read again as another."""
    said = sample.video_id, sample.frame
    return said != (None, None) and said != (video_name(sample), sample.frame)


def value_of_track(segment: Segment, key: int, numbering: Numbering) -> int:
    """Return the value that an object of a class would rather have: its track, or one with its number.

    Without a track it is the id.
    """
    track = segment.track_id
    if track is None:
        return 0 if segment.id == ZERO_ID else segment.id
    if not numbering.says(track, key) and numbering.first <= track < numbering.base:
        return key * numbering.base + track
    return track


def count_tracks(plan: Plan, sample: Sample) -> int:
    """Count the segments that are seen and whose track is not their value; else 1 for a place in a video."""
    rows = ((plan.flat.segments[i].track_id, plan.values[i], plan.objects[i]) for i in plan.flat.seen)
    differ = sum(track not in (None, value if told else None) for track, value, told in rows)
    return differ or int(loses_place(sample))
