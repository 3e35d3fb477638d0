"""The scorers of boundary-iou-api 37d2558 restated: every mask is eroded, every pair compared as masks."""

from __future__ import annotations

import math
from collections import Counter

import naive
import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.cocoeval import COCOeval


def edge(mask, ratio):
    """What of a mask is within so much of the image's diagonal of its outside."""
    return naive.mask_boundary(mask, max(1, round(ratio * math.hypot(*mask.shape)))).astype(bool)


class BoundaryEval(COCOeval):
    """COCOeval whose IoU is the lesser of masks and boundaries, but with crowds that of masks.

    Truth with an ``ignore`` of its own is ignored.
    """

    def __init__(self, truth, results, iou_type, dilation_ratio):
        assert iou_type == "boundary"
        super().__init__(truth, results, "segm")
        self.ratio, self.own = dilation_ratio, {i: row.get("ignore", 0) for i, row in truth.anns.items()}

    def _prepare(self):
        super()._prepare()
        for rows in self._gts.values():
            for row in rows:
                row["ignore"] = int(bool(self.own[row["id"]] or row["iscrowd"]))

    def computeIoU(self, imgId, catId):  # noqa: N802, N803 - COCOeval's names
        found = super().computeIoU(imgId, catId)
        keys = [(imgId, c) for c in (self.params.catIds if self.params.useCats == 0 else [catId])]
        truths, preds = ([row for key in keys for row in side[key]] for side in (self._gts, self._dts))
        if not truths or not preds:
            return found
        order = np.argsort([-row["score"] for row in preds], kind="mergesort")[: self.params.maxDets[-1]]
        edges = [
            [edge(coco_mask.decode(row["segmentation"]), self.ratio) for row in rows]
            for rows in (truths, [preds[i] for i in order])
        ]
        for d, pred in enumerate(edges[1]):
            for g, true in enumerate(edges[0]):
                if not truths[g]["iscrowd"]:
                    found[d, g] = min(found[d, g], naive.mask_iou(pred, true, False))
        return found


def boundary_pq(images, ratio, inside):
    """Sum of IoU, and tp, fp and fn, of each category; ``inside`` is what insides of segments get as id.

    Images are pairs of (map, rows of segments): the prediction, and the truth with its areas.
    """
    sums, counts = Counter(), {what: Counter() for what in ("tp", "fp", "fn")}
    for (pred_map, preds), (truth_map, truths) in images:
        matches = list(_matches_of(pred_map, preds, truth_map, truths, ratio, inside))
        category = {row["id"]: row["category_id"] for row in truths}
        for t, _, iou in matches:
            sums[category[t]] += iou
            counts["tp"][category[t]] += 1
        missed = [row for row in truths if row["id"] not in [t for t, _, _ in matches]]
        crowds = {row["category_id"]: row["id"] for row in missed if row.get("iscrowd")}
        counts["fn"].update(row["category_id"] for row in missed if not row.get("iscrowd"))
        for row in preds:
            unscored = np.isin(truth_map, [0, crowds.get(row["category_id"], 0)])
            wrong = row["id"] not in [p for _, p, _ in matches]
            counts["fp"][row["category_id"]] += wrong and not unscored[pred_map == row["id"]].mean() > 0.5
    return sums, counts


def _matches_of(pred_map, preds, truth_map, truths, ratio, inside):
    """(truth id, pred id, IoU) of the pairs that match, every pair compared as masks."""
    true_edges, true_areas = _edges_of(truth_map, truths, ratio, inside)
    pred_edges, pred_areas = _edges_of(pred_map, preds, ratio, inside)
    true_rows, pred_rows = ({row["id"]: row for row in rows} for rows in (truths, preds))
    for t, p in sorted(set(zip(truth_map.ravel().tolist(), pred_map.ravel().tolist(), strict=True))):
        true, pred = true_rows.get(t), pred_rows.get(p)
        if not true or not pred or true.get("iscrowd") or true["category_id"] != pred["category_id"]:
            continue
        iou = min(
            _iou_of(t, p, (truth_map, pred_map), true["area"], np.count_nonzero(pred_map == p)),
            _iou_of(t, p, (true_edges, pred_edges), true_areas[t], pred_areas[p]),
        )
        if iou > 0.5:
            yield t, p, iou


def _edges_of(ids, rows, ratio, inside):
    """One mask after another loses its inside to one id, which may be that of a later segment."""
    out, areas = ids.copy(), {}
    for row in rows:
        mask = out == row["id"]
        on_edge = edge(mask, ratio)
        out[mask] = inside
        out[on_edge] = row["id"]
        areas[row["id"]] = np.count_nonzero(on_edge)
    return out, areas


def _iou_of(t, p, maps, true_area, pred_area):
    common, void = (np.count_nonzero((maps[0] == i) & (maps[1] == p)) for i in (t, 0))
    union = pred_area + true_area - common - void
    return common / union if union else math.inf
