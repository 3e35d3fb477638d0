"""Overlap: the pixels that true and predicted segments of one image share, and what rules make of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segbench import kernels
from segbench.canonical.sample import Segment
from segbench.errors import DataError
from segbench.metrics.doubts import Doubt
from segbench.metrics.inputs import labels
from segbench.metrics.once import Once
from segbench.metrics.panoptic_rules import PanopticRules

VOID = 0


@dataclass(frozen=True, slots=True)
class CountedPairs:
    """The pixels of two segment maps, counted already: it stands for either map.

    ``pixels`` is ``{(truth id, pred id): pixels}``, sorted; pairs without pixels are left out.
    """

    pixels: dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels by (truth id, pred id) of one image, and what the ids are.

    Attributes
    ----------
    truths, preds
        Segments by id, in the order given.
    pixels
        ``{(truth id, pred id): pixels}``, sorted; pairs without pixels are left out.
    truth_pixels, pred_pixels
        ``{id: pixels}``.
    void
        ``{pred id: pixels of it on truth id 0 or on segments that are never scored}``.
    rules
        Those of the protocol.
    """

    truths: dict[int, Segment]
    preds: dict[int, Segment]
    pixels: dict[tuple[int, int], int]
    truth_pixels: Counter[int]
    pred_pixels: Counter[int]
    void: Counter[int]
    rules: PanopticRules

    @classmethod
    def of(
        cls,
        pred: tuple[Any, Sequence[Segment]],
        truth: tuple[Any, Sequence[Segment]],
        num_classes: int,
        rules: PanopticRules,
        once: Once,
        *,
        image_id: str | None,
        pred_file: str | None,
        truth_file: str | None,
    ) -> Overlap:
        """Count pixels of ``(segment map, segments)`` pairs; errors as :func:`measure`."""
        where: dict[str, Any] = {"image_id": image_id, "file": pred_file}

        def count() -> tuple[dict[int, Segment], dict[int, Segment], dict[tuple[int, int], int]]:
            truths = _by_id(truth[1], num_classes, image_id=image_id, file=truth_file)
            preds = _by_id(pred[1], num_classes, **where)
            return truths, preds, _pixels(pred[0], truth[0], **where)

        table = cls.counted(*once.get(("pairs", num_classes), count), rules)
        table._check_preds(**where)
        return table

    @classmethod
    def counted(
        cls,
        truths: dict[int, Segment],
        preds: dict[int, Segment],
        pixels: dict[tuple[int, int], int],
        rules: PanopticRules,
    ) -> Overlap:
        """Add up pixels by segment."""
        by_truth: dict[int, int] = {}
        by_pred: dict[int, int] = {}
        void: dict[int, int] = {}
        unscored = {VOID, *(i for i, s in truths.items() if s.ignore)}
        for (t, p), n in pixels.items():
            by_truth[t] = by_truth.get(t, 0) + n
            by_pred[p] = by_pred.get(p, 0) + n
            if t in unscored or (rules.pred_void and t not in truths):
                void[p] = void.get(p, 0) + n
        return cls(truths, preds, pixels, Counter(by_truth), Counter(by_pred), Counter(void), rules)

    def by_rules(self, stuff: Collection[int]) -> Overlap:
        """Turn crowds, stuff and empty segments into what the rules make of them."""
        rules, truths, preds = self.rules, self.truths, self.preds
        truth_ids: dict[int, int] = {}
        pred_ids: dict[int, int] = {}
        if rules.crowds == "void":
            truths = {i: replace(s, ignore=s.ignore or s.iscrowd, iscrowd=False) for i, s in truths.items()}
            pred_ids = {i: VOID for i, s in preds.items() if s.iscrowd}
        elif rules.crowds == "ordinary":
            truths = {i: replace(s, iscrowd=False) for i, s in truths.items()}
        if rules.pred_void:
            truths = {i: s for i, s in truths.items() if self.truth_pixels[i]}
        if rules.merge_stuff:
            truth_ids |= _merged(truths, stuff)
            pred_ids |= _merged(preds, stuff)
        if not truth_ids and not pred_ids and truths is self.truths:
            return self
        pixels = Counter[tuple[int, int]]()
        for (t, p), n in self.pixels.items():
            pixels[truth_ids.get(t, t), pred_ids.get(p, p)] += n
        truths = {i: s for i, s in truths.items() if truth_ids.get(i, i) == i}
        preds = {i: s for i, s in preds.items() if pred_ids.get(i, i) == i}
        return Overlap.counted(truths, preds, dict(sorted(pixels.items())), rules)

    def _check_preds(self, **where: Any) -> None:
        nameless = self.pred_pixels.keys() - self.preds.keys() - {VOID}
        if nameless:
            raise DataError(
                f"the predicted map holds id {min(nameless)}, which no segment has", field="segments", **where
            )
        absent = self.preds.keys() - self.pred_pixels.keys()
        if absent:
            raise DataError(
                f"predicted segment {min(absent)} has no pixel in its map", field="segment_map", **where
            )

    def pairs(self) -> Iterator[tuple[Segment, Segment, float]]:
        """Yield (truth, pred, IoU) of every pair that could match, in order of their ids."""
        for truth, pred, common in self._meeting():
            if truth.category_id == pred.category_id:
                yield truth, pred, self._iou(truth, pred, common)

    def mistaken(self) -> Iterator[tuple[int, int]]:
        """Yield the two categories of every pair that would match if they were the same."""
        for truth, pred, common in self._meeting():
            half = self.truth_pixels[truth.id] < 2 * common  # else IoU cannot be above 0.5
            if half and truth.category_id != pred.category_id and self._iou(truth, pred, common) > 0.5:
                yield truth.category_id, pred.category_id

    def _meeting(self) -> Iterator[tuple[Segment, Segment, int]]:
        """Yield every true segment that may match with each prediction on it, and their common pixels."""
        preds = self.preds
        matchable = {i: s for i, s in self.truths.items() if not (s.iscrowd or s.ignore)}
        for (t, p), common in self.pixels.items():
            truth, pred = matchable.get(t), preds.get(p)
            if truth is not None and pred is not None:
                yield truth, pred, common

    def _iou(self, truth: Segment, pred: Segment, common: int) -> float:
        union = self.pred_pixels[pred.id] + self._area(truth) - common - self.void[pred.id]
        return self._ratio(common, union) if union else math.inf

    def _ratio(self, common: int, union: float) -> float:
        return float(np.float32(common) / np.float32(union)) if self.rules.float32 else common / union

    def _area(self, truth: Segment) -> float:
        if self.rules.areas == "stated" and truth.source_area is not None:
            return truth.source_area
        return self.truth_pixels[truth.id] - self._void_of(truth)

    def _void_of(self, truth: Segment) -> int:
        return self.pixels.get((truth.id, VOID), 0) if self.rules.pred_void else 0

    def missed(self, truth: Segment) -> bool:
        """Whether an unmatched true segment is a false negative."""
        if truth.iscrowd or truth.ignore:
            return False
        return self._void_of(truth) <= 0.5 * self.truth_pixels[truth.id]

    def mostly_unscored(self, pred: Segment, crowd_id: int | None) -> bool:
        """Whether more than half of a prediction lies on void and one crowd."""
        unscored = self.void[pred.id]
        if crowd_id is not None:
            unscored += self.pixels.get((crowd_id, pred.id), 0)
        return unscored / self.pred_pixels[pred.id] > 0.5

    def doubts(self, **where: Any) -> Iterator[Doubt]:
        """What the true map does not bear out, and no prediction at all; ``where`` goes into doubts."""
        pixels, truths = self.truth_pixels, self.truths.values()
        empty = [t.id for t in truths if not pixels[t.id]]
        wrong = [t for t in truths if t.source_area not in (None, pixels[t.id]) and pixels[t.id]]
        nameless = pixels.keys() - self.truths.keys() - {VOID}
        missed = sum(not (t.iscrowd or t.ignore) for t in truths)
        if empty:
            yield Doubt(
                kind="empty_truth", count=len(empty), of=len(truths), detail=f"id {empty[0]}", **where
            )
        if wrong:
            first = wrong[0]
            detail = f"segment {first.id} states {first.source_area:g} and has {pixels[first.id]}"
            yield Doubt(kind="stated_area", count=len(wrong), of=len(truths), detail=detail, **where)
        if nameless:
            yield Doubt(kind="nameless", count=len(nameless), detail=f"id {min(nameless)}", **where)
        if missed and not self.preds:
            yield Doubt(kind="no_prediction", count=missed, **where)


def _pixels(pred: Any, truth: Any, **where: Any) -> dict[tuple[int, int], int]:
    if isinstance(truth, CountedPairs):
        return truth.pixels
    pred, truth = labels(pred, "the predicted segment map"), labels(truth, "the true segment map")
    if pred.shape != truth.shape or len(pred.shape) != 2:
        raise DataError(
            f"the segment map is {pred.shape} ids, that of the truth {truth.shape}; need [H, W]",
            field="segment_map",
            **where,
        )
    try:
        truth_ids, pred_ids, counts = (column.tolist() for column in kernels.pair_counts(truth, pred))
    except ValueError as error:
        raise DataError(str(error), field="segment_map", **where) from None
    return dict(zip(zip(truth_ids, pred_ids, strict=True), counts, strict=True))


def _by_id(segments: Sequence[Segment], num_classes: int, **where: Any) -> dict[int, Segment]:
    found: dict[int, Segment] = {}
    for segment in segments:
        if segment.id in found:
            raise DataError(f"segment id {segment.id} stands twice", field="segments", **where)
        if not 0 <= segment.category_id < num_classes:
            raise DataError(
                f"segment {segment.id} has unknown category {segment.category_id}",
                field="category_id",
                **where,
            )
        found[segment.id] = segment
    return found


def _merged(segments: dict[int, Segment], stuff: Collection[int]) -> dict[int, int]:
    """The id that stands for each segment of stuff: the first of its category."""
    first: dict[int, int] = {}
    return {
        i: first.setdefault(s.category_id, i)
        for i, s in segments.items()
        if s.category_id in stuff and not s.ignore
    }
