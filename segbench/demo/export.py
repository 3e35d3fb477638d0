"""Drawings as the files that data sets are published in: COCO instances, COCO panoptic, label maps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.images import encode_labels, encode_segment_map
from segbench.canonical.rle import Rle
from segbench.demo.canvas import LABELS, Canvas, Region

IGNORE = 255
WHOLE = 0.7
"""Things of which less than this share is seen are annotated as what is seen of them, in run lengths."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One finished picture and its truth.

    Attributes
    ----------
    image_id, file_name
        Its id in the COCO files, and its name in every folder.
    image
        RGB, uint8 [3, H, W].
    segment_map
        Visible segments, int32 [H, W], 0 for void.
    regions
        The regions that are visible, in the order they were painted.
    areas
        Visible pixels of each region, by its id.
    """

    image_id: int
    file_name: str
    image: NDArray[np.uint8]
    segment_map: NDArray[np.int32]
    regions: tuple[Region, ...]
    areas: dict[int, int]

    @classmethod
    def of(cls, canvas: Canvas, index: int) -> Drawing:
        """Take what is on a canvas."""
        areas = canvas.visible()
        rgb = np.clip(np.floor(canvas.image + 0.5), 0, 255).astype(np.uint8)
        return cls(
            image_id=17 + 13 * index,
            file_name=f"scene_{index + 1:04d}.png",
            image=np.ascontiguousarray(rgb.transpose(2, 0, 1)),
            segment_map=canvas.segment_map,
            regions=tuple(region for region in canvas.regions.values() if region.id in areas),
            areas=areas,
        )

    def labels_png(self) -> bytes:
        """Return the label map: ids of the table of labels, 255 where nothing is labelled."""
        labels = np.full(self.segment_map.shape, IGNORE, np.uint8)
        for region in self.regions:
            labels[self.segment_map == region.id] = region.category_id
        return encode_labels(labels)

    def panoptic_png(self) -> bytes:
        """Return the segment map as COCO's picture of ids."""
        return encode_segment_map(self.segment_map)

    def image_row(self) -> dict[str, Any]:
        """Return the entry of ``images`` in the COCO files."""
        height, width = self.segment_map.shape
        return {"id": self.image_id, "file_name": self.file_name, "height": height, "width": width}


def id2label() -> dict[str, str]:
    """Return the content of ``id2label.json``."""
    return {str(i): label.name for i, label in enumerate(LABELS)}


def instances(drawings: Sequence[Drawing]) -> dict[str, Any]:
    """Return a COCO instances file of the things: outlines as drawn, which overlap what hides them."""
    rows = [
        _annotation(d, region) for d in drawings for region in d.regions if LABELS[region.category_id].isthing
    ]
    return {
        "info": {"description": "segbench demo landscapes", "version": "1.0"},
        "images": [d.image_row() for d in drawings],
        "annotations": [{"id": i, **row} for i, row in enumerate(rows, start=1)],
        "categories": [
            {"id": label.source_id, "name": label.name, "supercategory": "thing"}
            for label in LABELS
            if label.isthing
        ],
    }


def panoptic(drawings: Sequence[Drawing]) -> dict[str, Any]:
    """Return a COCO panoptic file of things and stuff."""
    return {
        "info": {"description": "segbench demo landscapes", "version": "1.0"},
        "images": [d.image_row() for d in drawings],
        "annotations": [
            {"image_id": d.image_id, "file_name": d.file_name, "segments_info": _segments_info(d)}
            for d in drawings
        ],
        "categories": [
            {
                "id": label.source_id,
                "name": label.name,
                "supercategory": "thing" if label.isthing else "stuff",
                "isthing": int(label.isthing),
                "color": list(label.color),
            }
            for label in LABELS
        ],
    }


def to_json(content: dict[str, Any]) -> str:
    """Return compact JSON."""
    return json.dumps(content, separators=(",", ":")) + "\n"


def _annotation(drawing: Drawing, region: Region) -> dict[str, Any]:
    height, width = drawing.segment_map.shape
    parts = [points.ravel() for points in region.polygons]
    rle = region.rle or Rle.from_polygons(parts, height, width)
    hidden = not region.iscrowd and drawing.areas[region.id] < WHOLE * rle.area
    if hidden:
        rle = Rle.from_mask(drawing.segment_map == region.id)
    segmentation: Any = [part.tolist() for part in parts]
    if hidden or region.rle:
        counts = rle.runs.tolist() if region.iscrowd else rle.counts.decode("ascii")
        segmentation = {"size": [height, width], "counts": counts}
    return {
        "image_id": drawing.image_id,
        "category_id": LABELS[region.category_id].source_id,
        "iscrowd": int(region.iscrowd),
        "area": rle.area,
        "bbox": list(rle.bbox),
        "segmentation": segmentation,
    }


def _segments_info(drawing: Drawing) -> list[dict[str, Any]]:
    boxes = kernels.segment_boxes(drawing.segment_map, [region.id for region in drawing.regions])
    return [
        {
            "id": region.id,
            "category_id": LABELS[region.category_id].source_id,
            "iscrowd": int(region.iscrowd),
            "area": drawing.areas[region.id],
            "bbox": bbox,
        }
        for region, bbox in zip(drawing.regions, boxes.tolist(), strict=True)
    ]
