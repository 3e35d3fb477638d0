"""``COCO.showAnns``: annotations drawn on matplotlib's current axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from segbench.compat._tools import say
from segbench.compat.pycocotools import mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Polygon

CROWD_COLOR = [2.0 / 255, 166.0 / 255, 101.0 / 255]


class Annotated(Protocol):
    """What is asked of a ``COCO``."""

    def annToRLE(self, ann: dict[str, Any]) -> dict[str, Any]: ...

    def loadCats(self, ids: Any) -> list[dict[str, Any]]: ...


def show(coco: Annotated, anns: list[dict[str, Any]], draw_bbox: bool) -> int | None:
    """Draw instances, or print captions; colours come from NumPy's global generator, as in pycocotools."""
    if not anns:
        return 0
    if "segmentation" in anns[0] or "keypoints" in anns[0]:
        _draw(coco, anns, draw_bbox)
    elif "caption" in anns[0]:
        for ann in anns:
            say(ann["caption"])
    else:
        raise Exception("datasetType not supported")
    return None


def _draw(coco: Annotated, anns: list[dict[str, Any]], draw_bbox: bool) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Polygon

    axes = plt.gca()
    axes.set_autoscale_on(False)
    outlines: list[Polygon] = []
    colors: list[list[float]] = []
    for ann in anns:
        color = (_random_color() * 0.6 + 0.4).tolist()
        shapes = _outlines(ann, draw_bbox)
        if isinstance(ann.get("segmentation"), dict):
            _draw_mask(coco, ann, axes)
        if isinstance(ann.get("keypoints"), list):
            _draw_keypoints(coco, ann, axes, color)
        outlines += [Polygon(np.array(xy).reshape(-1, 2)) for xy in shapes]
        colors += [color] * len(shapes)
    axes.add_collection(PatchCollection(outlines, facecolor=colors, linewidths=0, alpha=0.4))
    axes.add_collection(PatchCollection(outlines, facecolor="none", edgecolors=colors, linewidths=2))


def _random_color() -> Any:
    return np.random.random((1, 3))[0]  # noqa: NPY002 - a script that seeds it gets the same colours


def _outlines(ann: dict[str, Any], draw_bbox: bool) -> list[list[float]]:
    """Flat polygons of an annotation, its box last."""
    shape = ann.get("segmentation")
    shapes = list(shape) if isinstance(shape, list) else []
    if draw_bbox:
        x, y, width, height = ann["bbox"]
        shapes.append([x, y, x, y + height, x + width, y + height, x + width, y])
    return shapes


def _draw_mask(coco: Annotated, ann: dict[str, Any], axes: Axes) -> None:
    pixels = mask.decode(coco.annToRLE(ann))
    color = CROWD_COLOR if ann["iscrowd"] == 1 else _random_color()
    rgba = np.empty((*pixels.shape, 4))
    rgba[:, :, :3] = color
    rgba[:, :, 3] = pixels * 0.5
    axes.imshow(rgba)


def _draw_keypoints(coco: Annotated, ann: dict[str, Any], axes: Axes, color: list[float]) -> None:
    """Limbs whose two ends are labelled, then the points: black edges where they are hidden."""
    points = np.array(ann["keypoints"]).reshape(-1, 3)
    seen = points[:, 2]
    for limb in np.array(coco.loadCats(ann["category_id"])[0]["skeleton"]) - 1:
        if (seen[limb] > 0).all():
            axes.plot(points[limb, 0], points[limb, 1], linewidth=3, color=color)
    for kept, edge in ((seen > 0, "k"), (seen > 1, color)):
        axes.plot(
            points[kept, 0],
            points[kept, 1],
            "o",
            markersize=8,
            markerfacecolor=color,
            markeredgecolor=edge,
            markeredgewidth=2,
        )
