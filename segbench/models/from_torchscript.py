"""``ts:m.pt``: a TorchScript module, fed and read as ``m.toml`` beside it says."""

from __future__ import annotations

import warnings
from typing import Any

from segbench.models.description import describe
from segbench.models.setup import Setup, need
from segbench.models.torch_module import TorchModel, n_params
from segbench.models.weights import existing, files_sha256


def load(rest: str, setup: Setup) -> object:  # noqa: ARG001 - every adapter is asked alike
    """Read a TorchScript module.

    Raises
    ------
    UsageError
        When the file or its description is missing, or torch.
    DataError
        When the description is wrong.
    """
    file = existing(rest, "ts")
    torch: Any = need("torch", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as such
        module = torch.jit.load(file, map_location="cpu").eval()
    known = {"weights_sha256": files_sha256([file]), "n_params": n_params(module)}
    return TorchModel(describe(file, **known), module)
