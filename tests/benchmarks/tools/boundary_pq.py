"""Boundary PQ from ``truth.json`` and ``pred.json`` and the PNGs in the folders of these names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.boundary_masks import RATIO, boundary

ID_END = 1 << 24
"""Ids are below: they have three bytes."""


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    import segbench

    files = job.source / "truth.json", job.source / "pred.json"
    record = segbench.score(*files, protocol="boundary-pq", threads=1)
    return {key: record.metrics[f"boundary_{key}"].value for key in ("pq", "sq", "rq")}


def run_scipy(job: Job) -> Scores:
    """Every pair of overlapping segments compared as masks, their boundaries by SciPy."""
    import numpy as np

    iou, tp, fp, fn = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    for truths, preds, maps in _images(job):
        edges = [_edges(ids, rows) for ids, rows in zip(maps, (truths, preds), strict=True)]
        taken, matched = set(), set()
        for pair in np.unique(maps[0] * ID_END + maps[1]).tolist():
            t, p = divmod(pair, ID_END)
            true, pred = truths.get(t), preds.get(p)
            if not true or not pred or true["iscrowd"] or true["category_id"] != pred["category_id"]:
                continue
            value = min(_iou(t, p, side) for side in (maps, edges))
            if value > 0.5:
                iou[true["category_id"]] += value
                tp[true["category_id"]] += 1
                taken.add(t)
                matched.add(p)
        crowds = {row["category_id"]: i for i, row in truths.items() if row["iscrowd"]}
        fn.update(row["category_id"] for i, row in truths.items() if i not in taken and not row["iscrowd"])
        for p, row in preds.items():
            void = np.isin(maps[0][maps[1] == p], [0, crowds.get(row["category_id"], 0)])
            fp[row["category_id"]] += int(p not in matched and void.mean() <= 0.5)
    seen = sorted(c for c in {*tp, *fp, *fn} if tp[c] + fp[c] + fn[c])
    whole = {c: tp[c] + fp[c] / 2 + fn[c] / 2 for c in seen}
    scores = {
        "pq": [iou[c] / whole[c] for c in seen],
        "sq": [iou[c] / tp[c] if tp[c] else 0.0 for c in seen],
        "rq": [tp[c] / whole[c] for c in seen],
    }
    return {key: float(np.mean(values)) for key, values in scores.items()}


def run_boundary_iou_api(job: Job) -> Scores:
    """The reference, as its pq_compute, on one core."""
    from boundary_iou.coco_panoptic_api.evaluation import pq_compute_single_core

    truth, pred = _read(job)
    categories = {row["id"]: row for row in truth["categories"]}
    by_image = {row["image_id"]: row for row in pred["annotations"]}
    pairs = [(row, by_image[row["image_id"]]) for row in truth["annotations"]]
    folders = str(job.source / "truth"), str(job.source / "pred")
    stats = pq_compute_single_core(0, pairs, *folders, categories, "boundary", RATIO)
    found = stats.pq_average(categories, None)[0]
    return {key: float(found[key]) for key in ("pq", "sq", "rq")}


def _read(job: Job) -> tuple[Any, Any]:
    truth, pred = (json.loads((job.source / f"{side}.json").read_text()) for side in ("truth", "pred"))
    return truth, pred


def _images(job: Job) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Yield the true and predicted segments by id, and both maps."""
    import numpy as np
    from PIL import Image

    truth, pred = _read(job)
    by_image = {row["image_id"]: row for row in pred["annotations"]}
    for row in truth["annotations"]:
        sides = row, by_image[row["image_id"]]
        files = [
            job.source / name / side["file_name"] for name, side in zip(("truth", "pred"), sides, strict=True)
        ]
        maps = [np.array(Image.open(file)).astype(np.int64) @ [1, 256, 65_536] for file in files]
        segments = [{segment["id"]: segment for segment in side["segments_info"]} for side in sides]
        yield segments[0], segments[1], maps


def _edges(ids: Any, segments: Any) -> Any:
    """The map without what is inside segments."""
    import numpy as np

    out = np.where(np.isin(ids, list(segments)), -1, ids)
    for i in segments:
        out[boundary(ids == i) > 0] = i
    return out


def _iou(t: int, p: int, maps: list[Any]) -> float:
    """IoU of two segments less what is predicted on void."""
    true, pred = maps[0] == t, (maps[1] == p) & (maps[0] != 0)
    return float((true & pred).sum() / (true | pred).sum())


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "scipy": Tool(run_scipy, "scipy", "scipy", note="SciPy's distance transform, segment by segment"),
    "boundary-iou-api": Tool(
        run_boundary_iou_api, "boundary_iou", "boundary-iou", note="pq_compute_single_core"
    ),
}
