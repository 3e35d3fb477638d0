"""What boundaries are held to: boundary-iou-api where it is installed, else its scorers restated plainly."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import panopticapi.evaluation
import pycocotools.coco
from metrics import boundary_oracles as oracles
from numpy.typing import NDArray
from panopticapi.utils import rgb2id
from PIL import Image

from fuzz.coco_reference import Tool

Row = dict[str, Any]


class Reference(NamedTuple):
    """COCO's classes, a module as panopticapi's ``evaluation``, and the boundary of a mask by a ratio."""

    instance: Tool
    panoptic: Any
    mask_to_boundary: Any


def _original() -> Reference:
    """boundary-iou-api itself, on one core."""
    from boundary_iou.coco_instance_api import coco, cocoeval
    from boundary_iou.coco_panoptic_api import evaluation
    from boundary_iou.utils import boundary_utils

    class Evaluation(cocoeval.COCOeval):  # type: ignore[misc]
        def accumulate(self, p: Any = None) -> None:
            with mock.patch.object(np, "float", float, create=True):  # gone from NumPy
                super().accumulate(p)

    coco.augment_annotations_with_boundary_multi_core = lambda rows, to_mask, dilation_ratio: (
        boundary_utils.augment_annotations_with_boundary_single_core(0, rows, to_mask, dilation_ratio)
    )
    return Reference(Tool(coco.COCO, Evaluation), evaluation, boundary_utils.mask_to_boundary)


def _plain() -> Reference:
    instance = Tool(pycocotools.coco.COCO, oracles.BoundaryEval)
    panoptic = SimpleNamespace(multiprocessing=multiprocessing, pq_compute_multi_core=_pq)
    return Reference(instance, panoptic, oracles.edge)


def _pq(
    pairs: list[tuple[Row, Row]], truth_folder: str, pred_folder: str, categories: Any, _: str, ratio: float
) -> Any:
    """The plain sums as panopticapi keeps them, once it has found nothing wrong with the files."""
    panopticapi.evaluation.pq_compute_multi_core(pairs, truth_folder, pred_folder, categories)
    stat = panopticapi.evaluation.PQStat()
    for part in np.array_split(np.arange(len(pairs)), multiprocessing.cpu_count()):
        images = [(_side(pred_folder, pairs[i][1]), _side(truth_folder, pairs[i][0])) for i in part.tolist()]
        sums, counts = oracles.boundary_pq(images, ratio, max(categories) + 1)
        for category in categories:
            stat[category].iou += sums[category]
            for what, count in counts.items():
                setattr(stat[category], what, getattr(stat[category], what) + count[category])
    return stat


def _side(folder: str, row: Row) -> tuple[NDArray[np.int64], list[Row]]:
    picture = np.array(Image.open(Path(folder) / row["file_name"]), dtype=np.uint32)
    return rgb2id(picture).astype(np.int64), row["segments_info"]


def _reference() -> Reference:
    try:
        return _original()
    except ImportError:
        return _plain()


REFERENCE = _reference()
