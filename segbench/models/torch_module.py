"""What models of torch share: where they compute, how they are fed, how many parameters they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.models.described import DescribedModel, Outputs
from segbench.models.description import Description
from segbench.models.setup import need


class TorchPlace:
    """Where the module of a model is, and what it computes in.

    Parameters
    ----------
    module
        A ``torch.nn.Module``, or what has its ``parameters`` and ``buffers``.
    """

    def __init__(self, module: Any) -> None:
        self._torch: Any = need("torch", "torch")
        self.module = module
        self.device = "cpu"
        self.dtype = _float_dtype(module, self._torch)

    def to(self, device: str, dtype: Any = None) -> None:
        """Bring weights to a device and, where one is given, to a dtype."""
        self.module.to(device) if dtype is None else self.module.to(device, dtype)
        self.device, self.dtype = device, dtype or self.dtype

    def tensor(self, values: NDArray[Any]) -> Any:
        """Bring an array there; floats in the dtype of the weights."""
        tensor = self._torch.from_numpy(np.ascontiguousarray(values)).to(self.device)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def synchronize(self) -> None:
        """Wait for the GPU, where it is one."""
        if self.device.startswith("cuda"):
            self._torch.cuda.synchronize(self.device)

    def inference(self) -> Any:
        """Without gradients, as a context."""
        return self._torch.inference_mode()


class TorchModel(DescribedModel):
    """A module of torch that is fed and read as a description says."""

    def __init__(self, description: Description, module: Any) -> None:
        super().__init__(description)
        self.place = TorchPlace(module)

    def to(self, device: str, dtype: Any = None) -> None:
        """Bring the weights there."""
        self.place.to(device, dtype)

    def synchronize(self) -> None:
        """Wait for the device."""
        self.place.synchronize()

    def feed(self, values: NDArray[Any]) -> Any:
        """Make a tensor, where the weights are."""
        return self.place.tensor(values)

    def call(self, values: Any) -> Outputs:
        """Compute the outputs, by position and, where they have names, by name."""
        with self.place.inference():
            return outputs_of(self.place.module(values))


def outputs_of(found: Any) -> Outputs:
    """Outputs by position, and by name where they have names."""
    if isinstance(found, Mapping):
        return {**dict(enumerate(found.values())), **found}
    return dict(enumerate(found)) if isinstance(found, tuple | list) else {0: found}


def n_params(module: Any) -> int:
    """Return how many numbers the parameters of a module are."""
    return sum(p.numel() for p in module.parameters())


def _float_dtype(module: Any, torch: Any) -> Any:
    tensors = (*module.parameters(), *module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
