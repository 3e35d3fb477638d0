"""``torchvision:NAME``: a semantic model or a Mask R-CNN of torchvision.

``torchvision:deeplabv3_resnet50`` has the weights that torchvision publishes as its default, ``NAME@COCO_V1``
others of its; they are read as tensors alone, and images are prepared as they ask. With option
``weights=FILE`` it has those of a checkpoint (safetensors, or a pickle of tensors), whose classes
``FILE``'s description names: ``m.toml`` beside ``m.pth``, see :mod:`segbench.models.description`; there
semantic models take pixels normalised as those of ImageNet, if it does not say otherwise, and a Mask R-CNN,
whose class 0 is the background, normalises them by itself.

A pixel belongs to an instance where its probability is above 0.5, and instances of a score above 0.05 are
listed, 100 at most, as in torchvision's documentation. Option ``score_threshold`` is another than 0.05.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segbench.errors import UsageError, did_you_mean
from segbench.models.arrays import to_numpy
from segbench.models.described import Outputs, groups_of
from segbench.models.description import IMAGENET, Description, describe
from segbench.models.setup import Setup, need
from segbench.models.staged import Staged
from segbench.models.torch_module import TorchModel, TorchPlace, n_params
from segbench.models.types import Batch, InstancePrediction, ModelInfo, Prediction, SemanticPrediction, Task
from segbench.models.weights import existing, files_sha256, read_state

_NOT_CLASSES = ("__background__", "N/A")
_OUTPUTS = ("masks", "scores", "labels")


def load(
    rest: str, setup: Setup, *, weights: str | None = None, score_threshold: float | None = None
) -> object:
    """Build a model, and read its weights.

    Raises
    ------
    UsageError
        When there is no such model or no such weights, or torchvision is missing or does not load.
    DataError
        When the description beside a checkpoint is wrong.
    """
    name, _, published = rest.partition("@")
    architecture = Architecture.of(name, score_threshold)
    if weights is None:
        return _published(architecture, published)
    file = existing(weights, "torchvision")
    return _of_checkpoint(architecture, file, read_state(file, setup))


@dataclass(frozen=True)
class Architecture:
    """A model of torchvision by name, what it answers, and settings that it is built with."""

    models: Any
    name: str
    task: Task
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, score_threshold: float | None) -> Architecture:
        """Find it; UsageError where there is none, or torchvision is missing or does not load."""
        need("torch", "vision")
        need("torchvision", "vision")
        models: Any = need("torchvision.models", "vision")
        known: dict[str, Task] = {
            **dict.fromkeys(models.list_models(module=models.segmentation), "semantic"),
            **dict.fromkeys(models.list_models(module=models.detection, include="maskrcnn*"), "instance"),
        }
        if name not in known:
            raise UsageError(f"torchvision:{name}: there is no such model.{did_you_mean(name, known)}")
        detects = known[name] == "instance" and score_threshold is not None
        return cls(models, name, known[name], {"box_score_thresh": score_threshold} if detects else {})

    def build(self, state: Mapping[str, Any], n_classes: int) -> Any:
        """Make a module that a state fits, with that state, in evaluation mode."""
        auxiliary = any(key.startswith("aux_classifier.") for key in state)
        aux = {"aux_loss": True} if auxiliary and self.task == "semantic" else {}
        built = {"weights": None, "weights_backbone": None, "num_classes": n_classes, **aux}
        module = self.models.get_model(self.name, **built, **self.settings)
        module.load_state_dict(state)
        return module.eval()


def _published(of: Architecture, which: str) -> object:
    """A model with weights of torchvision's own, which are downloaded once."""
    entries = of.models.get_model_weights(of.name)
    known = entries.__members__
    if which and which not in known:
        raise UsageError(f"torchvision:{of.name}@{which}: no such weights.{did_you_mean(which, known)}")
    entry = known[which] if which else entries.DEFAULT
    labels = dict(enumerate(entry.meta["categories"]))
    try:
        state = entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:
        raise UsageError(f"torchvision:{of.name}: its weights cannot be downloaded: {error}") from error
    module = of.build(state, len(labels))
    hub: Any = need("torch.hub", "vision")
    info = ModelInfo(
        name=of.name,
        tasks=(of.task,),
        id2label={i: x for i, x in labels.items() if of.task == "semantic" or x not in _NOT_CLASSES},
        revision=str(entry),
        weights_sha256=files_sha256([Path(hub.get_dir(), "checkpoints", Path(entry.url).name)]),
        n_params=n_params(module),
    )
    return PublishedModel(info, module, entry.transforms())


def _of_checkpoint(of: Architecture, file: Path, state: Mapping[str, Any]) -> object:
    """A model with weights from a file, fed and read as the description beside it says."""
    rules: dict[str, Any] = dict(IMAGENET) if of.task == "semantic" else {}
    description = describe(file, weights_sha256=files_sha256([file]), input=rules)
    if description.info.tasks != (of.task,):
        raise UsageError(
            f"torchvision:{of.name} answers the task {of.task}, and {file} is described otherwise"
        )
    n_classes = max(description.info.id2label) + 1
    try:
        module = of.build(state, n_classes)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UsageError(f"{file} does not fit {of.name} of {n_classes} classes: {reason}") from None
    info = replace(description.info, n_params=n_params(module))
    return CheckpointModel(replace(description, info=info), module)


class CheckpointModel(TorchModel):
    """A model whose outputs stand in the order in which descriptions count them."""

    def __init__(self, description: Description, module: Any) -> None:
        super().__init__(description, module)
        self._detects = description.info.tasks == ("instance",)

    def call(self, values: Any) -> Outputs:
        """Compute logits, or the instances of one image."""
        with self.place.inference():
            if not self._detects:
                return {0: self.place.module(values)["out"]}
            (found,) = self.place.module(list(values))
            return {i: found[key] for i, key in enumerate(_OUTPUTS)}


class PublishedModel(Staged):
    """A model whose images are prepared as its weights ask.

    Parameters
    ----------
    info
        What the weights say.
    module
        In evaluation mode.
    transforms
        From a uint8 tensor [3, H, W] to what the module takes.
    """

    def __init__(self, info: ModelInfo, module: Any, transforms: Any) -> None:
        self.info = info
        self.place = TorchPlace(module)
        self._transforms = transforms

    def to(self, device: str, dtype: Any = None) -> None:
        """Bring the weights there."""
        self.place.to(device, dtype)

    def synchronize(self) -> None:
        """Wait for the device."""
        self.place.synchronize()

    def preprocess(self, batch: Batch) -> list[Any]:
        """Make a tensor of each image, where the weights are."""
        return [self.place.tensor(self._ready(image)) for image in batch.images]

    def _ready(self, image: Any) -> Any:
        torch: Any = need("torch", "vision")
        return self._transforms(torch.from_numpy(np.ascontiguousarray(image))).numpy()

    def forward(self, inputs: list[Any]) -> list[Any]:
        """Compute: images of one size go together."""
        torch: Any = need("torch", "vision")
        with self.place.inference():
            if self.info.tasks == ("instance",):
                return list(self.place.module(inputs))
            groups = groups_of([tuple(one.shape) for one in inputs], len(inputs))
            stacks = [torch.stack([inputs[i] for i in group]) for group in groups]
            return [logits for stack in stacks for logits in self.place.module(stack)["out"]]

    def postprocess(self, outputs: Sequence[Any], batch: Batch) -> list[Prediction]:
        """Semantic logits as they are; masks of a probability above one half."""
        if batch.task == "semantic":
            return [SemanticPrediction(logits=to_numpy(one)) for one in outputs]
        return [
            InstancePrediction(
                masks=to_numpy(one["masks"][:, 0] > 0.5),
                scores=to_numpy(one["scores"].float()),
                category_ids=to_numpy(one["labels"]),
            )
            for one in outputs
        ]
