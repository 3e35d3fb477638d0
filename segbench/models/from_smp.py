"""``smp:DIR``, ``smp:org/name@revision``: a model of segmentation_models_pytorch, as it saves itself.

The folder holds ``config.json`` and ``model.safetensors``, which ``model.save_pretrained`` writes, and
``segbench.toml``, which says what the classes are (see :mod:`segbench.models.description`). Where that does
not say otherwise, pixels are normalised as those of ImageNet, and images padded to multiples of 32. A model
of one class, whose one logit says whether a pixel is of it, has two labels: what is not, and what is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segbench.errors import DataError, UsageError
from segbench.models.described import Outputs
from segbench.models.description import IMAGENET, Description, describe
from segbench.models.hub import folder_of
from segbench.models.setup import Setup, need
from segbench.models.torch_module import TorchModel, n_params
from segbench.models.weights import files_sha256

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


def load(rest: str, setup: Setup) -> object:  # noqa: ARG001 - every adapter is asked alike
    """Build the model that the configuration names, and read its weights.

    Raises
    ------
    UsageError
        When there is no such model, a file of it is missing, or a package is.
    DataError
        When the description is wrong, or has another number of labels than the model has classes.
    """
    smp: Any = need("segmentation_models_pytorch", "vision")
    folder = folder_of(rest, "smp", [_CONFIG, _WEIGHTS, "segbench.toml", "segbench.json"])
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise UsageError(f"smp:{rest}: there is no {name}; model.save_pretrained(DIR) writes it")
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    kinds = {kind.__name__: kind for kind in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    kind = config.pop("_model_class", None)
    if kind not in kinds:
        raise UsageError(f"smp:{rest}: {_CONFIG} names the model {kind!r}, which is none of smp's")
    module = kinds[kind](**{**config, "encoder_weights": None})
    module.load_state_dict(need("safetensors.torch", "vision").load_file(folder / _WEIGHTS))
    known = {"weights_sha256": files_sha256([folder / _WEIGHTS]), "n_params": n_params(module)}
    description = describe(folder, **known, input={**IMAGENET, "multiple": 32})
    _check_labels(description, config.get("classes", 1), folder)
    return SmpModel(description, module.eval())


class SmpModel(TorchModel):
    """A model whose one logit, where it has but one, is set against a logit of 0 for what is not."""

    def call(self, values: Any) -> Outputs:
        """Compute the logits."""
        logits = super().call(values)[0]
        if logits.shape[1] == 1:
            torch: Any = need("torch", "vision")
            logits = torch.cat([torch.zeros_like(logits), logits], 1)
        return {0: logits}


def _check_labels(description: Description, n_classes: int, folder: Path) -> None:
    labels, wanted = description.info.id2label, max(n_classes, 2)
    if sorted(labels) != list(range(wanted)):
        raise DataError(
            f"has {len(labels)} labels, a model of {n_classes} classes needs those of 0 to {wanted - 1}",
            file=folder / "segbench.toml",
            field="labels",
        )
