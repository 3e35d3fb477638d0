"""Maps whose values hold a label of Cityscapes' table, and perhaps an object: read and written.

Such are Cityscapes' own, KITTI's and KITTI-STEP's, which differ in how label and object are one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import map_losses
from segbench.formats.cityscapes_labels import NO_TRAIN_ID, UNLABELED, Chosen, Label
from segbench.formats.flatten import Flat, flatten
from segbench.formats.value_maps import ZERO_ID, Meaning, Numbering
from segbench.kernels import LabelRuns


@dataclass(frozen=True, slots=True)
class LabelReader:
    """What the values of a map mean.

    Attributes
    ----------
    kind
        Name of the map, for messages.
    labels, categories
        The labels, and those of them that are drawn.
    numbering
        How a value holds label and object; None where it is a label alone.
    scored_only
        Labels that no evaluation looks at are ignored.
    void
        Value of what nothing is said of; None where that is a label like any other.
    """

    kind: str
    labels: tuple[Label, ...]
    categories: Categories
    numbering: Numbering | None
    scored_only: bool
    void: int | None = UNLABELED

    def meaning(self, where: dict[str, Any], value: int) -> Meaning | None:
        """Return what a value of label and object means.

        Raises
        ------
        DataError
            When it names no label.
        """
        if value == self.void or self.numbering is None:
            return None
        key, number = self.numbering.parts(value)
        category = self.categories.find(key)
        if category is None:
            raise DataError(f"has the value {value}, which names no label", field=self.kind, **where)
        label = next(label for label in self.labels if label.id == key)
        return Meaning(
            category.id,
            iscrowd=label.is_thing and number is None,
            ignore=label.ignored and self.scored_only,
        )

    def mask(self, runs: LabelRuns, where: dict[str, Any]) -> LabelRuns:
        """Return the dense ids of a map of labels, or of train ids.

        Raises
        ------
        DataError
            When a value names no label.
        """
        ignore = self.categories.ignore_index
        table = np.full(65_536, -1, np.int32)
        if self.void is not None:
            table[self.void] = ignore
        for category in self.categories:
            table[category.key] = category.id
        if self.void == NO_TRAIN_ID:
            table[NO_TRAIN_ID] = ignore
        elif self.scored_only:
            table[[label.id for label in self.labels if label.ignored and label.id >= 0]] = ignore
        unknown = runs.first_unknown(table >= 0)
        if unknown is not None:
            raise DataError(f"has the value {unknown}, which names no label", field=self.kind, **where)
        return runs.renamed(table[runs.values].astype(self.categories.mask_dtype))


def _own_id(segment: Segment, _: int) -> int:
    return segment.id


@dataclass(frozen=True, slots=True)
class LabelWriter:
    """Which value each segment is given, and what is lost by it.

    Attributes
    ----------
    labels_of
        The labels that a data set is written with.
    numbering
        How a value holds label and object.
    wanted
        The value that a segment of a label is given where it says what it should and is free; its id.
    """

    labels_of: Callable[[Categories], Chosen]
    numbering: Numbering
    wanted: Callable[[Segment, int], int] = _own_id

    def label(self, chosen: Chosen, segment: Segment) -> Label | None:
        """Return the label of a segment; None for void: ignore regions of labels that are looked at."""
        label = chosen.labels[segment.category_id]
        if label is None or label.id < 0 or (segment.ignore and not label.ignored):
            return None
        return label

    def values(self, flat: Flat, chosen: Chosen) -> list[int | None]:
        """Return the value of each segment; objects for which there is no number join their label."""
        rows: list[tuple[int, int | None, bool]] = []
        for segment in flat.segments:
            label = self.label(chosen, segment)
            key = None if label is None else label.id
            wanted = segment.id if key is None else self.wanted(segment, key)
            is_thing = label is not None and label.is_thing
            numbered = key is not None and self.numbering.says(wanted, key)
            rows.append((wanted, key, not segment.iscrowd and (is_thing or numbered)))
        given = self.numbering.give(rows)
        return [
            value if value is not None or key is None else self.numbering.bare_value(key)
            for value, (_, key, _) in zip(given, rows, strict=True)
        ]

    def losses(self) -> dict[str, Any]:
        """Return ``LOSES`` of the format."""
        return {
            "instances": self._instances,
            "ids": self._ids,
            "ignore": self._counted(lambda s, label: s.ignore != label.ignored),
            "crowd": self._counted(lambda s, label: s.iscrowd and not label.is_thing),
            "isthing": self._isthing,
            "wide_ids": self._without_label,
            "category_ids": self._renumbered,
            "category_fields": self._fields,
        }

    @map_losses.once
    def plan(self, sample: Sample, categories: Categories) -> map_losses.Plan:
        """Return how a sample is to be written, its values as the ids with which they are read."""
        flat = flatten(sample)
        values = self.values(flat, self.labels_of(categories))
        objects = [v is not None and self.numbering.parts(v)[1] is not None for v in values]
        return map_losses.Plan(flat, [ZERO_ID if v == 0 else v for v in values], objects)

    def _instances(self, sample: Sample, categories: Categories) -> int:
        labels = self.labels_of(categories).labels

        def is_object(category_id: int) -> bool:
            label = labels[category_id]
            return label is not None and label.is_thing

        return 0 if sample.kind == "semantic" else map_losses.lost(self.plan(sample, categories), is_object)

    def _ids(self, sample: Sample, categories: Categories) -> int:
        return 0 if sample.kind == "semantic" else map_losses.renumbered(self.plan(sample, categories))

    def _counted(self, differs: Callable[[Segment, Label], bool]) -> Any:
        """Count the segments that have a label, and of which this holds."""

        def count(sample: Sample, categories: Categories) -> int:
            labels = self.labels_of(categories).labels
            pairs = ((s, labels[s.category_id]) for s in sample.segments)
            return sum(label is not None and differs(s, label) for s, label in pairs)

        return count

    def _isthing(self, sample: Sample, categories: Categories) -> int:
        labels = self.labels_of(categories).labels
        pairs = ((categories[s.category_id].isthing, labels[s.category_id]) for s in sample.segments)
        return sum(label is not None and said is (not label.is_thing) for said, label in pairs)

    def _pairs(self, dataset: Dataset) -> Sequence[tuple[Category, Label | None]]:
        return list(zip(dataset.categories, self.labels_of(dataset.categories).labels, strict=True))

    def _without_label(self, dataset: Dataset) -> list[str]:
        return [c.name for c, label in self._pairs(dataset) if label is None or label.id < 0]

    def _renumbered(self, dataset: Dataset) -> list[str]:
        return [f"{c.name} is {c.key}" for c, x in self._pairs(dataset) if x is not None and x.id != c.key]

    def _fields(self, dataset: Dataset) -> list[str]:
        """Categories of which more is said than a label holds, or something else."""
        others = dataset.extra.get("category_fields", {})
        pairs = self._pairs(dataset)
        return [c.name for c, label in pairs if others.get(str(c.key)) or not _is_said(c, label)]


def _is_said(category: Category, label: Label | None) -> bool:
    if category.synset or category.frequency:
        return False
    return label is None or (category.color in (None, label.color) and category.parent in (None, label.group))
