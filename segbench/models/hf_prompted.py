"""PromptedHfModel: CLIPSeg of Transformers, which is told in words what to look for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segbench.errors import PluginError
from segbench.models.arrays import to_numpy
from segbench.models.setup import need
from segbench.models.staged import Staged
from segbench.models.torch_module import TorchPlace
from segbench.models.types import Batch, ModelInfo, Prediction, SemanticPrediction

PROMPTED = "clipseg"
"""``model_type`` of the configurations of such models."""


class PromptedHfModel(Staged):
    """A pixel is of the category whose text gives it the highest logit, as CLIPSeg's documentation has it.

    Parameters
    ----------
    info
        What the configuration says; without categories before :meth:`set_prompts`.
    model
        A ``CLIPSegForImageSegmentation``, in evaluation mode.
    processor, tokenizer
        Those of its images and of its texts.
    """

    def __init__(self, info: ModelInfo, model: Any, processor: Any, tokenizer: Any) -> None:
        self.info = info
        self.place = TorchPlace(model)
        self._processor, self._tokenizer = processor, tokenizer
        self._texts: Mapping[str, Any] = {}

    def set_prompts(self, prompts: Mapping[int, str]) -> None:
        """Look for these texts, by category id."""
        texts = [text for _, text in sorted(prompts.items())]
        self._texts = dict(self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))

    def to(self, device: str, dtype: Any = None) -> None:
        """Bring the weights there."""
        self.place.to(device, dtype)

    def synchronize(self) -> None:
        """Wait for the device."""
        self.place.synchronize()

    def preprocess(self, batch: Batch) -> Any:
        """Make a tensor of the images, where the weights are."""
        if not self._texts:
            raise PluginError("has no prompts: name what to look for (--prompts)")
        inputs = self._processor(
            images=list(batch.images), return_tensors="pt", input_data_format="channels_first"
        )
        return inputs["pixel_values"].to(self.place.device, self.place.dtype)

    def forward(self, inputs: Any) -> list[Any]:
        """Compute the logits of all texts, an image at a time."""
        texts = {key: value.to(self.place.device) for key, value in self._texts.items()}
        n = len(texts["input_ids"])
        with self.place.inference():
            images = (one.expand(n, -1, -1, -1) for one in inputs)
            return [self.place.module(pixel_values=one, **texts).logits for one in images]

    def postprocess(self, outputs: list[Any], batch: Batch) -> list[Prediction]:  # noqa: ARG002 - as all stages
        """Logits as they are, a channel a text."""
        return [SemanticPrediction(logits=to_numpy(one.reshape(-1, *one.shape[-2:]))) for one in outputs]


def load_prompted(name: str, where: Mapping[str, Any], **how: Any) -> tuple[Any, Any]:
    """Read a CLIPSeg model, in evaluation mode, and its tokenizer; ``how`` is for the weights alone."""
    transformers: Any = need("transformers", "hf")
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(name, **where, **how)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(name, **where)
