"""mIoU of label maps in memory, in batches and many times over; the case names the number of categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools import OURS, Job, Scores, Tool
from tools.semantic import IGNORE, KEYS, histograms

TIMES, BATCH = 100, 8


def run_segbench(job: Job) -> Scores:
    """MeanIoU, a batch an update."""
    from segbench.metrics import MeanIoU

    metric = MeanIoU(num_classes=int(job.argument), ignore_index=IGNORE)
    for truth, pred in _batches(job):
        metric.update(pred, truth)
    scores = metric.compute()
    return {key: scores[key] for key in KEYS}


def run_hotcoco(job: Job) -> Scores:
    """hotcoco's SemanticEval, an image an update."""
    from hotcoco.semantic import METRIC_NAMES, SemanticEval

    evaluation = SemanticEval(int(job.argument), ignore_index=IGNORE)
    for batch in _batches(job):
        for truth, pred in zip(*batch, strict=True):
            evaluation.update(truth, pred)
    found = dict(zip(METRIC_NAMES, evaluation.stats, strict=True))
    return {"miou": found["mIoU"], "mean_accuracy": found["mAcc"], "pixel_accuracy": found["aAcc"]}


def run_numpy(job: Job) -> Scores:
    """As mmsegmentation, each map once."""
    return histograms(_batches(job, times=1), int(job.argument))


def read_memory(job: Job) -> Scores:
    """Read every pixel once, eight at a time, in vector instructions."""
    import numpy as np

    found = 0
    for batch in _batches(job):
        for side in batch:
            found |= int(np.bitwise_or.reduce(side.reshape(-1).view(np.uint64)))
    return {"bits": float(found)}


def _batches(job: Job, times: int = TIMES) -> Iterator[tuple[Any, Any]]:
    import numpy as np

    truth, pred = (np.load(job.source / f"{side}.npy") for side in ("truth", "pred"))
    for _ in range(times):
        for i in range(0, len(truth), BATCH):
            yield truth[i : i + BATCH], pred[i : i + BATCH]


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "numpy": Tool(
        run_numpy, "numpy", "numpy", note="mmsegmentation's histograms, of each map once only", rounds=1
    ),
    "hotcoco": Tool(run_hotcoco, "hotcoco", "hotcoco"),
    "memory-read": Tool(read_memory, "numpy", "numpy", note="each pixel read once: a floor"),
}
