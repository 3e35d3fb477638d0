"""HfModel: a model of Transformers and its image processor, in three stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segbench.models import hf_answers
from segbench.models.staged import Staged
from segbench.models.torch_module import TorchPlace
from segbench.models.types import Batch, ModelInfo, Prediction


class HfModel(Staged):
    """Preprocesses by the image processor, and answers by it.

    Parameters
    ----------
    info
        What the configuration says.
    model
        A module of Transformers, in evaluation mode.
    processor
        Its image processor.
    rules
        Thresholds that are given.
    """

    def __init__(self, info: ModelInfo, model: Any, processor: Any, rules: hf_answers.Rules) -> None:
        self.info = info
        self.place = TorchPlace(model)
        self._processor, self._rules = processor, rules

    def to(self, device: str, dtype: Any = None) -> None:
        """Bring the weights there."""
        self.place.to(device, dtype)

    def synchronize(self) -> None:
        """Wait for the device."""
        self.place.synchronize()

    def preprocess(self, batch: Batch) -> dict[str, Any]:
        """Make tensors of the images, where the weights are."""
        inputs = self._processor(
            images=list(batch.images), return_tensors="pt", input_data_format="channels_first"
        )
        return {key: self._moved(value) for key, value in inputs.items()}

    def forward(self, inputs: Mapping[str, Any]) -> Any:
        """Compute."""
        with self.place.inference():
            return self.place.module(**inputs)

    def postprocess(self, outputs: Any, batch: Batch) -> list[Prediction]:
        """Answer by the image processor, at native size; semantic logits as they are."""
        sizes = [(image.shape[1], image.shape[2]) for image in batch.images]
        with self.place.inference():
            if batch.task == "semantic":
                return hf_answers.semantic(self._processor, outputs, sizes)
            if batch.task == "instance":
                return hf_answers.instances(self._processor, outputs, sizes, self._rules)
            return hf_answers.panoptic(self._processor, outputs, sizes, self._rules, batch.stuff)

    def _moved(self, value: Any) -> Any:
        if not hasattr(value, "is_floating_point"):  # the places of patches, which are a list
            return value
        value = value.to(self.place.device)
        return value.to(self.place.dtype) if value.is_floating_point() else value
