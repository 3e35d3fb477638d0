"""What is wrong with a data set."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segbench import kernels
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.conversions.lying import Lying
from segbench.conversions.tally import Tally
from segbench.errors import DataError

Progress = Callable[[Iterator[int]], Iterator[int]]
TINY = 4
"""Segments of fewer pixels are told of."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing found.

    Attributes
    ----------
    level
        ``error`` where a score or a conversion would fail or be wrong, ``warning`` where one may be, ``note``
        of what is not wrong and may surprise.
    message
        What, with file, image id and field.
    """

    level: str
    message: str


def validate(dataset: Dataset, progress: Progress = iter, *, tiny: int = TINY) -> Iterator[Problem]:
    """Yield every problem, each naming file, image id and field; a damaged image does not end the search.

    What is held grows by two hashes of 32 bytes and an id for each image, and by nothing else.

    Parameters
    ----------
    dataset
        Every annotation and picture of it is read.
    progress
        Wraps the iterator of places, to show how far it is.
    tiny
        Segments of fewer pixels are told.
    """
    yield from _check_categories(dataset)
    yield from (Problem("warning", f"{dataset.path}: {note}") for note in dataset.notes)
    hashes: list[str] = []
    seen: dict[bytes, tuple[str, str]] = {}
    tally, lying = Tally(dataset), Lying()
    for index in progress(iter(range(len(dataset)))):
        try:
            sample = dataset[index]
            hashes.append(sample.record_sha256)
            yield from _check(sample, dataset, tiny)
            tally.add(index, sample)
            yield from _check_image(sample, dataset, seen, tally.split_of[index])
            lying.add(sample)
        except DataError as error:
            yield Problem("error", _placed(error, dataset, index))
    yield from (Problem(level, f"{dataset.path}: {text}") for level, text in lying.findings())
    if len(hashes) == len(dataset):  # else something was not counted
        yield from (Problem(level, f"{dataset.path}: {text}") for level, text in tally.findings())
    if len(hashes) == len(dataset) and dataset.stated_fingerprint not in (
        None,
        fingerprint(dataset.categories, hashes),
    ):
        message = f"{dataset.path}: fingerprint: the annotations were changed after the data set was written"
        yield Problem("error", message)


def _placed(error: DataError, dataset: Dataset, index: int) -> str:
    """The message of an error, which names the image in any case."""
    if error.image_id is not None:
        return str(error)
    file, image_id = error.file or dataset.path, dataset.image_ids[index]
    return str(DataError(error.message, file=file, image_id=image_id, field=error.field))


def _check_categories(dataset: Dataset) -> Iterator[Problem]:
    for name, count in sorted(Counter(c.name for c in dataset.categories).items()):
        if count > 1:
            yield Problem("warning", f"{dataset.path}: categories: the name {name!r} stands {count} times")


def _check(sample: Sample, dataset: Dataset, tiny: int) -> Iterator[Problem]:
    where = f"{dataset.path}: image {sample.image_id}"
    mask = sample.mask
    outside = np.unique(mask[(mask >= len(dataset.categories)) & (mask != dataset.ignore_index)])
    if outside.size:
        ids = ", ".join(map(str, outside.tolist()))
        yield Problem("error", f"{where}: mask: has ids that are no category: {ids}")
    ids_of_segments = Counter(s.id for s in sample.segments)
    for twice in sorted(i for i, count in ids_of_segments.items() if count > 1):
        yield Problem("error", f"{where}: segments: the id {twice} stands twice")
    if 0 in ids_of_segments:
        yield Problem("warning", f"{where}: segments: the id 0 never counts as matched in COCOeval")
    if sample.kind == "panoptic":
        yield from _check_segment_map(sample, where, tiny)
    elif sample.kind == "instance":
        yield from _check_instances(sample, where, tiny)


def _check_image(
    sample: Sample, dataset: Dataset, seen: dict[bytes, tuple[str, str]], split: str
) -> Iterator[Problem]:
    if sample.image_file is None:
        return
    digest = hashlib.sha256(sample.image_file.read(sample.image_id)).digest()
    known, its_split = seen.setdefault(digest, (sample.image_id, split))
    if known != sample.image_id:
        where = f"{dataset.path}: image {sample.image_id}: image: has the same bytes as image {known}"
        if split == its_split:
            yield Problem("warning", where)
        else:
            yield Problem("error", f"{where}, and is in split {split!r}, that one in {its_split!r}: leakage")
    sample.image  # noqa: B018 - decodes, and raises where it cannot


def _check_segment_map(sample: Sample, where: str, tiny: int) -> Iterator[Problem]:
    ids, counts = kernels.id_counts(sample.segment_map)
    found = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    for unnamed in sorted(found.keys() - {0} - {s.id for s in sample.segments}):
        yield Problem("error", f"{where}: segment_map: the id {unnamed} is not in the list of segments")
    for s in sample.segments:
        area = found.get(s.id, 0)
        if not area:
            yield Problem("error", f"{where}: segment {s.id}: has no pixel in the segment map")
        elif s.source_area not in (None, area):
            yield Problem(
                "error", f"{where}: segment {s.id}: area: says {s.source_area:g}, has {area} pixels"
            )
    boxes = dict(zip(ids.tolist(), kernels.segment_boxes(sample.segment_map, ids).tolist(), strict=True))
    for s in sample.segments:
        if s.bbox is not None and s.id in boxes and _apart(s.bbox, boxes[s.id]):
            yield _box_problem(s, where)
    yield from _tiny(where, [(s.id, found.get(s.id, 0)) for s in sample.segments], tiny)


def _check_instances(sample: Sample, where: str, tiny: int) -> Iterator[Problem]:
    areas = []
    for s in sample.segments:
        rle = s.to_rle(sample.height, sample.width)
        if rle is None:
            yield Problem("warning", f"{where}: segment {s.id}: has a box and no mask")
            continue
        area = rle.area
        areas.append((s.id, area))
        if not area:
            yield Problem("warning", f"{where}: segment {s.id}: covers no pixel")
            continue
        if s.bbox is not None and _apart(s.bbox, rle.bbox):
            yield _box_problem(s, where)
        if s.source_area is not None and abs(s.source_area - area) > _outline(rle.bbox):
            stated = f"says {s.source_area:g}, has {area} pixels"
            yield Problem("warning", f"{where}: segment {s.id}: area: {stated}, which no outline explains")
    yield from _tiny(where, areas, tiny)


def _tiny(where: str, areas: list[tuple[int, int]], tiny: int) -> Iterator[Problem]:
    if small := [(i, area) for i, area in areas if 0 < area < tiny]:
        shown = ", ".join(f"{i} ({area})" for i, area in small[:5]) + ", …" * (len(small) > 5)
        yield Problem("warning", f"{where}: segments: {len(small)} of fewer than {tiny} pixels: {shown}")


def _box_problem(segment: Segment, where: str) -> Problem:
    box = ", ".join(f"{v:g}" for v in segment.bbox or ())
    return Problem("warning", f"{where}: segment {segment.id}: bbox: [{box}] does not fit the mask")


def _outline(box: Sequence[float]) -> float:
    """By how much two ways to count the pixels of an outline may differ: once around its box."""
    return 2 * (box[2] + box[3])


def _apart(stated: Sequence[float], found: Sequence[float]) -> bool:
    """Tell whether two boxes differ by more than 5 pixels on a side: rounding stays below that."""
    a = np.array([stated[0], stated[1], stated[0] + stated[2], stated[1] + stated[3]])
    b = np.array([found[0], found[1], found[0] + found[2], found[1] + found[3]])
    return bool(np.abs(a - b).max() > 5)
