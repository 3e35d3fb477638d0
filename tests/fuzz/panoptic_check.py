"""One panoptic case through ``segbench.score``, ``PanopticQuality.update``, the drop-in and panopticapi.

Of boundaries, which have no drop-in, through boundary-iou-api.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import multiprocessing
import os
import warnings
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import panopticapi.evaluation

import segbench
import segbench.compat.panopticapi.evaluation
from fuzz import deviations
from fuzz.boundary_reference import REFERENCE
from fuzz.coco_reference import Row, outcome
from fuzz.compare import Difference, same
from fuzz.pictures import colors, png
from fuzz.spelling import spell
from segbench.metrics import PanopticQuality

THEIRS, OURS = panopticapi.evaluation, segbench.compat.panopticapi.evaluation
GROUPS = (("", None), ("_things", True), ("_stuff", False))
KEYS = ("pq", "sq", "rq")


class Files(NamedTuple):
    """Truth and results."""

    truth: Path
    results: Path


def check(case: Row, folder: Path) -> None:
    """Hold every scorer to the original; where that fails, ours must raise an error of their own.

    Raises
    ------
    Difference
        When one disagrees.
    """
    files = _write(case, folder / "as-is")
    if not case.get("ratio") and case["fault"] not in deviations.REFUSED_BY_DROP_IN:
        same("drop-in", *(_compute(api, files, case["chunks"]) for api in (OURS, THEIRS)))
    changed = deviations.panoptic_memory(case)
    theirs = _reference(case, _write(changed, folder / "memory") if changed else files, case["chunks"])
    if case["fault"] not in ("no prediction", "no picture"):
        _check_ours("memory", lambda: _measured(case), theirs, case["fault"] in deviations.REFUSED_IN_MEMORY)
    changed = deviations.panoptic_files(case)
    theirs = _reference(case, _write(changed, folder / "files") if changed else files, 1)
    _check_ours("files", lambda: _score(case, files), theirs, case["fault"] in deviations.REFUSED_IN_FILES)


def _check_ours(where: str, call: Any, theirs: Row, refused: bool) -> None:
    """Hold numbers equal, or both to fail; where ours refuses what panopticapi takes, it must refuse."""
    try:
        ours = call()
    except segbench.SegbenchError as error:
        if "error" not in theirs and not refused:
            raise Difference(f"{where} refused", str(error)) from None
        return
    if refused or "error" in theirs:
        raise Difference(f"{where} accepted", theirs.get("error", "deviations.py says it is refused"))
    same(where, ours, theirs)


def _write(case: Row, folder: Path) -> Files:
    files = Files(folder / "panoptic_fuzz.json", folder / "panoptic_pred.json")
    rng = Random(case["picture"])
    for path, side in zip(files, ("truth", "results"), strict=True):
        pictures = path.with_suffix("")
        pictures.mkdir(parents=True)
        path.write_text(spell(case[side], case["spelling"]), encoding="utf-8")
        for name, rows in case["maps"][side].items():
            alpha = rng.choice([None, None, None, 0, 255])
            (pictures / name).write_bytes(png(colors(np.array(rows), alpha), rng))
    return files


class _SerialPool:
    """A pool that works at once, in this process, on copies, as another process would."""

    def __init__(self, processes: int) -> None:
        self.processes = processes

    def apply_async(self, function: Any, args: Any) -> Any:
        value = function(*copy.deepcopy(args))
        return SimpleNamespace(get=lambda: value)


@contextlib.contextmanager
def _cores(count: int) -> Any:
    """Let both packages see so many cores, and print nothing."""
    few = SimpleNamespace(cpu_count=lambda: count, Pool=_SerialPool)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))  # tracebacks of what it raises
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(mock.patch.object(multiprocessing, "cpu_count", few.cpu_count))
        for module in (THEIRS, REFERENCE.panoptic):
            stack.enter_context(mock.patch.object(module, "multiprocessing", few))
        warnings.simplefilter("ignore")  # NumPy's: a wrong area divides by zero
        yield


def _compute(api: Any, files: Files, cores: int) -> Row:
    with _cores(cores):
        return outcome(lambda: api.pq_compute(str(files.truth), str(files.results)))


def _reference(case: Row, files: Files, cores: int) -> Row:
    """The numbers of the original, NaN for what does not occur, where it divides by zero; or its error."""
    with _cores(cores):
        return outcome(lambda: _numbers_of_original(files, case.get("ratio")))


def _numbers_of_original(files: Files, ratio: float | None) -> Row:
    truth, results = (json.loads(path.read_bytes()) for path in files)
    categories = {row["id"]: row for row in truth["categories"]}
    preds = {row["image_id"]: row for row in results["annotations"]}
    pairs = [(row, preds[row["image_id"]]) for row in truth["annotations"]]
    folders = [os.fspath(path.with_suffix("")) for path in files]
    if ratio:
        stat = REFERENCE.panoptic.pq_compute_multi_core(pairs, *folders, categories, "boundary", ratio)
    else:
        stat = THEIRS.pq_compute_multi_core(pairs, *folders, categories)
    numbers: Row = {}
    for suffix, isthing in GROUPS:
        means = outcome(lambda isthing=isthing: stat.pq_average(categories, isthing=isthing)[0])
        numbers |= {key + suffix: float(means.get(key, math.nan)) for key in KEYS}
    occurs = {i: stat[i].tp + stat[i].fp + stat[i].fn > 0 for i in categories}
    per_class = stat.pq_average(categories, None)[1] if any(occurs.values()) else {}
    rows = {
        int(i): {key: float(per_class[i][key]) if occurs[i] else math.nan for key in KEYS} for i in categories
    }
    return numbers | {"per class": rows}


def _score(case: Row, files: Files) -> Row:
    named: Row = {} if case["spelling"] is None else {
        "truth_format": "coco-panoptic", "predictions_format": "coco-panoptic"
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", segbench.SegbenchWarning)
        record = segbench.score(files.truth, files.results, **_rules(case), threads=1, **named)
    source = {row["id"]: int(row["source_id"]) for row in record.dataset["categories"]}
    values = {key: metric.value for key, metric in record.metrics.items()}
    return _numbers(case, values, record.per_class, source)


def _measured(case: Row) -> Row:
    """The same through PanopticQuality.update, in the order of the truth's annotations."""
    rows = case["truth"]["categories"]
    metric = PanopticQuality(rows, **_rules(case), chunks=case["chunks"])
    preds = {row["image_id"]: row for row in case["results"]["annotations"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", segbench.SegbenchWarning)
        for true in case["truth"]["annotations"]:
            sides = [
                (np.array(case["maps"][side][row["file_name"]], np.int32), row["segments_info"])
                for side, row in (("results", preds[true["image_id"]]), ("truth", true))
            ]
            metric.update(*sides)
        scores = metric.compute()
    return _numbers(case, scores, scores.class_rows, {i: row["id"] for i, row in enumerate(rows)})


def _rules(case: Row) -> Row:
    if case.get("ratio"):
        return {"protocol": "boundary-pq", "settings": {"dilation_ratio": case["ratio"]}}
    return {"protocol": "panopticapi"}


def _numbers(case: Row, values: Any, per_class: list[Row], source: dict[int, int]) -> Row:
    """Our numbers by the names of the original."""
    prefix = "boundary_" if case.get("ratio") else ""
    numbers = {key + suffix: values[prefix + key + suffix] for suffix, _ in GROUPS for key in KEYS}
    rows = {source[row["category_id"]]: {key: row[prefix + key] for key in KEYS} for row in per_class}
    return numbers | {"per class": rows}
