"""``onnx:m.onnx``: a model that ONNX Runtime runs, fed and read as ``m.toml`` beside it says.

Option ``providers``: names of execution providers, in order; by default CUDA's on a GPU, and the CPU's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from segbench.errors import UsageError
from segbench.models.described import DescribedModel, Outputs
from segbench.models.description import Description, describe
from segbench.models.setup import Placement, Setup, need
from segbench.models.weights import existing, files_sha256

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def load(rest: str, setup: Setup, *, providers: list[str] | None = None) -> object:
    """Open a session on a file.

    Raises
    ------
    UsageError
        When the file or its description is missing, or ONNX Runtime, or the device that is asked for.
    DataError
        When the description is wrong.
    """
    file = existing(rest, "onnx")
    if setup.dtype is not None:
        raise UsageError("an ONNX model computes in the type that it was exported in: leave out the dtype")
    runtime = need("onnxruntime", "onnx")
    chosen = providers or _providers(setup.device, runtime.get_available_providers())
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    if setup.model_threads is not None:
        options.intra_op_num_threads = setup.model_threads
    description = describe(file, weights_sha256=files_sha256(_files(file)))
    return OnnxModel(description, runtime.InferenceSession(file, options, providers=chosen))


class OnnxModel(DescribedModel):
    """A session of ONNX Runtime."""

    def __init__(self, description: Description, session: Any) -> None:
        super().__init__(description)
        self._session = session
        self._name = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]
        used = session.get_providers()[0]
        self.placement = Placement("cuda:0" if used == _CUDA else "cpu" if used == _CPU else used, None)

    def call(self, values: NDArray[Any]) -> Outputs:
        """Compute every output, by position and by name."""
        found = self._session.run(None, {self._name: values})
        return {**dict(enumerate(found)), **dict(zip(self._outputs, found, strict=True))}


def _providers(device: str, available: list[str]) -> list[Any]:
    if device == "cpu" or (device == "auto" and _CUDA not in available):
        return [_CPU]
    if _CUDA not in available:
        raise UsageError(
            f"this onnxruntime has no provider for {device!r}, only {', '.join(available)}: "
            "for an NVIDIA GPU install onnxruntime-gpu instead"
        )
    _, _, number = device.partition(":")
    return [(_CUDA, {"device_id": int(number or 0)}), _CPU]


def _files(file: Path) -> list[Path]:
    """The model, and the weights that ONNX keeps beside it where they are large."""
    return [
        file,
        *sorted(p for p in file.parent.glob(f"{file.name}*") if p.suffix in (".data", ".onnx_data")),
    ]
