"""Results of a model made complete annotations: ``COCO.loadRes`` and ``loadNumpyAnnotations``."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.compat._tools import say
from segbench.compat.pycocotools import _rles

Row = dict[str, Any]


def complete(rows: list[Row], truth: Row, dataset: Row) -> None:
    """Fill in what results leave out, in place; the first row says of which kind all are.

    Boxes get a polygon, and the **box's** area even where they have a mask; masks get their area and box;
    keypoints the box around them; captions keep only their images in ``dataset``.
    """
    first = rows[0]
    if "caption" in first:
        captioned = {row["image_id"] for row in rows}
        dataset["images"] = [image for image in dataset["images"] if image["id"] in captioned]
        for number, row in enumerate(rows, start=1):
            row["id"] = number
        return
    for key, fill in (("bbox", _fill_boxes), ("segmentation", _fill_masks), ("keypoints", _fill_keypoints)):
        if key in first and not (key == "bbox" and first[key] == []):
            dataset["categories"] = copy.deepcopy(truth["categories"])
            fill(rows)
            return


def _fill_boxes(rows: list[Row]) -> None:
    for number, row in enumerate(rows, start=1):
        x, y, width, height = row["bbox"][:4]
        right, bottom = x + width, y + height
        if "segmentation" not in row:
            row["segmentation"] = [[x, y, x, bottom, right, bottom, right, y]]
        row["area"] = width * height
        row["id"] = number
        row["iscrowd"] = 0


def _fill_masks(rows: list[Row]) -> None:
    areas, boxes = _rles.measure(_rles.read(row["segmentation"] for row in rows))
    for number, (row, area, box) in enumerate(
        zip(rows, areas.astype(np.uint32), boxes, strict=True), start=1
    ):
        row["area"] = area
        if "bbox" not in row:
            row["bbox"] = box
        row["id"] = number
        row["iscrowd"] = 0


def _fill_keypoints(rows: list[Row]) -> None:
    for number, row in enumerate(rows, start=1):
        xs, ys = row["keypoints"][0::3], row["keypoints"][1::3]
        left, right, top, bottom = np.min(xs), np.max(xs), np.min(ys), np.max(ys)
        row["area"] = (right - left) * (bottom - top)
        row["id"] = number
        row["bbox"] = [left, top, right - left, bottom - top]


def from_array(data: NDArray[Any]) -> list[Row]:
    """Rows from an array [N, 7]; see :meth:`COCO.loadNumpyAnnotations`."""
    say("Converting ndarray to lists...")
    if not isinstance(data, np.ndarray):
        raise AssertionError(f"results must be an array, not {type(data).__name__}")
    say(data.shape)
    if data.shape[1] != 7:
        raise AssertionError(f"results must be an array [N, 7], not {list(data.shape)}")
    rows = []
    for i, values in enumerate(data):
        if i % 1_000_000 == 0:
            say(f"{i}/{len(data)}")
        image_id, x, y, width, height, score, category_id = values
        rows.append(
            {
                "image_id": int(image_id),
                "bbox": [x, y, width, height],
                "score": score,
                "category_id": int(category_id),
            }
        )
    return rows
