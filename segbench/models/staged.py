"""Models in three stages, which the runner times one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeGuard

from segbench.models.types import Batch, ModelInfo, Prediction


class StagedModel(Protocol):
    """A model plugin that is asked in three steps; ``predict`` is one after the other.

    ``synchronize()``, where there is one, waits for the device.
    """

    info: ModelInfo

    def predict(self, batch: Batch) -> Sequence[Prediction]:
        """Answer each image of a batch, in order."""
        ...

    def preprocess(self, batch: Batch) -> Any:
        """Make inputs of the images, where the model computes."""
        ...

    def forward(self, inputs: Any) -> Any:
        """Compute."""
        ...

    def postprocess(self, outputs: Any, batch: Batch) -> Sequence[Prediction]:
        """Make predictions of what was computed."""
        ...


class Staged:
    """Gives a model of three stages its ``predict``."""

    def predict(self: StagedModel, batch: Batch) -> Sequence[Prediction]:
        """Answer each image of a batch, in order."""
        return self.postprocess(self.forward(self.preprocess(batch)), batch)


def is_staged(model: object) -> TypeGuard[StagedModel]:
    """Tell whether a model has all three stages."""
    return all(callable(getattr(model, name, None)) for name in ("preprocess", "forward", "postprocess"))
