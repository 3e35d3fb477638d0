"""What a data set holds, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.canonical.sample import Sample
from segbench.errors import DataError

_KINDS = {True: "thing", False: "stuff", None: ""}
Progress = Callable[[Iterator[int]], Iterator[int]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: ``error`` where a score or a conversion would fail or be wrong, else ``warning``."""

    level: str
    message: str


@dataclass
class Summary:
    """Counts of a data set.

    Attributes
    ----------
    name, format, tasks, splits, n_images, n_segments, n_crowd, ignore_index
        As the data set says and has them.
    sizes
        ``{"WxH": images}``, most frequent first.
    categories
        One dict a category: ``id name source_id isthing images segments pixels``.
    """

    name: str
    format: str
    tasks: list[str]
    splits: dict[str, int]
    n_images: int
    ignore_index: int
    n_segments: int = 0
    n_crowd: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    categories: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        sizes = ", ".join(f"{size} ({count})" for size, count in list(self.sizes.items())[:5])
        total = max(1, sum(c["pixels"] for c in self.categories))
        width = max([len(c["name"]) for c in self.categories], default=4)
        return "\n".join(
            [
                f"{self.name}: {self.n_images} images, {self.n_segments} segments ({self.n_crowd} crowd), "
                f"{len(self.categories)} categories; {'/'.join(self.tasks)}, format {self.format}",
                "splits: " + ", ".join(f"{split} ({count})" for split, count in self.splits.items()),
                f"sizes: {sizes}{', …' if len(self.sizes) > 5 else ''}",
                f"{'id':>5}  {'source':>6}  {'category':<{width}}  {'kind':<5}  images  segments  pixels",
                *(
                    f"{c['id']:>5}  {c['source_id']:>6}  {c['name']:<{width}}  {_KINDS[c['isthing']]:<5}  "
                    f"{c['images']:>6}  {c['segments']:>8}  {100 * c['pixels'] / total:5.1f} %"
                    for c in self.categories
                ),
            ]
        )


def summarize(dataset: Dataset, progress: Progress = iter) -> Summary:
    """Count images, segments, sizes and pixels; reads every mask once.

    Raises
    ------
    DataError
        When an annotation is damaged.
    """
    summary = Summary(
        name=dataset.name,
        format=dataset.format,
        tasks=list(dataset.tasks),
        splits=dataset.splits,
        n_images=len(dataset),
        ignore_index=dataset.ignore_index,
    )
    n = len(dataset.categories)
    counts = {key: np.zeros(n, np.int64) for key in ("images", "segments", "pixels")}
    for index in progress(iter(range(len(dataset)))):
        sample = dataset[index]
        size = f"{sample.width}x{sample.height}"
        summary.sizes[size] = summary.sizes.get(size, 0) + 1
        summary.n_segments += len(sample.segments)
        summary.n_crowd += sum(s.iscrowd for s in sample.segments)
        pixels = np.bincount(sample.mask.ravel(), minlength=n)[:n]
        segments = np.bincount([s.category_id for s in sample.segments], minlength=n)
        counts["pixels"] += pixels
        counts["segments"] += segments
        counts["images"] += (pixels > 0) | (segments > 0)
    summary.sizes = dict(sorted(summary.sizes.items(), key=lambda item: -item[1]))
    summary.categories = [
        {"id": c.id, "name": c.name, "source_id": c.key, "isthing": c.isthing}
        | {key: int(values[c.id]) for key, values in counts.items()}
        for c in dataset.categories
    ]
    return summary


def validate(dataset: Dataset, progress: Progress = iter) -> Iterator[Problem]:
    """Yield every problem, each naming file, image id and field; a damaged image does not end the search.

    What is held grows by a hash of 32 bytes and an id for each image, and by nothing else.
    """
    yield from _check_categories(dataset)
    yield from (Problem("warning", f"{dataset.path}: {note}") for note in dataset.notes)
    hashes: list[str] = []
    seen: dict[bytes, str] = {}
    for index in progress(iter(range(len(dataset)))):
        try:
            sample = dataset[index]
            hashes.append(sample.record_sha256)
            yield from _check(sample, dataset)
            yield from _check_image(sample, dataset, seen)
        except DataError as error:
            yield Problem("error", _placed(error, dataset, index))
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


def _check(sample: Sample, dataset: Dataset) -> Iterator[Problem]:
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
        yield from _check_segment_map(sample, where)
    elif sample.kind == "instance":
        yield from _check_instances(sample, where)


def _check_image(sample: Sample, dataset: Dataset, seen: dict[bytes, str]) -> Iterator[Problem]:
    if sample.image_file is None:
        return
    digest = hashlib.sha256(sample.image_file.read(sample.image_id)).digest()
    known = seen.setdefault(digest, sample.image_id)
    if known != sample.image_id:
        where = f"{dataset.path}: image {sample.image_id}"
        yield Problem("warning", f"{where}: image: has the same bytes as image {known}")
    sample.image  # noqa: B018 - decodes, and raises where it cannot


def _check_segment_map(sample: Sample, where: str) -> Iterator[Problem]:
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


def _check_instances(sample: Sample, where: str) -> Iterator[Problem]:
    for s in sample.segments:
        rle = s.to_rle(sample.height, sample.width)
        if rle is None:
            yield Problem("warning", f"{where}: segment {s.id}: has a box and no mask")
        elif not rle.area:
            yield Problem("warning", f"{where}: segment {s.id}: covers no pixel")
        elif s.bbox is not None and _apart(s.bbox, rle.bbox):
            box = ", ".join(f"{v:g}" for v in s.bbox)
            yield Problem("warning", f"{where}: segment {s.id}: bbox: [{box}] does not fit the mask")


def _apart(stated: tuple[float, ...], found: tuple[float, ...]) -> bool:
    """Tell whether two boxes differ by more than 5 pixels on a side: rounding stays below that."""
    a = np.array([stated[0], stated[1], stated[0] + stated[2], stated[1] + stated[3]])
    b = np.array([found[0], found[1], found[0] + found[2], found[1] + found[3]])
    return bool(np.abs(a - b).max() > 5)
