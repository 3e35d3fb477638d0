"""Overlap: the segments of one image, and the pixels that the true and the predicted ones share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.kernels import CROWD, IGNORED, STATED, STUFF, SegmentTable
from segbench.metrics.doubts import Doubt
from segbench.metrics.inputs import labels
from segbench.metrics.once import Once

VOID = 0

_Arrays = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels by (truth id, pred id) of one image, and what the ids are.

    Attributes
    ----------
    truths, preds
        Segments by id, in the order given.
    table
        The same as a kernel takes it.
    """

    truths: dict[int, Segment]
    preds: dict[int, Segment]
    table: SegmentTable

    @classmethod
    def of(
        cls,
        pred: tuple[Any, Sequence[Segment]],
        truth: tuple[Any, Sequence[Segment]],
        num_classes: int,
        stuff: Collection[int],
        once: Once,
        *,
        image_id: str | None,
        pred_file: str | None,
        truth_file: str | None,
    ) -> Overlap:
        """Count pixels of ``(segment map, segments)`` pairs; errors as :func:`measure`."""
        names = {"image_id": image_id, "pred_file": pred_file, "truth_file": truth_file}

        def count() -> Overlap:
            pairs = _pixels(pred[0], truth[0], image_id=image_id, file=pred_file)
            return cls.counted(pred[1], truth[1], pairs, num_classes, stuff, **names)

        return once.get(("pairs", num_classes, frozenset(stuff)), count)

    @classmethod
    def counted(
        cls,
        pred: Sequence[Segment],
        truth: Sequence[Segment],
        pairs: NDArray[np.int64],
        num_classes: int,
        stuff: Collection[int],
        *,
        image_id: str | None,
        pred_file: str | None = None,
        truth_file: str | None = None,
    ) -> Overlap:
        """Take pixels that were counted, int64 [3, n]: truth id, pred id, pixels, sorted by the ids."""
        of_truth: dict[str, Any] = {"image_id": image_id, "file": truth_file}
        of_pred: dict[str, Any] = {"image_id": image_id, "file": pred_file}
        truths, preds = _by_id(truth, num_classes, **of_truth), _by_id(pred, num_classes, **of_pred)
        _check_preds(preds, set(pairs[1].tolist()), **of_pred)
        pred_ids, pred_rows, _ = _arrays(preds, stuff, **of_pred)
        return cls(
            truths, preds, SegmentTable(pairs, *_arrays(truths, stuff, **of_truth), pred_ids, pred_rows)
        )

    def doubts(self, truth_pixels: NDArray[np.int64], **where: Any) -> Iterator[Doubt]:
        """What the true map does not bear out, and no prediction at all; ``where`` goes into doubts.

        ``truth_pixels`` are those of the true segments, by rising ids.
        """
        pixels = dict(zip(self.table.truth_ids.tolist(), truth_pixels.tolist(), strict=True))
        truths = self.truths.values()
        empty = [t.id for t in truths if not pixels[t.id]]
        wrong = [t for t in truths if t.source_area not in (None, pixels[t.id]) and pixels[t.id]]
        nameless = set(self.table.pairs[0].tolist()) - self.truths.keys() - {VOID}
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
        missed = 0 if self.preds else sum(not (t.iscrowd or t.ignore) for t in truths)
        if missed:
            yield Doubt(kind="no_prediction", count=missed, **where)


def _pixels(pred: Any, truth: Any, **where: Any) -> NDArray[np.int64]:
    pred, truth = labels(pred, "the predicted segment map"), labels(truth, "the true segment map")
    if pred.shape != truth.shape or len(pred.shape) != 2:
        raise DataError(
            f"the segment map is {pred.shape} ids, that of the truth {truth.shape}; need [H, W]",
            field="segment_map",
            **where,
        )
    try:
        return np.stack(kernels.pair_counts(truth, pred))
    except ValueError as error:
        raise DataError(str(error), field="segment_map", **where) from None


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


def _check_preds(preds: dict[int, Segment], seen: set[int], **where: Any) -> None:
    nameless = seen - preds.keys() - {VOID}
    if nameless:
        raise DataError(
            f"the predicted map holds id {min(nameless)}, which no segment has", field="segments", **where
        )
    absent = next(filterfalse(seen.__contains__, sorted(preds)), None)
    if absent is not None:
        raise DataError(f"predicted segment {absent} has no pixel in its map", field="segment_map", **where)


def _arrays(segments: dict[int, Segment], stuff: Collection[int], **where: Any) -> _Arrays:
    """Ids, rows and stated areas, by rising ids; see :class:`segbench.kernels.SegmentTable`."""
    given = list(segments)
    places = sorted(range(len(given)), key=given.__getitem__)
    ids = [given[place] for place in places]
    ordered = [segments[i] for i in ids]
    rows = places, [s.category_id for s in ordered], [_kind(s, stuff) for s in ordered]
    stated = [0 if s.source_area is None else s.source_area for s in ordered]
    try:
        return np.array(ids, np.int64), np.array(rows, np.int32), np.array(stated, np.float64)
    except OverflowError:
        raise DataError("a segment's id or area is beyond 64 bits", field="segments", **where) from None


def _kind(segment: Segment, stuff: Collection[int]) -> int:
    kind = CROWD * segment.iscrowd | IGNORED * segment.ignore
    return kind | STUFF * (segment.category_id in stuff) | STATED * (segment.source_area is not None)
