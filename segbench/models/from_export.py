"""``pt2:m.pt2``: a program of ``torch.export``, fed and read as ``m.toml`` beside it says."""

from __future__ import annotations

from typing import Any
from zipfile import BadZipFile

from segbench.errors import PluginError, UsageError
from segbench.models.description import describe
from segbench.models.setup import Setup, need
from segbench.models.torch_module import TorchModel, n_params
from segbench.models.weights import existing, files_sha256, torch_loads, torch_log_kept


def load(rest: str, setup: Setup) -> object:
    """Read an exported program.

    Raises
    ------
    UsageError
        When the file or its description is missing, or torch; when a dtype is asked for, which is part of the
        program; or when the file holds more than tensors, and ``setup.unsafe_pickle`` is not set.
    DataError
        When the description is wrong.
    PluginError
        When torch cannot read the file.
    """
    file = existing(rest, "pt2")
    if setup.dtype is not None:
        raise UsageError(
            "an exported program computes in the type that it was exported in: leave out the dtype"
        )
    need("torch", "torch")
    export: Any = need("torch.export", "torch")
    with torch_log_kept() as said, torch_loads(file, setup):
        try:
            program = export.load(file)
        except (RuntimeError, ValueError, OSError, BadZipFile) as error:
            why = (said[0] if said else str(error)).partition(". ")[0]
            raise PluginError(f"{file} cannot be read as a program of torch.export: {why}") from error
    known = {"weights_sha256": files_sha256([file]), "n_params": n_params(program)}
    return ExportedModel(describe(file, **known), program.module(), program)


class ExportedModel(TorchModel):
    """A program, which another device needs made anew."""

    def __init__(self, description: Any, module: Any, program: Any) -> None:
        super().__init__(description, module)
        self._program = program

    def to(self, device: str, dtype: Any = None) -> None:  # noqa: ARG002 - it has its own
        """Move the program, with the devices that are written into it."""
        passes: Any = need("torch.export.passes", "torch")
        if device != self.place.device:
            self.place.module = passes.move_to_device_pass(self._program, device).module()
            self.place.device = device
