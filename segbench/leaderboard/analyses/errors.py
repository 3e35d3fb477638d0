"""What kinds of errors instances have, and what AP they cost: the six types of TIDE.

Bolya et al., TIDE: A general toolbox for identifying object detection errors, ECCV 2020,
https://arxiv.org/abs/2008.08115; tidecv 1.0.1. Unlike there, AP50 is COCO's: categories without truth are not
averaged, and predictions that a crowd excuses are no errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.leaderboard.analyses.curves import envelopes
from segbench.leaderboard.analyses.table import Column, share
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.evidence import detection_columns
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Floats, Ints
from segbench.leaderboard.precision import Detections

TITLE = "Errors"
ABOUT = (
    "Why predictions are wrong at IoU 0.5, and what AP50 would gain if that were mended: another class "
    "would be right; the location is off (IoU 0.1 to 0.5); both; a duplicate of a better one; background; "
    "objects that are missed, and not for one of the first two reasons. Gains do not add up."
)
TASKS = frozenset(["instance"])
COLUMNS = (
    Column("category_id", "category"),
    Column("error", "text"),
    Column("count", "count"),
    Column("share", "share"),
    Column("gain", "difference"),
)
TYPES = ("class", "location", "both", "duplicate", "background")
MISSED = "missed"
BACKGROUND = 0.1
"""IoU up to which a prediction is on no object."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Errors:
    """The detections of a run at one IoU threshold, and what is near each.

    ``near`` holds the columns of :func:`segbench.metrics.instance_near.nearest`.
    """

    found: Detections
    level: int
    threshold: float
    near: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, run: RunTables) -> Errors | None:
        """Those of a run; None where it was scored without ``keep_errors``."""
        found = run.evidence.pooled
        if not isinstance(found, Detections) or not run.settings.get("keep_errors"):
            return None
        level = run.level_at(0.5)
        return cls(found, level, run.settings["iou_thresholds"][level], detection_columns(run.record))

    @cached_property
    def right(self) -> Flags:
        """Which detections take a truth that counts."""
        return self._counted & ((self.found.matched & self._bit) != 0)

    @cached_property
    def types(self) -> dict[str, Flags]:
        """Which detections have each type of error; each has one, as the first of TIDE's tests says."""
        own, other = self.near["own_iou"], self.near["other_iou"]
        tests = {
            "location": (own >= BACKGROUND) & (own <= self.threshold),
            "class": other >= self.threshold,
            "duplicate": own >= self.threshold,
            "background": np.maximum(own, other) <= BACKGROUND,
            "both": np.ones(len(own), np.bool_),
        }
        left, found = self._counted & ~self.right, {}
        for name, test in tests.items():
            found[name], left = left & test, left & ~test
        return {name: found[name] for name in TYPES}

    @cached_property
    def mended(self) -> Flags:
        """Which would be right with another class or place: the best for each truth that none takes."""
        target = self._key(np.where(self.types["class"], self.near["other_truth"], self.near["own_truth"]))
        able = (self.types["class"] | self.types["location"]) & ~np.isin(target, self._taken)
        order = np.lexsort((-self.found.confidences, target))
        order = order[able[order]]
        first = np.ones(len(order), np.bool_)
        first[1:] = target[order][1:] != target[order][:-1]
        flags = np.zeros(len(target), np.bool_)
        flags[order[first]] = True
        return flags

    @cached_property
    def true_classes(self) -> Ints:
        """The category that each detection would have to have: its own but where that is the error."""
        other = self.near["other_category_id"].astype(np.int64)
        return np.where(self.types["class"], other, self.found.categories)

    @cached_property
    def missed(self) -> Ints:
        """Truths of each category that no detection takes, or would if mended: int64 [C] by ``class_ids``."""
        return self.found.truths_of_classes() - self._per_class(self.right | self.mended)

    def ap(self, kept: Flags, right: Flags, fewer: Ints | None = None) -> Floats:
        """AP of each category, float64 [C], when some detections are kept, some are right, truths are fewer.

        NaN where a category is left with neither truth nor detection.
        """
        found, ids = self.found, self.found.class_ids
        truths = found.truths_of_classes() - (0 if fewer is None else fewer)
        bits = np.where(right, self._bit, np.uint64(0))
        categories = np.where(right, self.true_classes, found.categories)
        part = replace(
            found,
            images=found.images[kept],
            categories=categories[kept],
            places=found.places[kept],
            confidences=found.confidences[kept],
            matched=bits[kept],
            ignored=np.zeros(np.count_nonzero(kept), np.uint64),
            truth_images=np.zeros(len(ids), np.int64),
            truth_categories=ids,
            truth_counts=truths,
        )
        result = np.where(np.isin(ids, categories[kept]), 0.0, np.nan)
        result[truths > 0] = envelopes(part, self.level).mean(axis=1)
        return result

    def counts(self, chosen: Flags) -> Ints:
        """How many of these each category has, int64 [C]."""
        return self._per_class(chosen, self.found.categories)

    def _per_class(self, chosen: Flags, categories: Ints | None = None) -> Ints:
        ids = self.found.class_ids
        mine = (self.true_classes if categories is None else categories)[chosen]
        return np.bincount(np.searchsorted(ids, mine[np.isin(mine, ids)]), minlength=len(ids))

    @cached_property
    def _taken(self) -> Ints:
        return self._key(self.near["own_truth"])[self.right]

    def _key(self, truth: NDArray[Any]) -> Ints:
        """One number for each truth of each image."""
        most = max(int(truth.max(initial=0)) for truth in (self.near["own_truth"], self.near["other_truth"]))
        return self.found.images * (most + 1) + truth

    @property
    def _bit(self) -> np.uint64:
        return np.uint64(1 << self.level)

    @property
    def _counted(self) -> Flags:
        return (self.found.ignored & self._bit) == 0


def brief(row: tuple[Any, ...]) -> bool:
    """Those of all categories together."""
    return row[0] is None


def rows(run: RunTables, plan: Plan) -> Iterator[tuple[Any, ...]]:  # noqa: ARG001 - as every analysis
    """Yield a row for each type over all categories, then for each category and type."""
    errors = Errors.of(run)
    if errors is None or not len(errors.found.class_ids):
        return
    counted = errors.right | np.any(list(errors.types.values()), axis=0)
    before = errors.ap(counted, errors.right)
    counts = {name: errors.counts(flags) for name, flags in errors.types.items()} | {MISSED: errors.missed}
    totals = {name: int(flags.sum()) for name, flags in errors.types.items()} | {
        MISSED: int(errors.missed.sum())
    }
    gains = {name: _mended(errors, name, counted) - before for name in counts}
    total, per_class = sum(totals.values()), np.sum(list(counts.values()), axis=0)
    for name, n in totals.items():
        yield None, name, n, share(n / total) if total else None, _gain(gains[name], before)
    for i, category in enumerate(errors.found.class_ids.tolist()):
        for name, column in counts.items():
            of = int(per_class[i])
            yield category, name, int(column[i]), share(column[i] / of) if of else None, share(gains[name][i])


def _mended(errors: Errors, name: str, counted: Flags) -> Floats:
    """AP of each category without the errors of a type."""
    if name == MISSED:
        return errors.ap(counted, errors.right, errors.missed)
    mended = errors.types[name] & errors.mended
    return errors.ap(counted & ~errors.types[name] | mended, errors.right | mended)


def _gain(gains: Floats, before: Floats) -> float | None:
    """The gain of the mean; below 0 it comes of the steps of recall, and is none."""
    return share(max(0.0, float(np.nanmean(gains + before) - before.mean())))
