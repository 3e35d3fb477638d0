"""COCO to VOC by two workers of ours; what stands beside it is the same by one."""

from __future__ import annotations

from tools import OURS, Job, Scores, Tool
from tools.to_png import INSTANCES
from tools.to_voc import inspect_maps


def run_two(job: Job) -> Scores:
    """segbench.convert by two processes."""
    return _convert(job, 2)


def run_one(job: Job) -> Scores:
    """segbench.convert by one."""
    return _convert(job, 1)


def _convert(job: Job, workers: int) -> Scores:
    import segbench

    options = {"target_format": "voc", "allow_loss": True, "workers": workers}
    segbench.convert(job.source / INSTANCES, job.target, **options)
    return {}


TOOLS = {
    OURS: Tool(run_two, "segbench", "segbench", inspect_maps, note="two workers"),
    "one-worker": Tool(run_one, "segbench", "segbench", inspect_maps, note="segbench by one worker"),
}
