"""One COCO case through pycocotools, ``segbench.score`` on files, ``MaskAP.update`` and the drop-in."""

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

import segbench
import segbench.compat.pycocotools.coco
import segbench.compat.pycocotools.cocoeval
from fuzz import coco_shapes as shapes
from fuzz import deviations
from fuzz.compare import Difference, same
from fuzz.spelling import spell
from segbench.formats import open_predictions
from segbench.metrics import MaskAP
from segbench.protocols import get_protocol

PROTOCOLS = {"segm": "coco-instance", "bbox": "coco-bbox"}
FORMATS = {"truth_format": "coco", "predictions_format": "coco"}
"""Named, as recognising them reads the keys as they are mostly spelled."""
KEYS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
        "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large")  # fmt: skip
ARRAYS = ("precision", "recall", "scores")


class Tool(NamedTuple):
    """The classes of pycocotools, or of its drop-in."""

    coco: Any
    evaluation: Any


PYCOCOTOOLS = Tool(pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval)
DROP_IN = Tool(segbench.compat.pycocotools.coco.COCO, segbench.compat.pycocotools.cocoeval.COCOeval)
PARAMS = {"maxDets": "max_detections", "iouThrs": "iou_thresholds", "recThrs": "recall_thresholds"}
Row = dict[str, Any]


def check(case: Row, folder: Path) -> None:
    """Hold every scorer to pycocotools.

    Raises
    ------
    Difference
        When one disagrees.
    """
    truth, results = write(case, folder)
    iou_type = case["iou_type"]
    record = segbench.score(truth, results, protocol=PROTOCOLS[iou_type], threads=1, **FORMATS)
    files = evaluation_of_record(record, iou_type)
    same("files and memory", files, evaluation_in_memory(truth, results, iou_type, {}))
    if case["general"]:
        _same_records(record, truth, results, iou_type)
    params = case["params"] or {}
    theirs = outcome(lambda: evaluate(PYCOCOTOOLS, case, params))
    same("drop-in", outcome(lambda: evaluate(DROP_IN, case, params)), theirs)
    if {"useCats", "catIds", "imgIds"} & set(params):
        return  # MaskAP takes a data set whole
    changed = deviations.instances(case)
    if changed is not None:
        theirs = evaluate(PYCOCOTOOLS, changed, params)
    if "precision" not in theirs:
        raise Difference("pycocotools fails", theirs["error"])
    if params:
        files = evaluation_in_memory(truth, results, iou_type, params)
        theirs = {name: theirs[name] for name in ARRAYS}
    same("pycocotools", {name: files[name] for name in theirs}, theirs)


def write(case: Row, folder: Path) -> tuple[Path, Path]:
    """Write both files as the case spells them; new files, as old ones may be mapped still."""
    paths = folder / "instances_fuzz.json", folder / "results.json"
    for path, key in zip(paths, ("truth", "results"), strict=True):
        path.unlink(missing_ok=True)
        path.write_text(spell(case[key], case["spelling"]), encoding="utf-8")
    return paths


def evaluation_of_record(record: segbench.RunRecord, iou_type: str) -> Row:
    """The twelve numbers and the curves of a record, the curves from its tables alone."""
    categories = segbench.Categories.from_json(record.dataset["categories"])
    metric = get_protocol(PROTOCOLS[iou_type]).build(categories, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    values = {key: record.metrics[key].value for key in KEYS}
    return values | _arrays(metric.curves()) | {"per class": _by_source_id(categories, record.per_class)}


def evaluation_in_memory(truth: Path, results: Path, iou_type: str, params: Row) -> Row:
    """The same through MaskAP.update, fed with columns made here."""
    content, rows = (json.loads(path.read_bytes()) for path in (truth, results))
    settings: Row = {ours: params[theirs] for theirs, ours in PARAMS.items() if theirs in params}
    if "areaRng" in params:
        settings["area_ranges"] = dict(zip(params["areaRngLbl"], params["areaRng"], strict=True))
    categories = [row | {"id": _whole(row["id"])} for row in content["categories"]]
    metric = MaskAP(categories, iou_type=iou_type, **settings)
    boxed = bool(rows and rows[0].get("bbox"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", segbench.SegbenchWarning)
        for image in content["images"]:
            here = [
                [row for row in side if row["image_id"] == image["id"]]
                for side in (content["annotations"], rows)
            ]
            metric.update(
                _pred_columns(here[1], image, boxed),
                _truth_columns(here[0], image, iou_type),
                _whole(image["id"]),
            )
    scores = metric.compute()
    values = {key: scores.get(key, math.nan) for key in KEYS}
    return (
        values | _arrays(metric.curves()) | {"per class": _by_source_id(metric.categories, scores.class_rows)}
    )


def _by_source_id(categories: segbench.Categories, rows: list[Row]) -> list[float]:
    values = {row["category_id"]: row["ap"] for row in rows}
    return [values[category.id] for category in sorted(categories, key=lambda c: c.key)]


def _arrays(curves: Any) -> Row:
    return {name: getattr(curves, name) for name in ARRAYS}


def _whole(image_id: Any) -> Any:
    """7.0, as ids may be spelled, is 7."""
    return int(image_id) if isinstance(image_id, float) else image_id


def _pred_columns(rows: list[Row], image: Row, boxed: bool) -> Row:
    size = image["height"], image["width"]
    return {
        "masks": [_as_rle(row.get("segmentation"), row.get("bbox"), size) for row in rows],
        **({"boxes": np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)} if boxed else {}),
        "category_ids": np.array([row["category_id"] for row in rows], np.int64),
        "scores": np.array([row["score"] for row in rows], np.float64),
    }


def _truth_columns(rows: list[Row], image: Row, iou_type: str) -> Row:
    size = image["height"], image["width"]
    columns: Row = {"boxes": np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)}
    if iou_type == "segm" or not all("area" in row for row in rows):
        columns["masks"] = [_as_rle(row["segmentation"], row["bbox"], size) for row in rows]
    return columns | {
        "category_ids": np.array([row["category_id"] for row in rows], np.int64),
        "iscrowd": np.array([row.get("iscrowd", 0) for row in rows], bool),
        "area": np.array([row.get("area", math.nan) for row in rows], np.float64),
        "ids": np.array([row["id"] for row in rows], np.int64),
    }


def _as_rle(segmentation: Any, box: Any, size: tuple[int, int]) -> Row:
    """A mask as run lengths, drawn by pycocotools; of a box alone, the box."""
    if segmentation is None:
        x, y, w, h = box
        segmentation = [[x, y, x, y + h, x + w, y + h, x + w, y]]
    if isinstance(segmentation, list):
        return shapes.drawn(list(map(deviations.without_two_points, segmentation)), size)
    return segmentation


def evaluate(tool: Tool, case: Row, params: Row) -> Row:
    """The twelve numbers and the curves of COCOeval, undefined numbers as NaN."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth, results = (json.loads(spell(case[key], case["spelling"])) for key in ("truth", "results"))
        coco = tool.coco()
        coco.dataset = truth
        coco.createIndex()
        run = tool.evaluation(
            coco, coco.loadRes(results) if results else _no_results(tool, truth), case["iou_type"]
        )
        for name, value in params.items():
            setattr(run.params, name, np.array(value) if name.endswith("Thrs") else value)
        run.evaluate()
        run.accumulate()
        numbers = outcome(lambda: _twelve(run))
    arrays = {name: run.eval[name] for name in ARRAYS}
    rows = [arrays["precision"][:, :, k, 0, -1] for k in range(arrays["precision"].shape[2])]
    per_class = [float(np.mean(row[row > -1])) if (row > -1).any() else math.nan for row in rows]
    return numbers | arrays | {"per class": per_class}


def _twelve(run: Any) -> Row:
    run.summarize()
    return {key: _defined(value) for key, value in zip(KEYS, run.stats.tolist(), strict=True)}


def _no_results(tool: Tool, truth: Row) -> Any:
    """An empty list of results, which loadRes does not take."""
    coco = tool.coco()
    coco.dataset = truth | {"annotations": []}
    coco.createIndex()
    return coco


def _defined(value: float) -> float:
    return math.nan if value == -1 else value


def outcome(call: Callable[[], Row]) -> Row:
    """What a call returns, or the type of what it raises."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever the original raises
        return {"error": type(error).__name__}


def _same_records(record: segbench.RunRecord, truth: Path, results: Path, iou_type: str) -> None:
    """Hold a record made from paths to one made from open data sets, image by image."""
    opened = segbench.open_dataset(truth, format="coco")
    predictions = open_predictions(results, opened, format="coco")
    other = segbench.score(opened, predictions, protocol=PROTOCOLS[iou_type], threads=2)
    same("fingerprint", record.dataset, other.dataset)
    same("warnings", record.warnings, other.warnings)
    for name in ("images", "detections"):
        ours, theirs = (getattr(one, name).to_pydict() for one in (record, other))
        same(f"table of {name}", ours, theirs)
