"""Matching: predictions and truth of one image, category by category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError, UsageError
from segbench.metrics.doubts import Doubt
from segbench.metrics.instance_near import Near, nearest
from segbench.metrics.instance_regions import shape_iou

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.metrics.ap_rules import Rules
    from segbench.metrics.federated import Federation
    from segbench.metrics.instance_regions import Regions


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class InstanceStats:
    """The scored predictions of one image and how many truths count.

    Attributes
    ----------
    image_id, index
        Its id and its position in the truth's data set.
    category_ids
        int32 [C]: the categories that occur.
    truths
        int64 [A, C]: truths that count in each area range.
    pred_category_ids, ranks, scores
        int32, int32 and float64 [N]: predictions by category, then falling score; rank 0 is its best.
    matched, ignored
        uint64 [A, N]: bit t says so at IoU threshold t.
    positions
        int64 [N]: ids of the predictions, which are their places in a file of results; kept where a protocol
        limits how many of a category count in all.
    near
        What is near each prediction, where ``rules.keep_errors``: see :mod:`segbench.metrics.instance_near`.
    doubts
        What a reader of the score should know.
    """

    image_id: str
    index: int | None
    category_ids: NDArray[np.int32]
    truths: NDArray[np.int64]
    pred_category_ids: NDArray[np.int32]
    ranks: NDArray[np.int32]
    scores: NDArray[np.float64]
    matched: NDArray[np.uint64]
    ignored: NDArray[np.uint64]
    positions: NDArray[np.int64] | None = None
    near: Near | None = None
    doubts: tuple[Doubt, ...] = ()


def measure(
    pred: Regions,
    truth: Regions,
    num_classes: int,
    rules: Rules,
    *,
    size: tuple[int, int],
    image_id: str,
    index: int | None = None,
    federation: Federation | None = None,
) -> InstanceStats:
    """Match the predictions of one image, category by category, for every area range and IoU threshold.

    Predictions go by falling score (stably), cut at the largest of ``max_detections``. Crowds and truth
    outside an area range are ignored: what they match is neither right nor wrong, and so is an unmatched
    prediction outside the range. As in COCOeval, the truth's own ``ignore`` does not count (where boundaries
    are measured, it does), and a match with annotation id 0 is none. Predictions of unknown categories are
    left out, with a warning.

    With a federation (LVIS), truth to be ignored is what the truth says so of, and a crowd is truth like any
    other; truth and predictions without an area do not count, nor do predictions of categories that the image
    says nothing of; unmatched predictions of categories that are not exhaustive are ignored.

    Parameters
    ----------
    pred, truth
        Their shapes are masks or boxes, as ``rules.iou_type`` says.
    num_classes
        Category ids are 0..num_classes-1.
    rules
        Thresholds, area ranges and limits.
    size
        Height and width of the image in pixels.
    image_id, index
        Kept in the stats; the id is named in errors.
    federation
        What the image says of whole categories, where ``rules.federated``.

    Raises
    ------
    DataError
        When the truth has an unknown category, or a mask is malformed.

    Notes
    -----
    ``COCOeval.computeIoU`` and ``evaluateImg`` of pycocotools 2.0.11 (Lin et al., Microsoft COCO, ECCV 2014),
    and ``LVISEval`` of lvis 0.5.3 (Gupta et al., LVIS, CVPR 2019); with boundaries, ``COCOeval`` of
    boundary-iou-api (Cheng et al., Boundary IoU, CVPR 2021).
    """
    known = known_categories(pred, truth, num_classes, image_id)
    unknown = len(pred) - len(known)
    truth = truth.take(np.argsort(truth.category_ids, kind="stable"))
    flagged = truth.iscrowd if rules.dilation_ratio is None else truth.iscrowd | truth.ignore
    if federation is not None:
        truth = federation.truth(truth)
        flagged = truth.ignore
    pred, ranks, counted = _scored(pred, truth, known, rules, federation)
    ignore = flagged | rules.outside(truth.areas)
    partner = np.full((len(ignore), len(rules.iou_thresholds), len(pred)), -1, np.int32)
    try:
        partner[:, :, counted] = _partners(pred.take(np.flatnonzero(counted)), truth, ignore, rules, size)
    except ValueError as error:
        raise DataError(str(error), image_id=image_id, field="segmentation") from None
    spared = rules.outside(pred.areas)
    if federation is not None:
        spared = spared | federation.excused(pred) | ~counted
    matched, ignored = _flags(partner, ignore, truth, spared)
    category_ids = np.union1d(pred.category_ids, truth.category_ids)
    return InstanceStats(
        image_id=image_id,
        index=index,
        category_ids=category_ids.astype(np.int32),
        truths=(~ignore).astype(np.int64) @ (truth.category_ids[:, None] == category_ids).astype(np.int64),
        pred_category_ids=pred.category_ids.astype(np.int32),
        ranks=ranks,
        scores=pred.scores,
        matched=matched,
        ignored=ignored,
        positions=pred.ids if rules.limited_by == "category" else None,
        near=nearest(pred, truth, ignore[0], partner[0], rules=rules, size=size)
        if rules.keep_errors
        else None,
        doubts=tuple(_doubts(pred, truth, rules, (unknown, len(known)), image_id=image_id, index=index)),
    )


def known_categories(pred: Regions, truth: Regions, num_classes: int, image_id: str) -> NDArray[np.intp]:
    """Positions of the predictions of known categories; the truth must have no others."""
    unknown = (truth.category_ids < 0) | (truth.category_ids >= num_classes)
    if unknown.any():
        first = truth.category_ids[unknown][0]
        raise DataError(f"the truth has unknown category {first}", image_id=image_id, field="category_id")
    return np.flatnonzero((pred.category_ids >= 0) & (pred.category_ids < num_classes))


def _doubts(
    pred: Regions, truth: Regions, rules: Rules, given: tuple[int, int], **where: Any
) -> Iterator[Doubt]:
    """What to know of predictions that are scored, of the truth, and of those given, unknown and known."""
    unknown, known = given
    if unknown:
        yield Doubt(kind="unknown_category", count=unknown, **where)
    if id_0 := int((truth.ids == 0).sum()):
        yield Doubt(kind="id_0", count=id_0, **where)
    moved = (rules.outside(pred.areas) != rules.outside(pred.mask_areas)).any(axis=0)
    if moved.any():
        yield Doubt(kind="box_area", count=int(moved.sum()), of=len(pred), **where)
    if not known and (missed := int((~truth.iscrowd).sum())):
        yield Doubt(kind="no_prediction", count=missed, **where)


def _scored(
    pred: Regions, truth: Regions, known: NDArray[np.intp], rules: Rules, federation: Federation | None
) -> tuple[Regions, NDArray[np.int32], NDArray[np.bool_]]:
    """The predictions within the limit, by category and falling score, their ranks, and which of them count.

    Those that do not count are dropped, unless the limit is over all images and may count them.
    """
    best, ranks = _best(pred, known, rules)
    pred = pred.take(best)
    if federation is None:
        return pred, ranks, np.ones(len(pred), np.bool_)
    counted = federation.counted(pred, truth)
    if rules.limited_by == "category":
        return pred, ranks, counted
    return pred.take(np.flatnonzero(counted)), ranks[counted], counted[counted]


def _best(pred: Regions, known: NDArray[np.intp], rules: Rules) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Positions of the predictions within the limit, by category and falling score, and their ranks."""
    order = known[np.lexsort((-pred.scores[known], pred.category_ids[known]))]
    if rules.limited_by == "image":
        ranks = np.empty(len(pred), np.int64)
        ranks[np.argsort(-pred.scores, kind="stable")] = np.arange(len(pred))
        ranks = ranks[order]
    else:
        category_ids = pred.category_ids[order]
        ranks = np.arange(len(order)) - np.searchsorted(category_ids, category_ids)
    kept = ranks < (len(pred) if rules.limited_by == "category" else rules.max_detections[-1])
    return order[kept], ranks[kept].astype(np.int32)


def _partners(
    pred: Regions, truth: Regions, ignore: NDArray[np.bool_], rules: Rules, size: tuple[int, int]
) -> NDArray[np.int32]:
    """Position of the truth that each prediction takes, or -1: int32 [A, T, D]; both sorted by category."""
    partner = np.full((len(ignore), len(rules.iou_thresholds), len(pred)), -1, np.int32)
    shared = np.intersect1d(pred.category_ids, truth.category_ids)
    preds = np.searchsorted(pred.category_ids, [shared, shared + 1]).T.tolist()
    truths = np.searchsorted(truth.category_ids, [shared, shared + 1]).T.tolist()
    for (d0, d1), (g0, g1) in zip(preds, truths, strict=True):
        crowd = truth.iscrowd[g0:g1]
        iou = shape_iou(pred.shapes[d0:d1], truth.shapes[g0:g1], crowd, size, rules.dilation_ratio)
        found, _ = kernels.match(iou, ignore[:, g0:g1], crowd, rules.iou_thresholds)
        partner[:, :, d0:d1] = np.where(found < 0, -1, found + g0)
    return partner


def _flags(
    partner: NDArray[np.int32], ignore: NDArray[np.bool_], truth: Regions, outside: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Bits of the predictions that are matched, and of those that are ignored: uint64 [A, D] each."""
    last = np.append(truth.ids, 0)  # position -1, no partner, reads the entry appended
    areas = np.arange(len(ignore))[:, None, None]
    matched = last[partner] != 0
    ignored = np.pad(ignore, [(0, 0), (0, 1)])[areas, partner]
    return bits(matched), bits(ignored | (~matched & outside[:, None, :]))


def bits(flags: NDArray[Any]) -> NDArray[np.uint64]:
    """Pack flags [A, T, D] into uint64 [A, D]: bit t is threshold t."""
    shifts = np.arange(flags.shape[1], dtype=np.uint64)[None, :, None]
    bits: NDArray[np.uint64] = np.bitwise_or.reduce(flags.astype(np.uint64) << shifts, axis=1)
    return bits


def image_columns(stats: InstanceStats | None, labels: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns of ``images.parquet`` for one image (None: one that failed); ``labels`` are area ranges."""
    truths = np.empty((len(labels), 0), np.int64) if stats is None else stats.truths
    return {
        "category_ids": np.empty(0, np.int32) if stats is None else stats.category_ids,
        **{f"truths_{label}": truths[a] for a, label in enumerate(labels)},
    }


def detection_columns(stats: InstanceStats, labels: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns of ``detections.parquet`` for one image, by category and falling score.

    Raises
    ------
    UsageError
        When the image was measured without its ``index``.
    """
    if stats.index is None:
        raise UsageError(f"image {stats.image_id} was measured without its index in the data set")
    rows: dict[str, NDArray[Any]] = {
        "image_index": np.full(len(stats.scores), stats.index, np.int64),
        "category_id": stats.pred_category_ids,
        "rank": stats.ranks,
        "score": stats.scores,
        **({} if stats.positions is None else {"position": stats.positions}),
        **(stats.near or {}),
    }
    for a, label in enumerate(labels):
        rows |= {f"matched_{label}": stats.matched[a], f"ignored_{label}": stats.ignored[a]}
    return rows


def read_tables(images: pa.Table, detections: pa.Table, labels: Sequence[str]) -> Iterator[InstanceStats]:
    """Yield the stats of every image in a run record's tables; ``labels`` are the area ranges, in order."""
    columns = {name: detections[name].to_numpy() for name in detections.column_names}
    order = np.argsort(columns["image_index"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    matched, ignored = (np.stack([columns[f"{flag}_{a}"] for a in labels]) for flag in ("matched", "ignored"))
    for row in images.select(
        ["image_id", "index", "category_ids", *(f"truths_{a}" for a in labels)]
    ).to_pylist():
        lo, hi = np.searchsorted(columns["image_index"], [row["index"], row["index"] + 1]).tolist()
        yield InstanceStats(
            image_id=row["image_id"],
            index=row["index"],
            category_ids=np.array(row["category_ids"], np.int32),
            truths=np.array([row[f"truths_{a}"] for a in labels], np.int64),
            pred_category_ids=columns["category_id"][lo:hi],
            ranks=columns["rank"][lo:hi],
            scores=columns["score"][lo:hi],
            matched=matched[:, lo:hi],
            ignored=ignored[:, lo:hi],
            positions=columns["position"][lo:hi] if "position" in columns else None,
        )
