"""Matching: the true and predicted segments of one image, by their overlap."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.segment import Segment
from segbench.metrics.confused import EMPTY, confused_pairs
from segbench.metrics.doubts import Doubt
from segbench.metrics.once import Once
from segbench.metrics.panoptic_boundary import Edges
from segbench.metrics.panoptic_overlap import Overlap
from segbench.metrics.panoptic_rules import PANOPTICAPI, PanopticRules

if TYPE_CHECKING:
    from segbench.kernels import Device, SegmentMatches


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PanopticStats:
    """Segment counts of one image.

    Attributes
    ----------
    image_id, index
        Its id and its position in the truth's data set.
    category_ids, tp, fp, fn
        int32 and int64 [n]: the categories that occur, and their segments.
    match_category_ids, match_ious
        int32 and float64 [m]: the matched pairs in order of (truth id, pred id).
    confused
        Who is taken for whom, in segments: see :mod:`segbench.metrics.confused`.
    doubts
        What a reader of the score should know.
    """

    image_id: str | None
    index: int | None
    category_ids: NDArray[np.int32]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    match_category_ids: NDArray[np.int32]
    match_ious: NDArray[np.float64]
    confused: dict[str, NDArray[Any]] = field(default_factory=lambda: dict(EMPTY))
    doubts: tuple[Doubt, ...] = ()


def measure(
    pred: tuple[Any, Sequence[Segment]],
    truth: tuple[Any, Sequence[Segment]],
    num_classes: int,
    *,
    rules: PanopticRules = PANOPTICAPI,
    stuff: Collection[int] = (),
    inside: int = -1,
    once: Once | None = None,
    image_id: str | None = None,
    index: int | None = None,
    pred_file: str | None = None,
    truth_file: str | None = None,
) -> PanopticStats:
    """Match the segments of one image.

    A predicted and a true segment of one category match if IoU > 0.5, where the union leaves out what was
    predicted on void. The truth's area is the stated one (``source_area``) where there is one. Crowds match
    nothing and are no false negatives. An unmatched prediction is a false positive unless more than half of
    it lies on void and on the last crowd of its category. The ``rules`` of other protocols change this.

    Parameters
    ----------
    pred, truth
        ``(segment map, segments)``: integers [H, W] with 0 for void, and what its ids are.
    num_classes
        Dense category ids are 0..num_classes-1.
    rules, stuff
        Those of the protocol, and the category ids that are stuff.
    inside
        For boundaries: the id after the largest category's in the source, which the reference gives to what
        is inside segments; -1 to give it none that a segment may have.
    once
        Where the pixel counts are that all protocols read.
    image_id, index, pred_file, truth_file
        Id and index are kept in the stats, id and files are named in errors.

    Raises
    ------
    DataError
        When the sizes differ; a segment id stands twice; a category is unknown; a predicted id is in the map
        but not among the segments, or the other way round.

    Notes
    -----
    ``pq_compute_single_core`` of panopticapi 7bb4655 (Kirillov et al., Panoptic segmentation, CVPR 2019).
    Truth segments with ``ignore`` are void; panopticapi has no such flag.
    """
    where: dict[str, Any] = {"image_id": image_id, "index": index}
    files = {"pred_file": pred_file, "truth_file": truth_file}
    overlap = Overlap.of(pred, truth, num_classes, stuff, once or Once(), image_id=image_id, **files)
    doubts: tuple[Doubt, ...] = ()
    table = overlap.table
    if rules.dilation_ratio is not None:
        if inside in overlap.truths or inside in overlap.preds:
            doubts = (Doubt(kind="inside_id", count=1, detail=f"{inside}", **where),)
        edges = Edges.of((pred[0], overlap.preds), (truth[0], overlap.truths), rules.dilation_ratio, inside)
        table = table._replace(edge_iou=_edge_ious(edges, overlap))
    (found,) = kernels.match_segments([table], rules.bits)
    return _stats(overlap, found, num_classes, doubts, **where)


def measure_on(
    device: Device,
    overlaps: Sequence[Overlap],
    image_ids: Sequence[str | None],
    rules: PanopticRules,
    num_classes: int,
) -> list[PanopticStats]:
    """Match images on a device; the same as :func:`measure` of each."""
    found = kernels.match_segments([overlap.table for overlap in overlaps], rules.bits, device)
    return [
        _stats(overlap, one, num_classes, image_id=name, index=None)
        for overlap, one, name in zip(overlaps, found, image_ids, strict=True)
    ]


def _edge_ious(edges: Edges, overlap: Overlap) -> NDArray[np.float64]:
    """IoU of the boundaries of each pair that could match; of the others infinity, which bounds nothing."""

    def iou(t: int, p: int) -> float:
        truth, pred = overlap.truths.get(t), overlap.preds.get(p)
        if truth is None or pred is None or truth.iscrowd or truth.ignore:
            return math.inf
        return edges.iou(t, p) if truth.category_id == pred.category_id else math.inf

    return np.array([iou(t, p) for t, p in overlap.table.pairs[:2].T.tolist()], np.float64)


def _stats(
    overlap: Overlap,
    found: SegmentMatches,
    num_classes: int,
    doubts: tuple[Doubt, ...] = (),
    *,
    image_id: str | None,
    index: int | None,
) -> PanopticStats:
    truths, preds = overlap.table.truth_rows[1], overlap.table.pred_rows[1]
    times = (truths, found.tp), (preds, found.fp), (truths, found.fn)
    counts = np.array([np.bincount(*one, num_classes) for one in times]).astype(np.int64)
    category_ids = np.flatnonzero(counts.any(axis=0))
    tp, fp, fn = counts[:, category_ids]
    taken = found.truth_categories, found.pred_categories
    same = taken[0] == taken[1]
    return PanopticStats(
        image_id=image_id,
        index=index,
        category_ids=category_ids.astype(np.int32),
        tp=tp,
        fp=fp,
        fn=fn,
        match_category_ids=taken[0][same],
        match_ious=found.ious[same],
        confused=confused_pairs(*taken),
        doubts=(*overlap.doubts(found.truth_pixels, image_id=image_id, index=index), *doubts),
    )
