"""From what a model of Transformers computes to predictions, by its image processor."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segbench.models.arrays import to_numpy
from segbench.models.types import (
    InstancePrediction,
    PanopticPrediction,
    Prediction,
    SemanticPrediction,
)

Sizes = Sequence[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Thresholds of the image processor; None leaves what is its own."""

    threshold: float | None = None
    mask_threshold: float | None = None
    overlap_mask_area_threshold: float | None = None

    def of(self, function: Any, **others: Any) -> dict[str, Any]:
        """Return those that a function takes and that are given, and of ``others`` those that it takes."""
        given = {
            "threshold": self.threshold,
            "mask_threshold": self.mask_threshold,
            "overlap_mask_area_threshold": self.overlap_mask_area_threshold,
        }
        asked = {**others, **{key: value for key, value in given.items() if value is not None}}
        return {key: value for key, value in asked.items() if takes(function, key)}


def takes(function: Any, name: str) -> bool:
    """Tell whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters


def semantic(processor: Any, outputs: Any, sizes: Sizes) -> list[Prediction]:
    """Logits, which the runner resizes, wherever the processor gives them; else its map of labels."""
    logits = getattr(outputs, "logits", None)
    if logits is not None and logits.ndim == 4:
        return [SemanticPrediction(logits=to_numpy(one)) for one in logits]
    process = processor.post_process_semantic_segmentation
    if not takes(process, "return_segmentation_scores"):
        return [SemanticPrediction(mask=to_numpy(one)) for one in process(outputs, target_sizes=list(sizes))]
    # EoMT cuts large images into patches, and has to know the sizes to put the scores together.
    asked = None if inspect.signature(process).parameters["target_sizes"].default is None else list(sizes)
    found = process(outputs, target_sizes=asked, return_segmentation_scores=True)
    return [SemanticPrediction(logits=to_numpy(one.segmentation_scores)) for one in found]


def instances(processor: Any, outputs: Any, sizes: Sizes, rules: Rules) -> list[Prediction]:
    """Masks, which overlap where the processor lets them; else what its one map of segments shows."""
    process = processor.post_process_instance_segmentation
    overlapping = takes(process, "return_binary_maps")
    others = {"return_binary_maps": True, "threshold": 0.0} if overlapping else {}
    found = process(outputs, target_sizes=list(sizes), **rules.of(process, **others))
    return [_instances(one, size, overlapping) for one, size in zip(found, sizes, strict=True)]


def panoptic(
    processor: Any, outputs: Any, sizes: Sizes, rules: Rules, stuff: Collection[int]
) -> list[Prediction]:
    """One map of segments; the segments of stuff are fused to one a category."""
    process = processor.post_process_panoptic_segmentation
    others = {"label_ids_to_fuse": set(stuff), "stuff_classes": sorted(stuff)}
    found = process(outputs, target_sizes=list(sizes), **rules.of(process, **others))
    return [_panoptic(one) for one in found]


def _instances(found: Mapping[str, Any], size: tuple[int, int], overlapping: bool) -> Prediction:
    segments, maps = found["segments_info"], to_numpy(found["segmentation"])
    if not segments:
        masks = np.zeros((0, *size), bool)
    elif overlapping:
        masks = maps > 0.5
    else:
        masks = np.stack([maps == segment["id"] for segment in segments])
    kept = [i for i, mask in enumerate(masks) if mask.any()]  # a later segment may cover one wholly
    return InstancePrediction(
        masks=masks[kept],
        scores=np.array([segments[i]["score"] for i in kept], np.float64),
        category_ids=np.array([segments[i]["label_id"] for i in kept], np.int64),
    )


def _panoptic(found: Mapping[str, Any]) -> Prediction:
    """Void is -1 there, or 0. A fused segment is listed for each part; one without pixels is left out."""
    ids = to_numpy(found["segmentation"]).astype(np.int64)
    segments = found["segments_info"]
    shift = 1 if any(segment["id"] == 0 for segment in segments) else 0
    known = [segment["id"] for segment in segments]
    segment_map = np.where(np.isin(ids, known), ids + shift, 0)
    present = set(np.unique(segment_map).tolist())
    rows = {
        s["id"] + shift: {"id": s["id"] + shift, "category_id": s["label_id"], "score": s.get("score")}
        for s in reversed(segments)
        if s["id"] + shift in present
    }
    return PanopticPrediction(segment_map=segment_map, segments=list(rows.values())[::-1])
