"""Matching: the true and predicted segments of one image, by their overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.sample import Segment
from segbench.metrics.confused import EMPTY, confused_pairs
from segbench.metrics.doubts import Doubt
from segbench.metrics.once import Once
from segbench.metrics.panoptic_boundary import Edges
from segbench.metrics.panoptic_overlap import Overlap
from segbench.metrics.panoptic_rules import PANOPTICAPI, PanopticRules


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
        ``(segment map, segments)``: integers [H, W] with 0 for void, and what its ids are; or one
        :class:`CountedPairs` for both maps, where no boundaries are measured.
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
    names = {"image_id": image_id, "pred_file": pred_file, "truth_file": truth_file}
    table = Overlap.of(pred, truth, num_classes, rules, once or Once(), **names)
    doubts = tuple(table.doubts(image_id=image_id, index=index))
    table = table.by_rules(stuff)
    loose = stuff if rules.stuff == "overlap" else ()
    pairs: Iterable[tuple[Segment, Segment, float]] = table.pairs()
    if rules.dilation_ratio is not None:
        if inside in table.truths or inside in table.preds:
            doubts += (Doubt(kind="inside_id", count=1, image_id=image_id, index=index, detail=f"{inside}"),)
        edges = Edges.of((pred[0], table.preds), (truth[0], table.truths), rules.dilation_ratio, inside)
        pairs = ((t, p, min(iou, edges.iou(t.id, p.id))) for t, p, iou in pairs)
    mistaken = list(table.mistaken())
    matches = [(t, p, iou) for t, p, iou in pairs if iou > 0.5 or t.category_id in loose]
    tp, fp, fn = _counts(table, matches, loose)
    if rules.void_images == "skipped" and all(t.ignore for t in table.truths.values()):
        matches, mistaken, tp, fp, fn = [], [], Counter(), Counter(), Counter()
    return PanopticStats(
        image_id=image_id,
        index=index,
        match_category_ids=np.array([t.category_id for t, _, _ in matches], np.int32),
        match_ious=np.array([iou for _, _, iou in matches], np.float64),
        confused=confused_pairs(mistaken),
        doubts=doubts,
        **_columns(tp=tp, fp=fp, fn=fn),
    )


def _counts(
    table: Overlap, matches: Sequence[tuple[Segment, Segment, float]], loose: Collection[int]
) -> tuple[Counter[int], Counter[int], Counter[int]]:
    """Segments of each category: tp, fp and fn; of the categories in ``loose``, the true ones as tp."""
    matched_truths, matched_preds = {t.id for t, _, _ in matches}, {p.id for _, p, _ in matches}
    unmatched = [t for t in table.truths.values() if t.id not in matched_truths and not t.ignore]
    crowds = {t.category_id: t.id for t in unmatched if t.iscrowd}
    counted = [t for t in table.truths.values() if not (t.iscrowd or t.ignore)]
    tp = Counter(t.category_id for t, _, _ in matches if t.category_id not in loose)
    tp += Counter(t.category_id for t in counted if t.category_id in loose)
    fn = Counter(t.category_id for t in unmatched if table.missed(t) and t.category_id not in loose)
    fp = Counter(
        p.category_id
        for p in table.preds.values()
        if p.id not in matched_preds
        and p.category_id not in loose
        and not table.mostly_unscored(p, crowds.get(p.category_id))
    )
    return tp, fp, fn


def _columns(**counts: Counter[int]) -> dict[str, Any]:
    """Arrays of the categories that occur and of their counts."""
    ids = sorted(set().union(*counts.values()))
    columns = {name: np.array([count[i] for i in ids], np.int64) for name, count in counts.items()}
    return {"category_ids": np.array(ids, np.int32), **columns}
