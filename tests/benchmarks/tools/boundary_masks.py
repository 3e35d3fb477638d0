"""What the plain tools of boundaries share: the boundary of a mask, by SciPy's distance transform."""

from __future__ import annotations

import math
from typing import Any

RATIO = 0.02


def boundary(mask: Any) -> Any:
    """Return what of a mask [H, W] lies within 2 % of the diagonal of its outside, by rows and columns."""
    import numpy as np
    from scipy import ndimage

    mask = np.asarray(mask, bool)
    out = np.zeros(mask.shape, np.uint8)
    distance = max(1, round(RATIO * math.hypot(*mask.shape)))
    for part in ndimage.find_objects(mask.astype(np.int8)):  # its box
        depth = ndimage.distance_transform_cdt(np.pad(mask[part], 1), "chessboard")[1:-1, 1:-1]
        out[part] = (depth > 0) & (depth <= distance)
    return out
