"""What a format cannot carry, counted on the data set that is to be written in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical import maps
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.conversions.lost_ids import Naming, naming_of
from segbench.formats import FEATURES, SELDOM_LOST
from segbench.reshape import Step, apply

Counter = Callable[[Sample, Categories], int]
Lister = Callable[[Dataset], list[str]]
GRAVE = frozenset(
    {"stuff", "instances", "overlap", "holes", "parts", "crowd", "ignore", "ids", "wide_ids"}
)  # fmt: skip
"""Losses of pixels, instances or ids: refused unless allowed."""

IMAGE_IDS, SPLITS = "image_ids", "splits"
"""Features that :mod:`segbench.conversions.lost_ids` counts, the former alone: by the names of all images."""

_EXAMPLES = 3
_WITHIN = {"ids": ("repeated_ids",), "instances": ("polygons", "stated"), "overlap": ("stacking",)}
"""What is not told apart where the whole is lost."""
_KEPT_APART = {"category_fields", "string_ids", "split_extra", "url_names"}
"""Keys of ``Dataset.extra`` that say how the source is written, or have a feature of their own."""


@dataclass
class Loss:
    """What one feature loses: how often, on how many images, the first of them.

    ``images`` is 0 where the data set loses it as a whole, and the examples are names then.
    """

    feature: str
    meaning: str
    count: int = 0
    images: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def grave(self) -> bool:
        """Whether pixels, instances or ids are lost."""
        return self.feature in GRAVE

    def add(self, image_id: str, count: int, more: str = "") -> None:
        """Count the loss of one image; an example has ``more`` to say of it."""
        if count:
            self.count += count
            self.images += 1
            if self.images <= _EXAMPLES:
                self.examples.append(f"image {image_id}{more}")

    def add_names(self, names: list[str]) -> None:
        """Count the loss of something of the data set as a whole."""
        self.count += len(names)
        self.examples += names[:_EXAMPLES]

    def __str__(self) -> str:
        more = ", …" if max(self.images, self.count * (not self.images)) > _EXAMPLES else ""
        return f"{self.meaning}: {self.count} ({', '.join(self.examples)}{more})"


class Counting:
    """What of each sample is counted; it can be sent to another process.

    Parameters
    ----------
    categories
        Those of the data set.
    module
        The format: see :mod:`segbench.formats`.
    wanted
        Features that are counted though the format carries them.
    """

    def __init__(self, categories: Categories, module: Any, wanted: frozenset[str] = frozenset()) -> None:
        self._given = categories, module.__name__, wanted
        exact: Mapping[str, Any] = getattr(module, "LOSES", {})
        lacking = FEATURES.keys() - module.CARRIES - SELDOM_LOST
        lacking -= {part for whole, parts in _WITHIN.items() if whole in lacking for part in parts}
        self.counters: dict[str, Any] = {f: c for f, c in COUNTERS.items() if f in lacking | wanted} | {
            f: c for f, c in exact.items() if f not in LISTERS
        }
        self.listers: dict[str, Lister] = {f: list_ for f, list_ in LISTERS.items() if f in lacking} | {
            f: c for f, c in exact.items() if f in LISTERS
        }

    def __reduce__(self) -> Any:
        return _counting, self._given

    def look(self, sample: Sample) -> list[Any]:
        """Return what is to be counted of a sample, for each feature: values of JSON."""
        categories = self._given[0]
        return [
            count(sample, categories) if not hasattr(count, "look") else count.look(sample)
            for count in self.counters.values()
        ]


def _counting(categories: Categories, module: str, wanted: frozenset[str]) -> Counting:
    return Counting(categories, import_module(module), wanted)


class LossCount:
    """Counts, sample by sample, what a format loses of a data set.

    Parameters
    ----------
    dataset
        What is to be written.
    counting
        What is counted.
    """

    def __init__(self, dataset: Dataset, counting: Counting) -> None:
        self._counters = counting.counters
        self._losses = {feature: Loss(feature, meaning) for feature, meaning in FEATURES.items()}
        for feature, names in counting.listers.items():
            self._losses[feature].add_names(names(dataset))
        self.start_split()

    def __bool__(self) -> bool:
        """Whether samples have to be looked at."""
        return bool(self._counters)

    @property
    def losses(self) -> list[Loss]:
        """What was lost, in the order of ``FEATURES``."""
        return [loss for loss in self._losses.values() if loss.count]

    def start_split(self) -> None:
        """Forget, in counters that are classes, the samples of the split before."""
        self._each = [
            (self._losses[feature], counter() if isinstance(counter, type) else None)
            for feature, counter in self._counters.items()
        ]

    def add_named(self, naming: Naming, image_ids: Sequence[str], names: Sequence[str]) -> None:
        """Count image ids and splits that are read as others, by the names of all samples."""
        for image_id, read in naming.lost(image_ids, names):
            self._losses[IMAGE_IDS].add(image_id, 1, f" as {read}")
        self._losses[SPLITS].add_names(naming.lost_splits(names))

    def add(self, image_id: str, seen: Sequence[Any]) -> None:
        """Count one sample, by what :meth:`Counting.look` saw of it."""
        for (loss, counter), found in zip(self._each, seen, strict=True):
            loss.add(image_id, found if counter is None else counter.count(found))


@dataclass(kw_only=True)
class Findings:
    """What was found when every sample was looked at.

    Attributes
    ----------
    losses
        What the format cannot carry of the data set as it is to be written.
    changes
        What the steps change, counted before they do.
    told
        What else there is to say of what they found.
    refused
        Of the features that were to be refused, those that the data set has.
    n_segments
        Segments to be written; 0 where no sample had to be looked at.
    """

    losses: list[Loss]
    changes: list[Loss]
    refused: list[Loss]
    told: list[Loss] = field(default_factory=list)
    n_segments: int = 0


def find_losses(
    dataset: Dataset,
    module: ModuleType,
    steps: Sequence[Step] = (),
    refused: frozenset[str] = frozenset(),
    pen: Pen = PLAIN,
) -> Findings:
    """Count what a format would lose of a data set, after the steps that change it.

    Parameters
    ----------
    dataset
        The data set before the steps.
    module
        The format to write.
    steps
        What was asked for, and what is done and told in any case.
    refused
        Features that must not occur, whether or not the format carries them.
    pen
        What samples are looked at with; it writes nothing.
    """
    after = apply(dataset, steps)
    counting = Counting(after.categories, module, refused)
    count, naming = LossCount(after, counting), naming_of(after, module)
    changes = [Loss(step.feature, step.meaning) for step in steps]
    found = Findings(losses=[], changes=changes, refused=[])
    looked_at = bool(count or steps or naming)
    rows = pen.each(dataset, _Look(counting, tuple(steps), naming)) if looked_at else iter(())
    ids, names = iter(dataset.image_ids), list[str]()
    for n_images in dataset.splits.values() if looked_at else ():
        count.start_split()
        for image_id, (n_segments, changed, seen, name) in zip(islice(ids, n_images), rows, strict=False):
            found.n_segments += n_segments
            for change, n in zip(changes, changed, strict=True):
                change.add(image_id, n)
            count.add(image_id, seen)
            names.append(name)
    pen.end()
    if naming is not None:
        count.add_named(naming, dataset.image_ids, names)
    found.refused = [loss for loss in count.losses if loss.feature in refused]
    carried = refused & module.CARRIES - getattr(module, "LOSES", {}).keys()
    found.losses = [loss for loss in count.losses if loss.feature not in carried]
    counted = [(step, change) for step, change in zip(steps, changes, strict=True) if change.count]
    found.changes = [change for step, change in counted if not step.told]
    found.told = [change for step, change in counted if step.told]
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """Looks at a sample before each step and after all: segments, what steps change, counts, its name."""

    counting: Counting
    steps: tuple[Step, ...]
    naming: Naming | None

    def __call__(self, index: int, sample: Sample) -> tuple[int, list[int], list[Any], str | None]:
        changed = []
        for step in self.steps:
            changed.append(step.count(sample))
            sample = step.change(sample)
        name = None if self.naming is None else self.naming.name(index, sample)
        return len(sample.segments), changed, self.counting.look(sample), name


class RepeatedIds:
    """Counts segments whose id an earlier segment of the split has."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    @staticmethod
    def look(sample: Sample) -> list[int]:
        """Return the ids of a sample."""
        return [s.id for s in sample.segments]

    def count(self, ids: Sequence[int]) -> int:
        """Return how many of these ids stood already."""
        before = len(self._seen)
        self._seen.update(ids)
        return len(ids) - (len(self._seen) - before)


def drawn(sample: Sample) -> Iterator[Rle]:
    """Yield the masks of a sample's segments; a semantic sample has none."""
    size = sample.height, sample.width
    if sample.kind == "panoptic":
        ids = np.array([s.id for s in sample.segments], np.int64)
        yield from (Rle(*size, counts) for counts in kernels.segment_rles(sample.segment_map, ids))
        return
    try:
        yield from (rle for s in sample.segments if (rle := s.to_rle(*size)) is not None)
    except ValueError as error:
        raise sample.error(str(error), "segments") from None


def _stuff(sample: Sample, categories: Categories) -> int:
    if sample.kind == "semantic":
        return 1
    return sum(categories[s.category_id].isthing is False for s in sample.segments)


def _overlap(sample: Sample, _: Categories) -> int:
    """Pixels that several segments cover, counted once for each but the first."""
    size = sample.height, sample.width
    masks = [rle.counts for rle in drawn(sample)] if sample.overlap else []
    if len(masks) < 2:
        return 0
    union = kernels.rle_merge(masks, *size)
    areas, _boxes = kernels.rle_measure([*masks, union], *size)
    return int(areas[:-1].sum() - areas[-1])


def _stacking(sample: Sample, _: Categories) -> int:
    """Pixels of which another segment is seen where the smaller one lies on top, as where nothing is said."""
    if sample.kind != "instance" or sample.overlap_policy == maps.OVERLAP_POLICY or len(sample.segments) < 2:
        return 0
    usual = maps.places_of_segments(sample.segments, sample.height, sample.width)
    return int(np.count_nonzero(usual.to_map() != sample.places.to_map()))


def _holes(sample: Sample, _: Categories) -> int:
    masks = [rle.counts for rle in drawn(sample)]
    return int(np.count_nonzero(kernels.rle_topology(masks, sample.height, sample.width)[1]))


def _parts(sample: Sample, _: Categories) -> int:
    masks = [rle.counts for rle in drawn(sample)]
    return int(np.count_nonzero(kernels.rle_topology(masks, sample.height, sample.width)[0] > 1))


def _ignored(sample: Sample, _: Categories) -> int:
    if sample.kind == "semantic":
        return int((sample.mask == sample.ignore_index).any())
    return sum(s.ignore for s in sample.segments)


def _isthing(sample: Sample, categories: Categories) -> int:
    return sum(categories[s.category_id].isthing is not None for s in sample.segments)


def _stated(sample: Sample, _: Categories) -> int:
    return sum(s.source_area is not None or s.bbox is not None for s in sample.segments)


def _tracks(sample: Sample, _: Categories) -> int:
    in_video = (sample.video_id, sample.frame) != (None, None)
    return sum(s.track_id is not None for s in sample.segments) or int(in_video)


def _federated(sample: Sample, _: Categories) -> int:
    return int((sample.neg_category_ids, sample.not_exhaustive_category_ids) != (None, None))


COUNTERS: dict[str, Any] = {
    "stuff": _stuff,
    "instances": lambda sample, _: len(sample.segments),
    "overlap": _overlap,
    "stacking": _stacking,
    "holes": _holes,
    "parts": _parts,
    "polygons": lambda sample, _: sum(s.polygons is not None for s in sample.segments),
    "crowd": lambda sample, _: sum(s.iscrowd for s in sample.segments),
    "ignore": _ignored,
    "void": lambda *_: 0,
    "ids": lambda sample, _: len(sample.segments),
    "repeated_ids": RepeatedIds,
    "isthing": _isthing,
    "stated": _stated,
    "scores": lambda sample, _: sum(s.score is not None for s in sample.segments),
    "attributes": lambda sample, _: sum(bool(s.attributes) for s in sample.segments),
    "tracks": _tracks,
    "federated": _federated,
    "extra": lambda sample, _: int(bool(sample.extra)),
    "images": lambda sample, _: int(sample.image_file is not None),
}
"""How often a sample has a feature; a class where counting needs memory of the samples before.

Void is lost where a format says so: where background is a class."""


def _category_ids(dataset: Dataset) -> list[str]:
    return [f"{c.name} is {c.key}" for c in dataset.categories if c.key != c.id]


def _category_fields(dataset: Dataset) -> list[str]:
    others = dataset.extra.get("category_fields", {})
    return [
        c.name
        for c in dataset.categories
        if c.color or c.parent or c.synset or c.frequency or others.get(str(c.key))
    ]


LISTERS: dict[str, Lister] = {
    "category_ids": _category_ids,
    "category_fields": _category_fields,
    "wide_ids": lambda dataset: [c.name for c in dataset.categories[255:]],
    "splits": lambda dataset: list(dataset.splits) if len(dataset.splits) > 1 else [],
    "about": lambda dataset: [key for key in dataset.extra if key not in _KEPT_APART],
}
"""What a data set as a whole has of a feature, by name.

Each feature but ``IMAGE_IDS`` is here or in ``COUNTERS``.
"""
