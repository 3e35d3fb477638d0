"""Arrays of models: brought to NumPy, and to another size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_numpy(value: Any) -> NDArray[Any]:
    """Return a tensor of any library as an array; bfloat16, which NumPy has not, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
    return np.asarray(value)


def resize_bilinear(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize as ``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`` does.

    Parameters
    ----------
    values
        float32 or float64 [C, h, w].
    height, width
        Size wanted.

    Returns
    -------
    Same dtype [C, height, width]
    """
    y0, y1, v = _taps(values.shape[1], height, values.dtype)
    x0, x1, u = _taps(values.shape[2], width, values.dtype)
    v = v[:, None]
    upper, lower = values[:, y0], values[:, y1]
    resized: NDArray[Any] = (1 - v) * ((1 - u) * upper[:, :, x0] + u * upper[:, :, x1])
    resized += v * ((1 - u) * lower[:, :, x0] + u * lower[:, :, x1])
    return resized


def _taps(
    size: int, wanted: int, dtype: np.dtype[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Return the two source places of every target place, and the weight of the second."""
    scale = np.float64(dtype.type(size) / dtype.type(wanted))
    # In float64 and then rounded once: the fused multiply-add of torch's compiled loops.
    at = np.maximum((np.arange(wanted) + 0.5) * scale - 0.5, 0).astype(dtype)
    first = np.minimum(at.astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), at - first.astype(dtype)


def resize_nearest(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Bring maps [n, h, w] to another size by the nearest pixel, as torch's interpolate does."""
    if values.shape[1:] == (height, width):
        return values
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), values.shape[1:], strict=True))
    found: NDArray[Any] = values[:, rows[:, None], columns]
    return found
