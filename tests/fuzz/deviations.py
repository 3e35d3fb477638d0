"""All that segbench does unlike a reference scorer on purpose: what the reference has to be given instead.

Each function changes a case so that the reference reads what segbench does, or returns None where nothing
differs. The drop-ins are not among it: they are held to the originals on the case as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fuzz import coco_shapes as shapes

Row = dict[str, Any]


def instances(case: Row) -> Row | None:
    """Return the case that pycocotools scores as segbench scores this one; None where that is this one."""
    changed = deepcopy(case)
    for deviation in INSTANCES:
        deviation(changed)
    return None if changed == case else changed


def _polygon_of_two_points(case: Row) -> None:
    """A first polygon of four numbers is a polygon; pycocotools takes it for a box, and fails."""
    for row in [*case["truth"]["annotations"], *case["results"]]:
        if isinstance(row.get("segmentation"), list):
            row["segmentation"] = [without_two_points(polygon) for polygon in row["segmentation"]]


def without_two_points(polygon: list[float]) -> list[float]:
    """The same line with its end twice."""
    return [*polygon, *polygon[2:]] if len(polygon) == 4 else polygon


def _first_result_without_box(case: Row) -> None:
    """Results whose first has no box have none: boxes of later ones are not read, in coco-bbox either."""
    results = case["results"]
    if results and not results[0].get("bbox"):
        for row in results:
            row.pop("bbox", None)


def _fields_left_out(case: Row) -> None:
    """A truth without iscrowd is none; without area it has its mask's, or its box's. pycocotools fails."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in case["truth"]["images"]}
    for row in case["truth"]["annotations"]:
        row.setdefault("iscrowd", 0)
        if "area" not in row:
            row["area"] = _area(row, sizes[row["image_id"]])


def _area(row: Row, size: shapes.Size) -> float:
    mask = row.get("segmentation")
    if mask is None:
        return row["bbox"][2] * row["bbox"][3]
    if isinstance(mask, list):
        return shapes.area_of(shapes.drawn(list(map(without_two_points, mask)), size))
    return shapes.area_of(
        mask if isinstance(mask["counts"], str) else shapes.compressed(mask["counts"], size)
    )


def _text_ids_of_integers(case: Row) -> None:
    """Images whose ids are texts of integers are joined in the order of these, not of the texts."""
    ids = [image["id"] for image in case["truth"]["images"]]
    if all(isinstance(i, str) and i.isdecimal() for i in ids):
        for row in case["truth"]["images"]:
            row["id"] = int(row["id"])
        for row in [*case["truth"]["annotations"], *case["results"]]:
            row["image_id"] = int(row["image_id"])


def taken_by_drop_in(case: Row) -> bool:
    """Whether the drop-in may pass over what the original raises.

    That is a truth without iscrowd and results; and a mask that nobody asked for, whose boundary the original
    wants all the same.
    """
    if case["iou_type"] == "boundary" and {"catIds", "imgIds"} & set(case["params"] or {}):
        return True
    return any("iscrowd" not in row for row in case["truth"]["annotations"])


def refused_instances(case: Row) -> bool:
    """Whether ``segbench.score`` refuses a truth without images or categories; pycocotools says −1."""
    return not (case["truth"]["images"] and case["truth"]["categories"])


INSTANCES: tuple[Callable[[Row], None], ...] = (
    _polygon_of_two_points,
    _first_result_without_box,
    _fields_left_out,
    _text_ids_of_integers,
)


REFUSED_IN_FILES = {
    "predicted id twice": "panopticapi takes the last",
    "true id twice": "panopticapi takes the last",
    "image twice": "panopticapi counts it twice",
    "prediction twice": "panopticapi takes the last",
    "prediction of another image": "panopticapi passes over it",
    "unknown true category": "panopticapi leaves it out of means",
    "true id 0": "panopticapi scores void as a segment",
    "another size": "panopticapi repeats a single row or column",
}
"""Faults that ``segbench.score`` refuses, whatever panopticapi makes of them."""

REFUSED_IN_MEMORY = REFUSED_IN_FILES.keys() - {
    "image twice", "prediction twice", "prediction of another image", "true id 0"
}  # fmt: skip
"""Of these, what ``PanopticQuality.update`` refuses: it sees one image at a time, and any id."""

REFUSED_BY_DROP_IN = {"another size"}
"""Of these, what the drop-in refuses."""


def panoptic_memory(case: Row) -> Row | None:
    """Return the case that panopticapi scores as PanopticQuality.update scores this one, where it is another.

    A true segment without iscrowd is none, and without area it has its pixels. panopticapi fails.
    """
    changed = deepcopy(case)
    for annotation in changed["truth"]["annotations"]:
        pixels = changed["maps"]["truth"].get(annotation["file_name"], [])
        for row in annotation["segments_info"]:
            row.setdefault("iscrowd", 0)
            row.setdefault("area", sum(line.count(row["id"]) for line in pixels))
    return None if changed == case else changed


def panoptic_files(case: Row) -> Row | None:
    """Return the same for ``segbench.score``.

    Categories are in rising order of their ids, and means add them so, which may move the last bit.
    """
    changed = panoptic_memory(case) or deepcopy(case)
    changed["truth"]["categories"].sort(key=lambda row: row["id"])
    return None if changed == case else changed
