"""Boundary AP from files: ``truth.json`` and the results that the case names."""

from __future__ import annotations

import math
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.boundary_masks import RATIO, boundary
from tools.instance import KEYS, _named


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    import segbench

    files = job.source / "truth.json", job.source / job.argument
    record = segbench.score(*files, protocol="boundary-ap", threads=1)
    values = {key: record.metrics[f"boundary_{key}"].value for key in KEYS}
    return {key: None if math.isnan(value) else value for key, value in values.items()}


def run_scipy(job: Job) -> Scores:
    """pycocotools, with the IoU of masks or of their boundaries, by SciPy."""
    import numpy as np
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    class Evaluator(COCOeval):
        def computeIoU(self, imgId: Any, catId: Any) -> Any:  # noqa: N802, N803 - COCOeval's names
            found = super().computeIoU(imgId, catId)
            truths, preds = self._gts[imgId, catId], self._dts[imgId, catId]
            if not len(truths) or not len(preds):
                return found
            order = np.argsort([-row["score"] for row in preds], kind="mergesort")[: len(found)]
            rows = [truths, [preds[i] for i in order]]
            masks = [[coco_mask.decode(row["segmentation"]) for row in side] for side in rows]
            edges = [[coco_mask.encode(np.asfortranarray(boundary(m))) for m in side] for side in masks]
            plain = np.array([row["iscrowd"] == 0 for row in truths])
            other = coco_mask.iou(edges[1], edges[0], [0] * len(truths))
            found[:, plain] = np.minimum(found, other)[:, plain]
            return found

    truth = COCO(str(job.source / "truth.json"))
    return _evaluated(Evaluator(truth, truth.loadRes(str(job.source / job.argument)), "segm"))


def run_boundary_iou_api(job: Job) -> Scores:
    """The reference, its boundaries on one core."""
    import numpy as np

    setattr(np, "float", float)  # noqa: B010 - what NumPy had when it was written
    from boundary_iou.coco_instance_api import coco
    from boundary_iou.coco_instance_api.cocoeval import COCOeval
    from boundary_iou.utils.boundary_utils import augment_annotations_with_boundary_single_core as one_core

    coco.augment_annotations_with_boundary_multi_core = lambda rows, to_mask, dilation_ratio: one_core(
        0, rows, to_mask, dilation_ratio
    )
    truth = coco.COCO(str(job.source / "truth.json"), get_boundary=True, dilation_ratio=RATIO)
    return _evaluated(COCOeval(truth, truth.loadRes(str(job.source / job.argument)), "boundary"))


def run_faster_coco_eval(job: Job) -> Scores:
    """faster-coco-eval's own evaluator."""
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(str(job.source / "truth.json"))
    results = truth.loadRes(str(job.source / job.argument))
    return _evaluated(COCOeval_faster(truth, results, "boundary"))


def run_vernier(job: Job) -> Scores:
    """vernier from the bytes of the files."""
    from vernier.instance import Boundary, CocoDataset, Evaluator

    truth = CocoDataset.from_json((job.source / "truth.json").read_bytes())
    results = (job.source / job.argument).read_bytes()
    return _named(Evaluator(iou=Boundary(dilation_ratio=RATIO)).evaluate(truth, results, num_threads=1).stats)


def _evaluated(evaluation: Any) -> Scores:
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return _named(evaluation.stats)


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "scipy": Tool(run_scipy, "scipy", "scipy", note="pycocotools with SciPy's distance transform", rounds=1),
    "boundary-iou-api": Tool(
        run_boundary_iou_api, "boundary_iou", "boundary-iou", note="boundaries on one core", rounds=1
    ),
    "faster-coco-eval": Tool(run_faster_coco_eval, "faster_coco_eval", "faster-coco-eval", rounds=1),
    "vernier": Tool(run_vernier, "vernier", "vernier"),
}
