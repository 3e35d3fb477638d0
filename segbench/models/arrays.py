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


def resize_nearest(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Bring maps [n, h, w] to another size by the nearest pixel, as torch's interpolate does."""
    if values.shape[1:] == (height, width):
        return values
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), values.shape[1:], strict=True))
    found: NDArray[Any] = values[:, rows[:, None], columns]
    return found
