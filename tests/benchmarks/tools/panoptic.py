"""PQ from ``truth.json`` and ``pred.json`` and the PNGs in the folders of these names."""

from __future__ import annotations

import json
from typing import Any

from tools import OURS, Job, Scores, Tool

GROUPS = {"": "All", "_things": "Things", "_stuff": "Stuff"}
KEYS = ("pq", "sq", "rq")


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    import segbench

    record = segbench.score(job.source / "truth.json", job.source / "pred.json", task="panoptic", threads=1)
    return {key + suffix: record.metrics[key + suffix].value for suffix in GROUPS for key in KEYS}


def run_panopticapi(job: Job) -> Scores:
    """The reference, as its pq_compute, on one core."""
    from panopticapi.evaluation import pq_compute_single_core

    truth, pred = _read(job)
    categories = {row["id"]: row for row in truth["categories"]}
    by_image = {row["image_id"]: row for row in pred["annotations"]}
    pairs = [(row, by_image[row["image_id"]]) for row in truth["annotations"]]
    folders = str(job.source / "truth"), str(job.source / "pred")
    stats = pq_compute_single_core(0, pairs, *folders, categories)
    chosen = {"All": None, "Things": True, "Stuff": False}
    return _named({name: stats.pq_average(categories, isthing)[0] for name, isthing in chosen.items()})


def run_hotcoco(job: Job) -> Scores:
    """hotcoco by the name of panopticapi."""
    from hotcoco.panoptic import pq_compute

    return _named(pq_compute(str(job.source / "truth.json"), str(job.source / "pred.json")))


def run_vernier(job: Job) -> Scores:
    """vernier on maps that its own reader decodes."""
    from vernier.panoptic import Dataset, Evaluator, Predictions, decode_label_map_png

    truth, pred = _read(job)
    sides = []
    for name, content in (("truth", truth), ("pred", pred)):
        rows = content["annotations"]
        maps = {row["image_id"]: decode_label_map_png(job.source / name / row["file_name"]) for row in rows}
        segments = {row["image_id"]: row["segments_info"] for row in rows}
        sides.append((maps, json.dumps(segments).encode()))
    dataset = Dataset.from_arrays(*sides[0], json.dumps(truth["categories"]).encode())
    summary = Evaluator().evaluate(dataset, Predictions.from_arrays(*sides[1]), num_threads=1)
    return {key + suffix: getattr(summary, key + suffix) for suffix in GROUPS for key in KEYS}


def _read(job: Job) -> tuple[Any, Any]:
    truth, pred = (json.loads((job.source / f"{side}.json").read_text()) for side in ("truth", "pred"))
    return truth, pred


def _named(results: Any) -> Scores:
    return {key + suffix: float(results[name][key]) for suffix, name in GROUPS.items() for key in KEYS}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "panopticapi": Tool(
        run_panopticapi, "panopticapi", "panopticapi-lite", note="pq_compute_single_core", rounds=1
    ),
    "hotcoco": Tool(run_hotcoco, "hotcoco", "hotcoco"),
    "vernier": Tool(run_vernier, "vernier", "vernier", rounds=1),
}
