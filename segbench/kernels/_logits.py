"""Doors of scores at another size: resized, to a label map, or straight to the overlap table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.kernels import _cpu
from segbench.kernels._runs import id_map

if TYPE_CHECKING:
    import numpy.typing as npt

_DOORS = {
    "float32": _cpu.logits_confusion_float32,
    "float16": _cpu.logits_confusion_float16,
    "bfloat16": _cpu.logits_confusion_bfloat16,
}
_LABELS = {
    "float32": _cpu.logits_labels_float32,
    "float16": _cpu.logits_labels_float16,
    "bfloat16": _cpu.logits_labels_bfloat16,
}


def logits_confusion(
    truth: npt.ArrayLike,
    logits: npt.NDArray[Any],
    ignore_index: int,
    kind: str | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count pixels by (true class, class of the highest score), where there are any.

    The scores are brought to the size of the truth by bilinear interpolation, in float32 whatever they are,
    and never stand in memory at that size. Of equal scores the first class wins, and the first that is not a
    number wins over all, as in ``torch.argmax``.

    Parameters
    ----------
    truth
        Integers [B, H, W], of any size.
    logits
        Scores [B, K, h, w] of the classes 0 .. K - 1: float32, float16, or the bits of such as ``kind`` says.
    ignore_index
        The id to ignore, on either side; it wins over a class of the same id.
    kind
        ``float32``, ``float16`` or ``bfloat16``: what 16-bit integers in ``logits`` stand for.

    Returns
    -------
    truth_classes, pred_classes, counts : int64 [n]
        As `confusion`.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong.

    Notes
    -----
    ``interpolate(logits.float(), size, mode="bilinear", align_corners=False).argmax(1)`` of
    torch.nn.functional. Sums are rounded once more or less here and there: of random scores, fewer than one
    pixel in 100,000 falls to another class, where two are as good as equal. A source pixel of weight 0 has no
    part in a score, where torch makes one that is not a number of an infinite one.
    """
    maps = np.ascontiguousarray(id_map(truth, "truth"))
    if logits.ndim != 4 or maps.ndim != 3 or len(logits) != len(maps):
        raise ValueError(
            f"need logits [B, K, h, w] and truth [B, H, W], not {list(logits.shape)} and {list(maps.shape)}"
        )
    kind, bits = _bits(logits, kind, maps.shape[1:])
    return _DOORS[kind](bits, maps, int(ignore_index))


def logits_labels(
    logits: npt.NDArray[Any], height: int, width: int, kind: str | None = None
) -> npt.NDArray[np.int32]:
    """Return the class of the highest score of each pixel, int32 [height, width].

    Parameters
    ----------
    logits
        Scores [K, h, w] of one image, of any size: :func:`logits_confusion` counts the same classes.
    height, width
        Of the map.
    kind
        As there.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong.
    """
    if logits.ndim != 3 or min(height, width) < 1:
        raise ValueError(f"need logits [K, h, w] and a size, not {list(logits.shape)} and {[height, width]}")
    kind, bits = _bits(logits[None], kind, (height, width))
    labels = np.empty((height, width), np.int32)
    _LABELS[kind](bits, labels)
    return labels


def resize_bilinear(values: npt.ArrayLike, height: int, width: int) -> npt.NDArray[np.float32]:
    """Resize [K, h, w] to float32 [K, height, width], in float32 whatever they are.

    As ``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)``, which rounds once more or
    less where sizes are tiny or it makes smaller.

    Raises
    ------
    ValueError
        If there is nothing to resize.
    """
    scores = np.ascontiguousarray(values, np.float32)
    if scores.ndim != 3 or 0 in scores.shape[1:] or min(height, width) < 1:
        raise ValueError(f"need values [K, h, w] and a size, not {list(scores.shape)} and {[height, width]}")
    if scores.shape[1:] == (height, width):
        return scores
    out = np.empty((len(scores), height, width), np.float32)
    _cpu.resize_bilinear(scores, out)
    return out


def _bits(logits: npt.NDArray[Any], kind: str | None, size: tuple[int, ...]) -> tuple[str, npt.NDArray[Any]]:
    """The kind of the scores [B, K, h, w], and they as the doors take them."""
    kind = str(logits.dtype) if kind is None else kind
    if kind not in _DOORS:
        raise ValueError(f"logits must be float32, float16 or bfloat16, not {kind}")
    if 0 in logits.shape[1:] or max(*logits.shape[1:], *size) >= 2**31:
        raise ValueError(f"there are no scores in logits of shape {list(logits.shape)}, or too many")
    return kind, np.ascontiguousarray(logits).view(np.float32 if kind == "float32" else np.uint16)
