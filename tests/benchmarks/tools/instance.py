"""Mask AP from files: ``truth.json`` and the results that the case names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tools import OURS, Job, Scores, Tool

KEYS = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    return score_segbench(job, threads=1)


def score_segbench(job: Job, threads: int) -> Scores:
    """Score the files on so many threads."""
    import segbench

    record = segbench.score(job.source / "truth.json", job.source / job.argument, threads=threads)
    values = {key: record.metrics[key].value for key in KEYS}
    return {key: None if math.isnan(value) else value for key, value in values.items()}


def run_pycocotools(job: Job) -> Scores:
    """The reference."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _coco_api(job, COCO, COCOeval)


def run_faster_coco_eval(job: Job) -> Scores:
    """faster-coco-eval's own evaluator."""
    from faster_coco_eval import COCO, COCOeval_faster

    return _coco_api(job, COCO, COCOeval_faster)


def run_hotcoco(job: Job) -> Scores:
    """hotcoco by the names of pycocotools."""
    from hotcoco import COCO, COCOeval

    return _coco_api(job, COCO, COCOeval)


def run_ultrafast_pycocotools(job: Job) -> Scores:
    """ultrafast-pycocotools by the names of pycocotools."""
    from ultrafast_pycocotools import COCO, COCOeval

    return _coco_api(job, COCO, COCOeval)


def run_vernier(job: Job) -> Scores:
    """vernier from the bytes of the files."""
    from vernier.instance import CocoDataset, Evaluator, Segm

    truth = CocoDataset.from_json((job.source / "truth.json").read_bytes())
    summary = Evaluator(iou=Segm()).evaluate(truth, (job.source / job.argument).read_bytes(), num_threads=1)
    return _named(summary.stats)


def _coco_api(job: Job, coco: Any, evaluator: Any) -> Scores:
    truth = coco(str(job.source / "truth.json"))
    evaluation = evaluator(truth, truth.loadRes(str(job.source / job.argument)), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return _named(evaluation.stats)


def _named(stats: Iterable[float]) -> Scores:
    """Give the twelve numbers of COCO their names; -1 is undefined."""
    return {key: None if value == -1 else float(value) for key, value in zip(KEYS, stats, strict=False)}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "pycocotools": Tool(run_pycocotools, "pycocotools", "pycocotools", rounds=1),
    "faster-coco-eval": Tool(run_faster_coco_eval, "faster_coco_eval", "faster-coco-eval", rounds=1),
    "hotcoco": Tool(run_hotcoco, "hotcoco", "hotcoco"),
    "ultrafast-pycocotools": Tool(
        run_ultrafast_pycocotools, "ultrafast_pycocotools", "ultrafast-pycocotools"
    ),
    "vernier": Tool(run_vernier, "vernier", "vernier"),
}
