"""Samples in the categories of a map of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.maps import mask_dtype
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns
from segbench.reshape import Step
from segbench.reshape.fields import values_of
from segbench.reshape.labels import VOID, Binding, LabelMap, Source, bind
from segbench.reshape.segments import with_segments

Rules = tuple[tuple[Source, int], ...]


def label_step(labels: LabelMap, dataset: Dataset) -> tuple[Step, Binding]:
    """Return the step that gives a data set the categories of a map, and what it was bound to.

    Raises
    ------
    DataError
        As :func:`segbench.reshape.labels.bind`.
    """
    bound = bind(labels, dataset)
    change = Relabel(bound.rules, dataset.categories, bound.categories)
    extra = {key: value for key, value in dataset.extra.items() if key != "category_fields"}
    step = Step(
        "labels",
        "segments of categories that are left out",
        change.count_gone,
        change,
        bound.categories,
        extra,
    )
    return step, bound


@dataclass(frozen=True, slots=True)
class Relabel:
    """Gives a sample other categories.

    Segments of stuff that become of one category in one segment map are one segment then. A category is
    surely absent from an image (``neg_category_ids``) if all that it is made from are; it is not annotated
    exhaustively if one of these is not.
    """

    rules: tuple[Rules, ...]
    before: Categories
    after: Categories

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample in the categories to have."""
        moved = self._semantic(sample) if sample.kind == "semantic" else self._segments(sample)
        return replace(
            moved,
            ignore_index=self.after.ignore_index,
            neg_category_ids=self._listed(sample.neg_category_ids, all),
            not_exhaustive_category_ids=self._listed(sample.not_exhaustive_category_ids, any),
        )

    def count_gone(self, sample: Sample) -> int:
        """Segments that are left out; of a label map, categories whose pixels become void."""
        if sample.kind == "semantic":
            lookup = self._lookup(sample)
            present = sample.mask_runs.ids()
            gone = lookup[present] == self.after.ignore_index
            return int(np.count_nonzero(gone & (present != sample.ignore_index)))
        return sum(target == VOID for _, _, target in self._targets(sample))

    def _semantic(self, sample: Sample) -> Sample:
        lookup = self._lookup(sample)
        return replace(sample, load_mask=_Looked(sample, lookup))

    def _lookup(self, sample: Sample) -> Any:
        void = self.after.ignore_index
        lookup = np.full(65_536, void, mask_dtype(void))
        for category, rules in zip(self.before, self.rules, strict=True):
            if len(rules) > 1:
                raise sample.error(
                    f"{category.name!r} is split by rule, and a label map has no segments to choose from",
                    "labels",
                )
            source, target = rules[0]
            lookup[category.id] = void if target == VOID or source.ignore else target
        return lookup

    def _targets(self, sample: Sample) -> Iterator[tuple[Segment, Source, int]]:
        """Each segment, with the rule that applies to it."""
        asked = frozenset(
            f for rules in self.rules for source, _ in rules if source.where for f in source.where.fields
        )
        values = values_of(sample, self.before, asked) if asked else ({} for _ in sample.segments)
        for segment, known in zip(sample.segments, values, strict=False):
            for source, target in self.rules[segment.category_id]:
                if source.where is None or source.where.holds(known):
                    yield segment, source, target
                    break

    def _segments(self, sample: Sample) -> Sample:
        kept: list[Segment] = []
        ids: dict[int, int] = {}
        stuff: dict[int, int] = {}
        for segment, source, target in self._targets(sample):
            if target == VOID or (source.ignore and sample.kind == "panoptic"):
                ids[segment.id] = 0
            elif sample.kind == "panoptic" and self.after[target].isthing is False and target in stuff:
                at = stuff[target]
                ids[segment.id] = kept[at].id
                kept[at] = replace(kept[at], source_area=None, bbox=None)
            else:
                stuff[target] = len(kept)
                kept.append(replace(segment, category_id=target, ignore=segment.ignore or source.ignore))
        return with_segments(sample, kept, ids)

    def _listed(self, category_ids: tuple[int, ...] | None, quantifier: Any) -> tuple[int, ...] | None:
        if category_ids is None:
            return None
        made_from = [
            [c.id for c in self.before if any(to == target.id for _, to in self.rules[c.id])]
            for target in self.after
        ]
        return tuple(
            target.id
            for target, sources in zip(self.after, made_from, strict=True)
            if sources and quantifier(i in category_ids for i in sources)
        )


@dataclass(frozen=True, slots=True)
class _Looked:
    """Reads a label map through a table."""

    sample: Sample
    lookup: Any

    def __call__(self) -> LabelRuns:
        runs = self.sample.mask_runs
        return runs.renamed(self.lookup[runs.values])
