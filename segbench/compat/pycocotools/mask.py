"""The functions of ``pycocotools.mask`` over our kernels; Lin et al., Microsoft COCO, ECCV 2014.

Sources: ``mask.py``, ``_mask.pyx`` and ``maskApi.c`` of pycocotools 2.0.11. Equal to the byte, except:

- a malformed RLE string (truncated, of other characters, longer than its image) raises ValueError in every
  function; pycocotools notices only runs beyond the image, in `decode` alone;
- runs shorter than the image leave the rest outside in `decode`, where pycocotools leaves memory as it was,
  and puts the next mask of a list there;
- `toBbox` of inside runs of 0 pixels alone is 0, not sides of about 2**32;
- `area` takes more than 255 masks, which pycocotools with NumPy 2 does not;
- `encode` takes arrays in any memory order, `frPyObjects` arrays that are not contiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.compat.pycocotools import _iou, _rles
from segbench.compat.pycocotools._rles import RleDict

__all__ = ["area", "decode", "encode", "frPyObjects", "iou", "merge", "toBbox"]


def encode(bimask: NDArray[Any]) -> Any:
    """Compress masks.

    Parameters
    ----------
    bimask
        uint8 or bool, [H, W] or [H, W, N].

    Returns
    -------
    dict or list of dict
        One RLE for [H, W], N for [H, W, N]; None for another number of axes.

    Raises
    ------
    ValueError
        When the dtype is another.
    """
    if bimask.ndim not in (2, 3):
        return None
    if bimask.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"masks must be uint8, not {bimask.dtype}")
    if bimask.ndim == 2:
        return _rles.write(_rles.from_array(bimask), *bimask.shape)
    texts = list(map(_rles.from_array, np.moveaxis(bimask, 2, 0)))
    return [_rles.write(text, *bimask.shape[:2]) for text in texts]


def decode(rleObjs: Any) -> NDArray[np.uint8]:
    """Return uint8 [H, W] of one RLE, or [H, W, N] of a list, both in Fortran order.

    Raises
    ------
    ValueError
        When the list is empty, its masks differ in size, or one is malformed.
    """
    masks = _rles.read(rleObjs if isinstance(rleObjs, list) else [rleObjs])
    if masks.size is None:
        raise ValueError("decode needs RLEs of one size, one at least")
    height, width = masks.size
    pixels = np.zeros((height, width, len(masks.counts)), np.uint8, order="F")
    for i, counts in enumerate(masks.counts if height * width else []):
        try:
            pixels[:, :, i] = kernels.rle_to_mask(counts, height, width)
        except ValueError as error:
            raise ValueError(f"Invalid RLE mask representation: {error}") from None
    return pixels if isinstance(rleObjs, list) else pixels[:, :, 0]


def merge(rleObjs: Sequence[RleDict], intersect: int = 0) -> RleDict:
    """Return the union of RLEs, or the intersection; of none, or of several sizes, the mask of no pixels."""
    masks = _rles.read(rleObjs)
    if masks.size is None:
        return _rles.write(b"", 0, 0)
    height, width = masks.size
    if not height * width:
        return _rles.write(masks.counts[0], height, width)
    return _rles.write(kernels.rle_merge(masks.counts, height, width, bool(intersect)), height, width)


def area(rleObjs: Any) -> Any:
    """Return the pixels inside: uint32, or uint32 [N] of a list."""
    areas = _rles.measure(_rles.read(rleObjs if isinstance(rleObjs, list) else [rleObjs]))[0]
    pixels = areas.astype(np.uint32)
    return pixels if isinstance(rleObjs, list) else pixels[0]


def toBbox(rleObjs: Any) -> NDArray[np.float64]:
    """Return tight boxes x, y, width, height in pixels: float64 [4], or [N, 4] of a list."""
    boxes = _rles.measure(_rles.read(rleObjs if isinstance(rleObjs, list) else [rleObjs]))[1]
    return boxes if isinstance(rleObjs, list) else boxes[0]


def iou(dt: Any, gt: Any, pyiscrowd: Any) -> Any:
    """Return the IoU of every prediction with every truth.

    Parameters
    ----------
    dt, gt
        Both lists of RLEs, or both boxes: arrays [N, 4] or lists of ``[x, y, w, h]``.
    pyiscrowd
        One flag a truth; with a crowd the value is the part of the prediction that the crowd covers.

    Returns
    -------
    float64 [D, G] in Fortran order, or ``[]``
        ``[]`` where D or G is 0; −1 for masks of different sizes whose boxes overlap.

    Raises
    ------
    AssertionError
        When the number of flags is not that of the truths.
    Exception
        When the regions are of another kind, or of two kinds.
    """
    return _iou.iou(dt, gt, pyiscrowd)


def frPyObjects(pyobj: Any, h: float, w: float) -> Any:
    """Return RLEs of polygons, boxes or run lengths.

    Parameters
    ----------
    pyobj
        A list of flat polygons, the first of three points at least; float64 boxes [N, 4]; a dict with
        ``size`` and run lengths ``counts``, or a list of them.
    h, w
        Size of the image in pixels, for polygons and boxes.

    Returns
    -------
    list of dict, or dict
        One RLE each; a dict for a dict.

    Raises
    ------
    TypeError
        For a list of boxes, or a polygon that is not in a list, as in pycocotools, whose code for these
        cannot be reached. A first polygon of two points is taken for a box.
    ValueError
        When an array is no float64 [N, 4].
    Exception
        For anything else.
    """
    height, width = int(h), int(w)
    if isinstance(pyobj, np.ndarray):
        return [_rles.write(text, height, width) for text in _box_strings(pyobj, height, width)]
    if _is_runs(pyobj):
        return _from_runs(pyobj)
    if not isinstance(pyobj, list):
        raise Exception(f"input type is not supported: {type(pyobj).__name__}")
    first = pyobj[0]
    if isinstance(first, dict) and _is_runs(first):
        return [_from_runs(one) for one in pyobj]
    if len(first) == 4:
        raise TypeError("boxes must be a float64 array [N, 4], and a polygon needs three points, not two")
    if len(first) < 4:
        raise Exception("input type is not supported: a polygon needs three points")
    return [_rles.write(_rles.from_polygons([one], height, width), height, width) for one in pyobj]


def _is_runs(value: Any) -> bool:
    return isinstance(value, dict) and "counts" in value and "size" in value


def _from_runs(value: RleDict) -> RleDict:
    height, width = value["size"][:2]
    return _rles.write(_rles.from_runs(value["counts"]), int(height), int(width))


def _box_strings(boxes: NDArray[Any], height: int, width: int) -> list[bytes]:
    if boxes.dtype != np.float64 or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be float64 [N, 4], not {boxes.dtype} {list(boxes.shape)}")
    if not height * width:
        return [b"0"] * len(boxes)
    return [kernels.rle_from_box(box, height, width) for box in boxes]
