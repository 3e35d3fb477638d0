"""IoU of whatever ``pycocotools.mask.iou`` takes: RLE dicts, or boxes as arrays or lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.compat.pycocotools import _rles
from segbench.compat.pycocotools._rles import Masks

Regions = Masks | NDArray[np.float64] | None


def iou(dt: Any, gt: Any, pyiscrowd: Any) -> Any:
    """See :func:`segbench.compat.pycocotools.mask.iou`."""
    crowd = np.array(pyiscrowd, dtype=np.uint8).astype(np.bool_)
    pred, truth = _regions(dt), _regions(gt)
    if len(pyiscrowd) != len(gt):
        raise AssertionError("iou(iscrowd=) must have the same length as gt")
    if pred is None or truth is None:
        return []
    if isinstance(pred, Masks) and isinstance(truth, Masks):
        return np.asfortranarray(_mask_iou(pred, truth, crowd))
    if isinstance(pred, Masks) or isinstance(truth, Masks):
        raise Exception("dt and gt must both be RLEs, or both be boxes")
    return np.asfortranarray(kernels.box_iou(pred, truth, crowd))


def boundary_iou(dt: Any, gt: Any, pyiscrowd: Any, ratio: float) -> Any:
    """The lesser of the IoU of RLE dicts and of their boundaries; with a crowd that of the RLEs alone.

    ``computeBoundaryIoU`` of boundary-iou-api; boundaries are ``ratio`` of the image's diagonal wide.
    """
    found = iou(dt, gt, pyiscrowd)
    if len(dt) and len(gt):
        edges = iou([_boundary(rle, ratio) for rle in dt], [_boundary(rle, ratio) for rle in gt], pyiscrowd)
        plain = np.array(pyiscrowd) == 0
        found[:, plain] = np.minimum(found, edges)[:, plain]
    return found


def _boundary(rle: Any, ratio: float) -> Any:
    (counts,), ((height, width),) = _rles.read([rle])
    distance = kernels.boundary_distance(height, width, ratio)
    return _rles.write(kernels.rle_boundary([counts], height, width, distance)[0], height, width)


def _regions(objects: Any) -> Regions:
    """RLEs as columns, boxes as float64 [N, 4], None when there are none."""
    if not len(objects):
        return None
    if isinstance(objects, np.ndarray):
        if objects.ndim != 2 or objects.shape[1] != 4:
            raise Exception(f"an array must hold boxes [N, 4], not {list(objects.shape)}")
        return objects.astype(np.float64)
    if isinstance(objects, list) and all(isinstance(one, dict) for one in objects):
        return _rles.read(objects)
    if isinstance(objects, list) and all(
        len(one) == 4 and isinstance(one, (list, np.ndarray)) for one in objects
    ):
        return np.array(objects, np.float64)
    raise Exception("regions must be a list of RLEs, a list of boxes, or an array [N, 4]")


def _mask_iou(pred: Masks, truth: Masks, crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    size = pred.size
    if size is not None and size == truth.size and size[0] * size[1]:
        return kernels.rle_iou(pred.counts, truth.counts, crowd, *size)
    out = kernels.box_iou(_rles.measure(pred)[1], _rles.measure(truth)[1], crowd)
    for d, g in np.argwhere(out > 0).tolist():
        out[d, g] = -1
        if pred.sizes[d] == truth.sizes[g]:
            pair = kernels.rle_iou([pred.counts[d]], [truth.counts[g]], crowd[g : g + 1], *pred.sizes[d])
            out[d, g] = pair[0, 0]
    return out
