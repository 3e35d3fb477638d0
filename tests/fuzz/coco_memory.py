"""MaskAP.update, fed image by image with columns made from two files without segbench."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np

import segbench
from fuzz import coco_shapes as shapes
from fuzz import deviations
from fuzz.coco_reference import Files
from segbench.metrics import MaskAP

Row = dict[str, Any]
SETTINGS = {"maxDets": "max_detections", "iouThrs": "iou_thresholds", "recThrs": "recall_thresholds"}


def settings_of(case: Row, params: Row) -> Row:
    """Return the settings of MaskAP that are COCOeval's ``params``, and the width of boundaries."""
    settings: Row = {ours: params[theirs] for theirs, ours in SETTINGS.items() if theirs in params}
    if case["iou_type"] == "boundary":
        settings["dilation_ratio"] = case["ratio"]
    if "areaRng" in params:
        settings["area_ranges"] = dict(zip(params["areaRngLbl"], params["areaRng"], strict=True))
    return settings


def measured(files: Files, iou_type: str, settings: Row) -> MaskAP:
    """Return the metric that has seen every image, in the order of the truth's file."""
    truth, results = (json.loads(path.read_bytes()) for path in files)
    categories = [row | {"id": _whole(row["id"])} for row in truth["categories"]]
    metric = MaskAP(categories, iou_type=iou_type, **settings)
    boxed = bool(results and results[0].get("bbox"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", segbench.SegbenchWarning)
        for image in truth["images"]:
            pred, true = (_of_image(rows, image["id"]) for rows in (results, truth["annotations"]))
            columns = _pred_columns(pred, image, boxed), _truth_columns(true, image, iou_type)
            metric.update(*columns, _whole(image["id"]))
    return metric


def _of_image(rows: list[Row], image_id: Any) -> list[Row]:
    return [row for row in rows if row["image_id"] == image_id]


def _whole(value: Any) -> Any:
    """7.0, as ids may be spelled, is 7."""
    return int(value) if isinstance(value, float) else value


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
    if iou_type != "bbox" or not all("area" in row for row in rows):
        columns["masks"] = [_as_rle(row.get("segmentation"), row["bbox"], size) for row in rows]
    if iou_type == "boundary":  # where it counts
        columns["ignore"] = np.array([row.get("ignore", 0) for row in rows], bool)
    return columns | {
        "category_ids": np.array([row["category_id"] for row in rows], np.int64),
        "iscrowd": np.array([row.get("iscrowd", 0) for row in rows], bool),
        "area": np.array([_area(row) for row in rows], np.float64),
        "ids": np.array([row["id"] for row in rows], np.int64),
    }


def _area(row: Row) -> float:
    """As stated, else NaN for that of the mask, else that of the box, which may leave the image."""
    whole = math.nan if row.get("segmentation") else math.prod(row["bbox"][2:])
    return float(row.get("area", whole))


def _as_rle(segmentation: Any, box: Any, size: tuple[int, int]) -> Row:
    """A mask as run lengths, drawn by pycocotools; of a box alone, the box."""
    if segmentation is None:
        x, y, w, h = box
        segmentation = [[x, y, x, y + h, x + w, y + h, x + w, y]]
    if isinstance(segmentation, list):
        return shapes.drawn(list(map(deviations.without_two_points, segmentation)), size)
    return segmentation
