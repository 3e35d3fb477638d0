"""mIoU from two folders of PNG label maps; the case names the number of categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tools import OURS, Job, Scores, Tool

IGNORE = 255
KEYS = ("miou", "mean_accuracy", "pixel_accuracy")


def run_segbench(job: Job) -> Scores:
    """segbench.score."""
    import segbench

    record = segbench.score(job.source / "truth", job.source / "pred", threads=1)
    return {key: record.metrics[key].value for key in KEYS}


def run_numpy(job: Job) -> Scores:
    """As mmsegmentation: three histograms an image, of the pixels that are not ignored."""
    return histograms(_pairs(job), int(job.argument))


def histograms(pairs: Iterable[tuple[Any, Any]], n: int) -> Scores:
    """The three histograms of pairs of maps with n categories, and their scores."""
    import numpy as np

    both, truths, preds = np.zeros(n), np.zeros(n), np.zeros(n)
    for truth, pred in pairs:
        scored = truth != IGNORE
        truth, pred = truth[scored], pred[scored]  # noqa: PLW2901 - as the original reads
        both += np.bincount(pred[pred == truth], minlength=n)
        preds += np.bincount(pred, minlength=n)
        truths += np.bincount(truth, minlength=n)
    with np.errstate(invalid="ignore"):
        return {
            "miou": float(np.nanmean(both / (truths + preds - both))),
            "mean_accuracy": float(np.nanmean(both / truths)),
            "pixel_accuracy": float(both.sum() / truths.sum()),
        }


def run_hotcoco(job: Job) -> Scores:
    """hotcoco on the folders."""
    from hotcoco.semantic import METRIC_NAMES, SemanticEval

    evaluation = SemanticEval(int(job.argument), ignore_index=IGNORE)
    evaluation.update_folders(job.source / "truth", job.source / "pred")
    found = dict(zip(METRIC_NAMES, evaluation.stats, strict=True))
    return {"miou": found["mIoU"], "mean_accuracy": found["mAcc"], "pixel_accuracy": found["aAcc"]}


def run_vernier(job: Job) -> Scores:
    """vernier on the files."""
    from vernier.semantic import Evaluator

    truth, pred = (dict(enumerate(sorted((job.source / side).iterdir()))) for side in ("truth", "pred"))
    summary = Evaluator().evaluate_from_pngs(
        truth, pred, n_classes=int(job.argument), ignore_label=IGNORE, num_threads=1
    )
    return {key: getattr(summary, key) for key in KEYS}


def run_torchmetrics(job: Job) -> Scores:
    """JaccardIndex of torchmetrics, the files read by Pillow."""
    import torch
    from torchmetrics.classification import MulticlassJaccardIndex

    torch.set_num_threads(1)
    metric = MulticlassJaccardIndex(int(job.argument), ignore_index=IGNORE)
    for truth, pred in _pairs(job):
        metric.update(torch.from_numpy(pred).long()[None], torch.from_numpy(truth).long()[None])
    return {"miou": float(metric.compute())}


def _pairs(job: Job) -> Iterator[tuple[Any, Any]]:
    import numpy as np
    from PIL import Image

    for file in sorted((job.source / "truth").iterdir()):
        yield np.array(Image.open(file)), np.array(Image.open(job.source / "pred" / file.name))


TOOLS = {
    OURS: Tool(run_segbench, "segbench", "segbench"),
    "numpy": Tool(run_numpy, "numpy", "numpy", note="histograms and Pillow, as in mmsegmentation", rounds=1),
    "hotcoco": Tool(run_hotcoco, "hotcoco", "hotcoco"),
    "vernier": Tool(run_vernier, "vernier", "vernier"),
    "torchmetrics": Tool(
        run_torchmetrics,
        "torchmetrics",
        "torchmetrics",
        tolerance=1e-6,
        note="in float32, read by Pillow",
        rounds=1,
    ),
}
