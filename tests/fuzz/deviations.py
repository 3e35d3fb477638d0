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


INSTANCES: tuple[Callable[[Row], None], ...] = (
    _polygon_of_two_points,
    _first_result_without_box,
    _fields_left_out,
)
