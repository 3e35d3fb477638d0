"""Boundary IoU from two folders of PNG label maps; the case names the number of categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.boundary_masks import RATIO, boundary
from tools.semantic import IGNORE, _pairs


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    import segbench

    record = segbench.score(job.source / "truth", job.source / "pred", protocol="boundary-iou", threads=1)
    return {"miou": record.metrics["boundary_miou"].value}


def run_scipy(job: Job) -> Scores:
    """A mask a category, its boundary by SciPy."""
    return _pooled(job, boundary)


def run_boundary_iou_api(job: Job) -> Scores:
    """A mask a category, its boundary by the reference's mask_to_boundary."""
    import numpy as np
    from boundary_iou.utils.boundary_utils import mask_to_boundary

    return _pooled(job, lambda mask: mask_to_boundary(mask.astype(np.uint8), RATIO))


def _pooled(job: Job, boundary_of: Callable[[Any], Any]) -> Scores:
    import numpy as np

    counts = np.zeros((int(job.argument), 2), np.int64)
    for truth, pred in _pairs(job):
        scored = truth != IGNORE
        for c in np.union1d(truth[scored], pred[scored]).tolist():
            t, p = boundary_of((truth == c) & scored) > 0, boundary_of((pred == c) & scored) > 0
            counts[c] += np.count_nonzero(t & p), np.count_nonzero(t | p)
    seen = counts[counts[:, 1] > 0]
    return {"miou": float(np.mean(seen[:, 0] / seen[:, 1]))}


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "scipy": Tool(
        run_scipy, "scipy", "scipy", note="SciPy's distance transform, category by category", rounds=1
    ),
    "boundary-iou-api": Tool(
        run_boundary_iou_api,
        "boundary_iou",
        "boundary-iou",
        note="its mask_to_boundary, by category",
        rounds=1,
    ),
}
