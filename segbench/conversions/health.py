"""What a data set holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.segment_areas import areas_of

_KINDS = {True: "thing", False: "stuff", None: ""}
Progress = Callable[[Iterator[int]], Iterator[int]]


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
    segment_sizes
        ``{p: segments}`` whose side, the root of their area in pixels, is from 2 to the power p to the next;
        -1 for those without a pixel.
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
    segment_sizes: dict[int, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def _segments(self) -> str:
        """How many segments, unless label maps have none."""
        if self.tasks == ["semantic"] and not self.n_segments:
            return ""
        return f"{self.n_segments} segments ({self.n_crowd} crowd), "

    def __str__(self) -> str:
        sizes = ", ".join(f"{size} ({count})" for size, count in list(self.sizes.items())[:5])
        total = max(1, sum(c["pixels"] for c in self.categories))
        width = max([len(c["name"]) for c in self.categories], default=4)
        return "\n".join(
            [
                f"{self.name}: {self.n_images} images, {self._segments}"
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
        _count_sizes(summary.segment_sizes, sample)
        pixels = np.bincount(sample.mask.ravel(), minlength=n)[:n]
        segments = np.bincount([s.category_id for s in sample.segments], minlength=n)
        counts["pixels"] += pixels
        counts["segments"] += segments
        counts["images"] += (pixels > 0) | (segments > 0)
    summary.segment_sizes = dict(sorted(summary.segment_sizes.items()))
    summary.sizes = dict(sorted(summary.sizes.items(), key=lambda item: -item[1]))
    summary.categories = [
        {"id": c.id, "name": c.name, "source_id": c.key, "isthing": c.isthing}
        | {key: int(values[c.id]) for key, values in counts.items()}
        for c in dataset.categories
    ]
    return summary


def _count_sizes(sizes: dict[int, int], sample: Sample) -> None:
    for area in areas_of(sample) if sample.segments else ():
        if area is not None:
            power = (area.bit_length() - 1) // 2 if area else -1
            sizes[power] = sizes.get(power, 0) + 1
