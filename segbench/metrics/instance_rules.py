"""Which settings each protocol of average precision has beside those of COCO's masks.

The names are those of :class:`segbench.metrics.instance_curves.Rules`; :mod:`segbench.protocols` says the
rules in words, with their sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segbench.metrics.boundary_rules import DILATION_RATIO

INSTANCE_RULES: Mapping[str, Mapping[str, Any]] = {
    "coco-instance": {"iou_type": "segm"},
    "coco-bbox": {"iou_type": "bbox"},
    "lvis": {"iou_type": "segm", "max_detections": [300], "limited_by": "image", "federated": True},
    "lvis-fixed": {
        "iou_type": "segm",
        "max_detections": [10_000],
        "limited_by": "category",
        "federated": True,
    },
    "boundary-ap": {"iou_type": "boundary", "dilation_ratio": DILATION_RATIO},
}
