"""Models that are fed and read as a description says: their pre- and postprocessing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.kernels import resize_bilinear
from segbench.models.arrays import resize_nearest, to_numpy
from segbench.models.description import Description, Input, Output
from segbench.models.staged import Staged
from segbench.models.types import (
    Batch,
    InstancePrediction,
    ModelInfo,
    Prediction,
    SemanticPrediction,
)

Outputs = Mapping[int | str, Any]
"""Outputs of one call by position, and by name where they have names."""


@dataclass(frozen=True)
class Fed:
    """One call: its input, of height and width ``padded``; and how much of it each image is."""

    values: Any
    padded: tuple[int, int]
    sizes: Sequence[tuple[int, int]]


class DescribedModel(Staged, ABC):
    """A model whose file is fed and read as its description says.

    Parameters
    ----------
    description
        What a description beside the file says.
    """

    def __init__(self, description: Description) -> None:
        self.info: ModelInfo = description.info
        self._input, self._output = description.input, description.output

    @abstractmethod
    def call(self, values: Any) -> Outputs:
        """Compute the outputs of one input."""

    def feed(self, values: NDArray[Any]) -> Any:
        """Bring an input, as NumPy has it, to where the model computes."""
        return values

    def fetch(self, value: Any) -> NDArray[Any]:
        """Bring an output back to NumPy."""
        return to_numpy(value)

    def preprocess(self, batch: Batch) -> list[Fed]:
        """Make the inputs of calls: images of one size go together as far as the model takes them."""
        ready = [model_input(image, self._input) for image in batch.images]
        groups = groups_of([values.shape for values, _ in ready], self._input.batch)
        return [self._fed([ready[i] for i in group]) for group in groups]

    def _fed(self, ready: list[tuple[NDArray[Any], tuple[int, int]]]) -> Fed:
        values = np.stack([one for one, _ in ready])
        height, width = values.shape[2:] if self._input.layout == "nchw" else values.shape[1:3]
        return Fed(self.feed(values), (height, width), [size for _, size in ready])

    def forward(self, inputs: list[Fed]) -> list[tuple[Outputs, Fed]]:
        """Compute each call."""
        return [(self.call(fed.values), fed) for fed in inputs]

    def postprocess(self, outputs: list[tuple[Outputs, Fed]], batch: Batch) -> list[Prediction]:
        """Read the outputs as the description says."""
        read = _READERS[self._output.kind]
        answers: list[Prediction] = []
        for call, fed in outputs:
            for i, size in enumerate(fed.sizes):
                image = batch.images[len(answers)]
                one = _Call(call, self._output, self.fetch, i, size, fed.padded, image.shape[1:])
                answers.append(read(one))
        return answers


def model_input(image: NDArray[np.uint8], rules: Input) -> tuple[NDArray[Any], tuple[int, int]]:
    """Make an input of an image.

    Parameters
    ----------
    image
        RGB, uint8 [3, H, W].
    rules
        Of the description.

    Returns
    -------
    values
        [3, h, w], or [h, w, 3] for ``nhwc``, of the dtype that the model takes.
    size
        Height and width of the image in it; the rest is padding.
    """
    if rules.size and image.shape[1:] != rules.size:
        image = _resized(image, rules)
    height, width = image.shape[1:]
    if rules.channels == "bgr":
        image = image[::-1]
    values: NDArray[Any] = image
    if rules.dtype != "uint8":
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (rules.mean, rules.std))
        scaled = (np.arange(256) * rules.scale).astype(np.float32)  # rounded once, as pixels over 255 are
        values = (scaled[image] - mean) / std
        values = values.astype(rules.dtype, copy=False)
    pad = [(0, 0), *((0, -n % rules.multiple) for n in (height, width))]
    values = np.pad(values, pad) if rules.multiple > 1 else values
    return (values if rules.layout == "nchw" else values.transpose(1, 2, 0)), (height, width)


def _resized(image: NDArray[np.uint8], rules: Input) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = rules.size
    how = Image.Resampling[rules.resize.upper()]
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return np.asarray(picture.resize((width, height), how)).transpose(2, 0, 1)


def groups_of(shapes: Sequence[tuple[int, ...]], most: int) -> list[list[int]]:
    """Places of neighbours that have one shape, ``most`` of them at a time."""
    groups: list[list[int]] = []
    for i, shape in enumerate(shapes):
        if groups and len(groups[-1]) < most and shapes[groups[-1][0]] == shape:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@dataclass(frozen=True)
class _Call:
    """The outputs of a call, as far as they are those of one image.

    ``size`` is that of the image in the input, ``padded`` that of the input, ``native`` that of the image.
    """

    outputs: Outputs
    rules: Output
    fetch: Callable[[Any], NDArray[Any]]
    place: int
    size: tuple[int, int]
    padded: tuple[int, int]
    native: tuple[int, ...]

    def array(self, key: int | str) -> NDArray[Any]:
        if key not in self.outputs:
            known = ", ".join(map(repr, self.outputs))
            raise KeyError(f"the description names output {key!r}, the model has {known}")
        return self.fetch(self.outputs[key])

    def unpad(self, values: NDArray[Any], resize: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        """Cut off the padding of [n, h, w], which is brought to the size of the input for that."""
        if self.size == self.padded:
            return values
        if values.shape[1:] != self.padded:
            values = resize(values, *self.padded)
        return values[:, : self.size[0], : self.size[1]]


def _logits(call: _Call) -> Prediction:
    return SemanticPrediction(logits=call.unpad(call.array(call.rules.logits)[call.place], resize_bilinear))


def _mask(call: _Call) -> Prediction:
    mask = call.unpad(call.array(call.rules.logits)[call.place][None], resize_nearest)
    return SemanticPrediction(mask=resize_nearest(mask, *call.native)[0])


def _instances(call: _Call) -> Prediction:
    rules = call.rules
    scores, labels = (call.array(key).reshape(-1) for key in (rules.scores, rules.labels))
    masks = call.array(rules.masks)
    masks = masks.reshape(len(scores), *masks.shape[-2:])
    if not len(scores):
        masks = np.zeros((0, *call.native), bool)
    elif masks.dtype == bool:
        masks = resize_nearest(call.unpad(masks, resize_nearest), *call.native)
    else:
        masks = resize_bilinear(call.unpad(masks, resize_bilinear), *call.native) > rules.threshold
    return InstancePrediction(
        masks=masks,
        scores=scores.astype(np.float32, copy=False),
        category_ids=labels.astype(np.int64, copy=False),
    )


_READERS: Mapping[str, Callable[[_Call], Prediction]] = {
    "logits": _logits,
    "mask": _mask,
    "instances": _instances,
}
