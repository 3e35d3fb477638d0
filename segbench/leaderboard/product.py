"""The product of resamples and statistics, on the CPU or on a CUDA GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from segbench.errors import UsageError
from segbench.leaderboard.pooled import Floats, Product, Weights


class DeviceProduct:
    """Multiplies on the current CUDA device; weights go there once for all models.

    Raises
    ------
    UsageError
        When there is no CuPy or no GPU; it says what to install.
    """

    def __init__(self) -> None:
        try:
            import cupy
        except ImportError as error:
            raise UsageError(
                f"device 'cuda' needs CuPy ({error}): pip install 'segbench[cuda12]' or 'segbench[cuda13]'"
            ) from None
        try:
            cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise UsageError(f"CuPy finds no GPU ({error}): use device='cpu'") from None
        self._cupy = cupy
        self._weights: Weights | None = None
        self._held: Any = None

    def __call__(self, weights: Weights, statistics: Floats) -> Floats:
        """Return the product, float64 [r, k], on the CPU."""
        if self._weights is not weights:
            self._weights, self._held = weights, self._cupy.asarray(weights).astype(np.float64)
        found: Floats = self._cupy.asnumpy(self._held @ self._cupy.asarray(statistics))
        return found


def product_on(device: str) -> Product | None:
    """Return what multiplies on ``cuda``, None on ``cpu``; UsageError for others."""
    if device not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {device!r}: there are 'cpu' and 'cuda'")
    return None if device == "cpu" else DeviceProduct()
