"""Edges: the pixels that true and predicted segments of one image share on their boundaries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.segment import Segment
from segbench.metrics.inputs import Labels, labels, pixels
from segbench.metrics.panoptic_overlap import VOID

Pairs = dict[tuple[int, int], int]
Areas = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Edges:
    """Boundary pixels of one image by segment.

    Attributes
    ----------
    common
        ``{(truth id, pred id): pixels on the boundary of both}``. Void, and what is never scored, has no
        inside: all of it counts.
    truth, pred
        ``{id: pixels on its boundary}``.
    void
        ``{pred id: pixels on its boundary that lie on void or on segments that are never scored}``.
    """

    common: Pairs
    truth: Areas
    pred: Areas
    void: Counter[int]

    @classmethod
    def of(
        cls,
        pred: tuple[Any, Mapping[int, Segment]],
        truth: tuple[Any, Mapping[int, Segment]],
        ratio: float,
        inside: int,
    ) -> Edges:
        """Find the boundaries of the segments of two maps.

        Parameters
        ----------
        pred, truth
            ``(segment map, segments by id)``: integers [H, W] of one size, or their runs.
        ratio
            Width of boundaries, as a part of the image's diagonal.
        inside
            The id that the reference gives to what is inside segments; see :func:`_one_by_one`. That of void,
            where no category's id is above -1, makes void of it.

        Notes
        -----
        ``pq_compute_single_core`` of boundary-iou-api (Cheng et al., Boundary IoU, CVPR 2021). Category ids
        from 2**24 up, which there may be taken for ids of segments, are not followed.
        """
        truth_map, pred_map = (labels(side[0], "a segment map") for side in (truth, pred))
        named = [i for i, segment in truth[1].items() if not segment.ignore]
        distance = kernels.boundary_distance(truth_map.shape[0], truth_map.shape[1], ratio)
        if inside in {VOID, *named, *pred[1]}:
            true_edges, true_areas = _one_by_one(pixels(truth_map), named, distance, inside)
            pred_edges, pred_areas = _one_by_one(pixels(pred_map), pred[1], distance, inside)
            columns = (column.tolist() for column in kernels.pair_counts(true_edges, pred_edges))
            common = {(t, p): n for t, p, n in zip(*columns, strict=True)}
        else:
            common, true_areas, pred_areas = _at_once(truth_map, pred_map, frozenset(named), distance)
        unscored = {VOID, *truth[1]} - {i for i in named if i != VOID}
        void = Counter[int]()
        for (t, p), n in common.items():
            if t in unscored:
                void[p] += n
        return cls(common, true_areas, pred_areas, void)

    def iou(self, truth_id: int, pred_id: int) -> float:
        """IoU of two boundaries less what was predicted on void; infinite where there is no union."""
        common = self.common.get((truth_id, pred_id), 0)
        union = self.pred[pred_id] + self.truth[truth_id] - common - self.void[pred_id]
        return common / union if union else math.inf


def _at_once(
    truth_map: Labels, pred_map: Labels, named: Collection[int], distance: int
) -> tuple[Pairs, Areas, Areas]:
    common: Pairs = {}
    true_areas, pred_areas = Counter[int](), Counter[int]()
    columns = (column.tolist() for column in kernels.boundary_pairs(truth_map, pred_map, distance))
    for t, p, (_, on_truth, on_pred, on_both) in zip(*columns, strict=True):
        common[t, p] = on_both if t in named else on_pred
        true_areas[t] += on_truth
        pred_areas[p] += on_pred
    return common, true_areas, pred_areas


def _one_by_one(
    segment_map: NDArray[Any], ids: Collection[int], distance: int, inside: int
) -> tuple[NDArray[np.int64], Areas]:
    """Give the inside of each segment, in this order, the id ``inside``, and return the boundaries' pixels.

    If a segment has this id itself, the insides of those before it are part of it when its turn comes, and
    all insides share its id in the end: the reference scores it so.
    """
    out = segment_map.astype(np.int64)
    areas = {}
    for i in ids:
        mask = out == i
        edge = mask & kernels.boundary_map(mask, distance)
        out[mask], out[edge] = inside, i
        areas[i] = int(np.count_nonzero(edge))
    return out, areas
