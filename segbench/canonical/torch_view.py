"""A data set as a ``torch.utils.data.Dataset``; imported only where torch is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.errors import UsageError

try:
    import torch
    from torch.utils.data import Dataset as TorchDataset
except ImportError as error:
    raise UsageError("this needs torch: pip install 'segbench[torch]'") from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segbench.canonical.sample import Sample


class _TorchView(TorchDataset[dict[str, Any]]):  # type: ignore[misc]  # torch is not read by mypy
    """Map-style view: index -> ``{image uint8 [3, H, W], mask int64 [H, W], image_id}``."""

    def __init__(self, dataset: Sequence[Sample]) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self._dataset[index]
        return {
            "image": torch.from_numpy(sample.image),
            "mask": torch.from_numpy(sample.mask.astype(np.int64)),
            "image_id": sample.image_id,
        }


def torch_view(dataset: Sequence[Sample]) -> TorchDataset[dict[str, Any]]:
    """Return a map-style torch data set over ``dataset``."""
    return _TorchView(dataset)
