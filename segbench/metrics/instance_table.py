"""Matching, a span of many images at a time: tables in, the tallies of all its images out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.metrics.doubts import Doubt
from segbench.metrics.instance_match import InstanceStats

if TYPE_CHECKING:
    from segbench.canonical.instances import InstanceTable
    from segbench.kernels import InstanceTallies
    from segbench.metrics.ap_rules import Rules


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpanStats:
    """What :class:`InstanceStats` is for one image, for neighbouring images of a data set.

    Attributes
    ----------
    image_ids
        Their ids.
    first
        Position of the first of them in the data set.
    tallies
        Their columns.
    doubts
        ``{position: what a reader of the score should know of that image}``, where there is something.
    """

    image_ids: Sequence[str]
    first: int
    tallies: InstanceTallies
    doubts: Mapping[int, tuple[Doubt, ...]]

    def by_image(self) -> Iterator[InstanceStats]:
        """Yield the stats of each image."""
        tallies = self.tallies
        cells, preds = pairwise(tallies.category_starts.tolist()), pairwise(tallies.pred_starts.tolist())
        images = enumerate(self.image_ids, self.first)
        for (index, image_id), (c0, c1), (d0, d1) in zip(images, cells, preds, strict=True):
            yield InstanceStats(
                image_id=image_id,
                index=index,
                category_ids=tallies.category_ids[c0:c1],
                truths=tallies.truths[:, c0:c1],
                pred_category_ids=tallies.pred_category_ids[d0:d1],
                ranks=tallies.ranks[d0:d1],
                scores=tallies.scores[d0:d1],
                matched=tallies.matched[:, d0:d1],
                ignored=tallies.ignored[:, d0:d1],
                doubts=self.doubts.get(index, ()),
            )

    def image_columns(self, labels: Sequence[str]) -> dict[str, tuple[NDArray[np.int64], NDArray[Any]]]:
        """Columns of ``images.parquet``: where each image's list begins, and all lists, joined."""
        tallies = self.tallies
        lists = {"category_ids": tallies.category_ids}
        lists |= {f"truths_{label}": tallies.truths[a] for a, label in enumerate(labels)}
        return {name: (tallies.category_starts, values) for name, values in lists.items()}

    def detection_columns(self, labels: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """Columns of ``detections.parquet``."""
        tallies = self.tallies
        places = np.arange(self.first, self.first + len(self.image_ids))
        columns: dict[str, NDArray[Any]] = {
            "image_index": np.repeat(places, np.diff(tallies.pred_starts)),
            "category_id": tallies.pred_category_ids,
            "rank": tallies.ranks,
            "score": tallies.scores,
        }
        for a, label in enumerate(labels):
            columns |= {f"matched_{label}": tallies.matched[a], f"ignored_{label}": tallies.ignored[a]}
        return columns


def measure_tables(
    pred: InstanceTable,
    truth: InstanceTable,
    image_ids: Sequence[str],
    span: range,
    rules: Rules,
) -> SpanStats:
    """Measure the images of a span as :func:`segbench.metrics.instance_match.measure` does one.

    Parameters
    ----------
    pred, truth
        Tables of the same images.
    image_ids
        Ids of all images.
    span
        Positions of the images.
    rules
        Thresholds, area ranges and limits.

    Raises
    ------
    ValueError
        When a mask is malformed, missing or of another size, or the truth may say what the columns do not
        hold and the rules ask for: measure sample by sample.
    """
    tallies = kernels.measure_instances(
        pred.columns,
        truth.columns,
        (truth.heights, truth.widths),
        span,
        boxes=rules.iou_type == "bbox",
        thresholds=rules.iou_thresholds,
        area_ranges=rules.area_bounds,
        limit=rules.max_detections[-1],
        distances=_distances(truth, span, rules.dilation_ratio),
    )
    return SpanStats(
        image_ids=image_ids[span.start : span.stop],
        first=span.start,
        tallies=tallies,
        doubts=_doubts(truth, tallies, image_ids, span),
    )


def _distances(truth: InstanceTable, span: range, ratio: float | None) -> list[int] | None:
    """Width of boundaries in each image of a span; None where they do not count."""
    if ratio is None:
        return None
    if not truth.partial.isdisjoint(span):
        raise ValueError("a true annotation may have an ignore flag")
    heights, widths = (side[span.start : span.stop].tolist() for side in (truth.heights, truth.widths))
    sizes = list(zip(heights, widths, strict=True))
    known = {(h, w): kernels.boundary_distance(h, w, ratio) for h, w in set(sizes)}
    return [known[size] for size in sizes]


def _doubts(
    truth: InstanceTable, tallies: InstanceTallies, image_ids: Sequence[str], span: range
) -> dict[int, tuple[Doubt, ...]]:
    """What :func:`segbench.metrics.instance_match.measure` doubts, by image."""
    found: dict[int, list[Doubt]] = {}
    preds = np.diff(tallies.pred_starts)
    ids = truth.ids if truth.ids is not None else np.empty(0, np.int64)
    missed = np.where(preds == 0, _count(truth, ~truth.iscrowd, span), 0)
    for kind, counts in (
        ("id_0", _count(truth, ids == 0, span)),
        ("box_area", tallies.moved),
        ("no_prediction", missed),
    ):
        for i in np.flatnonzero(counts).tolist():
            of = int(preds[i]) if kind == "box_area" else 0
            index = span[i]
            doubt = Doubt(kind=kind, count=int(counts[i]), of=of, image_id=image_ids[index], index=index)
            found.setdefault(index, []).append(doubt)
    return {index: tuple(doubts) for index, doubts in found.items()}


def _count(truth: InstanceTable, flags: NDArray[np.bool_], span: range) -> NDArray[np.int64]:
    """How many true annotations of each image of a span have a flag."""
    starts = truth.starts[span.start : span.stop + 1]
    totals = np.concatenate([[0], np.cumsum(flags[truth.rows[starts[0] : starts[-1]]])])
    return np.diff(totals[starts - starts[0]])
