"""COCOeval, of pycocotools or of its drop-in, run on two files."""

from __future__ import annotations

import contextlib
import io
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval

import segbench.compat.pycocotools.coco
import segbench.compat.pycocotools.cocoeval

Row = dict[str, Any]
Measure = tuple[str] | tuple[str, float]
"""COCOeval's iouType; of boundaries, the dilation ratio too."""
KEYS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
        "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large")  # fmt: skip
ARRAYS = ("precision", "recall", "scores")


class Tool(NamedTuple):
    """Its two classes."""

    coco: Any
    evaluation: Any


PYCOCOTOOLS = Tool(pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval)
DROP_IN = Tool(segbench.compat.pycocotools.coco.COCO, segbench.compat.pycocotools.cocoeval.COCOeval)


class Files(NamedTuple):
    """Truth and results."""

    truth: Path
    results: Path


def evaluate(tool: Tool, files: Files, measure: Measure, params: Row) -> Row:
    """Return the twelve numbers, undefined ones as NaN, curves and IoUs; or the type of what is raised."""
    return outcome(lambda: _evaluate(tool, files, measure, params))


def outcome(call: Callable[[], Row]) -> Row:
    """Return what a call returns, or ``{"error": its type}``."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever the original raises
        return {"error": type(error).__name__}


def _evaluate(tool: Tool, files: Files, measure: Measure, params: Row) -> Row:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # files that boundary-iou-api leaves open
        truth = tool.coco(str(files.truth))
        run = tool.evaluation(truth, _results(tool, truth, files.results), *measure)
        for name, value in params.items():
            setattr(run.params, name, np.array(value) if name.endswith("Thrs") else value)
        run.evaluate()
        run.accumulate()
        numbers = outcome(lambda: _twelve(run))
    arrays = {name: run.eval[name] for name in ARRAYS}
    rows = [arrays["precision"][:, :, k, 0, -1] for k in range(arrays["precision"].shape[2])]
    per_class = [float(np.mean(row[row > -1])) if (row > -1).any() else math.nan for row in rows]
    ious = {f"{key}": np.asarray(found) for key, found in run.ious.items() if np.size(found)}
    return numbers | arrays | {"per class": per_class, "IoU": ious}


def _results(tool: Tool, truth: Any, results: Path) -> Any:
    """Loaded results; of an empty list, which loadRes does not take, a data set without annotations."""
    if json.loads(results.read_bytes()):
        return truth.loadRes(str(results))
    coco = tool.coco()
    coco.dataset = truth.dataset | {"annotations": []}
    coco.createIndex()
    return coco


def _twelve(run: Any) -> Row:
    run.summarize()
    return {key: math.nan if v == -1 else v for key, v in zip(KEYS, run.stats.tolist(), strict=True)}
