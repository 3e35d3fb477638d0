"""Doors between shapes, maps of ids and RLEs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._runs import id_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def rle_from_mask(mask: npt.ArrayLike) -> bytes:
    """Return the RLE of a mask.

    Parameters
    ----------
    mask
        bool or uint8 [H, W]; whatever is not 0 is inside.

    Raises
    ------
    ValueError
        If the shape or the dtype is wrong, or there are no pixels.
    """
    array = np.ascontiguousarray(mask)
    if array.ndim != 2 or array.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"a mask must be bool or uint8 [H, W], not {array.dtype} {list(array.shape)}")
    return _cpu.rle_from_mask(array.view(np.uint8))


def rle_from_polygons(polygons: Sequence[npt.ArrayLike], height: int, width: int) -> bytes:
    """Return the RLE of the union of polygons.

    Parameters
    ----------
    polygons
        float64 arrays x0, y0, x1, y1, ... in pixels, at least one point each; they may leave the image.
        Of none, the empty mask.
    height, width
        Size of the image in pixels.

    Raises
    ------
    ValueError
        If a polygon has no point or an odd number of values, or a coordinate is not finite or beyond 1e8.

    Notes
    -----
    Bit for bit what ``rleFrPoly`` and ``rleMerge`` of pycocotools 2.0.11 give.
    """
    arrays = [np.ascontiguousarray(polygon, np.float64) for polygon in polygons]
    for i, array in enumerate(arrays):
        if array.ndim != 1 or array.size < 2 or array.size % 2:
            raise ValueError(f"polygon {i} must be x0, y0, x1, y1, ..., not of shape {list(array.shape)}")
    return _cpu.rle_from_polygons(arrays, height, width)


def rle_from_box(box: npt.ArrayLike, height: int, width: int) -> bytes:
    """Return the RLE of a box: x, y, width, height in pixels.

    Drawn as a polygon, as ``rleFrBbox`` of pycocotools does. Raises ValueError like `rle_from_polygons`.
    """
    values = np.asarray(box, np.float64)
    if values.shape != (4,):
        raise ValueError(f"a box is x, y, width, height, not of shape {list(values.shape)}")
    x0, y0, wide, high = (float(v) for v in values)
    x1, y1 = x0 + wide, y0 + high
    return _cpu.rle_from_polygons([np.array([x0, y0, x0, y1, x1, y1, x1, y0])], height, width)


def paint(canvas: npt.NDArray[Any], rles: Sequence[bytes], values: npt.ArrayLike) -> None:
    """Fill masks into a map in place, each with its value, later ones over earlier ones.

    Parameters
    ----------
    canvas
        uint8, uint16 or int32 [H, W], C-contiguous and writable.
    rles
        N RLEs of H by W pixels. All are read before the first is painted.
    values
        int32 [N], each of which fits the canvas.

    Raises
    ------
    ValueError
        If the canvas, a string, a value or the number of values is wrong.
    """
    if canvas.ndim != 2 or canvas.dtype not in (np.uint8, np.uint16, np.int32):
        raise ValueError(
            f"a canvas must be uint8, uint16 or int32 [H, W], not {canvas.dtype} {list(canvas.shape)}"
        )
    if not (canvas.flags.c_contiguous and canvas.flags.writeable):
        raise ValueError("a canvas must be C-contiguous and writable")
    fills = np.ascontiguousarray(values, np.int32)
    if fills.shape != (len(rles),):
        raise ValueError(f"values must have shape [{len(rles)}], one a mask, not {list(fills.shape)}")
    if (
        canvas.dtype != np.int32
        and fills.size
        and not 0 <= fills.min() <= fills.max() <= np.iinfo(canvas.dtype).max
    ):
        raise ValueError(f"values must fit {canvas.dtype}")
    _cpu.paint(canvas, rles, fills)


def _map_and_ids(
    segment_map: npt.ArrayLike, ids: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    array = np.ascontiguousarray(id_map(segment_map, "segment_map"))
    wanted = np.ascontiguousarray(ids, np.int64)
    if array.ndim != 2 or wanted.ndim != 1:
        raise ValueError(
            f"segment_map and ids must be [H, W] and [N], not {list(array.shape)} and {list(wanted.shape)}"
        )
    return array, wanted


def segment_rles(segment_map: npt.ArrayLike, ids: npt.ArrayLike) -> list[bytes]:
    """Return the RLE of every id of a map, in one pass.

    Parameters
    ----------
    segment_map
        Integers [H, W].
    ids
        int64 [N], distinct. One that does not occur has an empty mask.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, there are no pixels, or an id is given twice.
    """
    return _cpu.segment_rles(*_map_and_ids(segment_map, ids))


def segment_boxes(segment_map: npt.ArrayLike, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the tight box of every id of a map.

    Parameters
    ----------
    segment_map
        Integers [H, W].
    ids
        int64 [N], distinct.

    Returns
    -------
    int64 [N, 4]
        x, y, width, height in pixels; 0 for an id that does not occur.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, or an id is given twice.
    """
    return _cpu.segment_boxes(*_map_and_ids(segment_map, ids))
