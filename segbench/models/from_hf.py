"""``hf:DIR``, ``hf:org/name@revision``: a segmentation model of Transformers, with its own image processor.

Semantic models answer with logits; universal ones (Mask2Former, MaskFormer, EoMT, DETR) with what the image
processor's ``post_process_…_segmentation`` makes of their outputs, as their documentation says. CLIPSeg is
told in words what to look for (``prompts``). Weights are read from safetensors; from pickles only where
``unsafe_pickle`` allows it. ``HF_HUB_OFFLINE=1`` keeps the network out. Code that comes with a model runs
only where ``trust_remote_code`` allows it, and then the spec names the full commit.

Options: ``threshold``, ``mask_threshold`` and ``overlap_mask_area_threshold`` of the processor. By default
they are the processor's own, but that ``threshold`` is 0 for instances whose masks may overlap: AP ranks by
score, and what is below a threshold is missing from the curve. ``backend``: ``pil`` or ``torchvision``,
which resize differently; by default ``pil``, which is always there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.models.hf_answers import Rules
from segbench.models.hf_model import HfModel
from segbench.models.hf_prompted import PROMPTED, PromptedHfModel, load_prompted
from segbench.models.hub import place_of
from segbench.models.setup import Setup, need
from segbench.models.types import ModelInfo, Task
from segbench.models.weights import files_sha256

_COMMIT = re.compile(r"[0-9a-f]{40}")
_KINDS = ("Semantic", "Universal", "Instance")
"""Of AutoModelFor…Segmentation, in the order in which a model's configuration is looked up."""


def load(
    rest: str,
    setup: Setup,
    *,
    threshold: float | None = None,
    mask_threshold: float | None = None,
    overlap_mask_area_threshold: float | None = None,
    backend: str = "pil",
) -> object:
    """Read configuration, processor and weights from a folder or the Hub.

    Raises
    ------
    UsageError
        When there is no such model, it is none for segmentation, its weights are pickles, its code would have
        to run, or a package is missing.
    """
    name, revision = _place(rest, setup)
    transformers: Any = need("transformers", "hf")
    need("torch", "hf")
    transformers.utils.logging.disable_progress_bar()  # the run has its own
    where = {"revision": revision, "trust_remote_code": setup.trust_remote_code}
    try:
        if setup.trust_remote_code:
            _refuse_code_from_elsewhere(transformers, name, revision)
        config = transformers.AutoConfig.from_pretrained(name, **where)
        weights = {} if setup.unsafe_pickle else {"use_safetensors": True}
        processor = transformers.AutoImageProcessor.from_pretrained(name, backend=backend, **where)
        if config.model_type == PROMPTED:
            model, tokenizer = load_prompted(name, where, config=config, **weights)
            info = replace(_info(name, revision, "Semantic", config, model), id2label={})
            return PromptedHfModel(info, model, processor, tokenizer)
        kind, auto = _auto(transformers, config, name)
        model = auto.from_pretrained(name, config=config, **where, **weights)
    except (OSError, ValueError) as error:
        raise UsageError(_reason(rest, error)) from error
    rules = Rules(
        threshold=threshold,
        mask_threshold=mask_threshold,
        overlap_mask_area_threshold=overlap_mask_area_threshold,
    )
    return HfModel(_info(name, revision, kind, config, model), model.eval(), processor, rules)


def _place(rest: str, setup: Setup) -> tuple[str, str | None]:
    """Folder or repository, and revision."""
    name, revision = place_of(rest, "hf")
    if setup.trust_remote_code and not Path(name).is_dir() and not _COMMIT.fullmatch(revision or ""):
        raise UsageError(
            f"hf:{rest}: code of a repository runs only from a commit that you looked at: "
            f"name it in full, hf:{name}@<40 hexadecimal digits>"
        )
    return name, revision


def _refuse_code_from_elsewhere(transformers: Any, name: str, revision: str | None) -> None:
    """Code that a configuration names in another repository would be whatever that holds today."""
    base = transformers.image_processing_base.ImageProcessingMixin
    for read in (transformers.PretrainedConfig.get_config_dict, base.get_image_processor_dict):
        try:
            content, _ = read(name, revision=revision)
        except OSError:  # there is none, which its reader tells
            continue
        for code in (content.get("auto_map") or {}).values():
            if "--" in str(code):
                raise UsageError(
                    f"hf:{name}: its code is {code}, of another repository, whose commit no spec can name: "
                    "copy it into the model's folder"
                )


def _auto(transformers: Any, config: Any, name: str) -> tuple[str, Any]:
    """Return the kind of model that a configuration is of, and its auto class."""
    remote = getattr(config, "auto_map", None) or {}
    for kind in _KINDS:
        auto = getattr(transformers, f"AutoModelFor{kind}Segmentation")
        if type(config) in auto._model_mapping or auto.__name__ in remote:
            return kind, auto
    raise UsageError(f"hf:{name}: {type(config).__name__} is not that of a segmentation model")


def _info(name: str, revision: str | None, kind: str, config: Any, model: Any) -> ModelInfo:
    """What the configuration and the files say of the model."""
    folder = Path(name)
    tasks: tuple[Task, ...] = ("semantic", "instance", "panoptic")
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    return ModelInfo(
        name=folder.resolve().name if folder.is_dir() else name.rpartition("/")[2],
        tasks=tasks[:1] if kind == "Semantic" else tasks[1:2] if kind == "Instance" else tasks,
        id2label={int(key): str(label) for key, label in config.id2label.items()},
        revision=getattr(config, "_commit_hash", None) or revision,
        weights_sha256=files_sha256(files) if folder.is_dir() and files else None,
        n_params=sum(p.numel() for p in model.parameters()),
    )


def _reason(rest: str, error: Exception) -> str:
    """What Transformers says, in one line, and what helps."""
    text = " ".join(str(error).split())
    if "safetensors" in text:
        text = (
            f"there are no weights as safetensors ({text}). Save them so; or, if you trust who made them, "
            "allow pickles with --unsafe-pickle, which the record keeps"
        )
    elif "trust_remote_code" in text:
        text = (
            f"the model comes with code of its own ({text}). If you have looked at it, allow it with "
            "--trust-remote-code and name the full commit"
        )
    return f"hf:{rest}: {text}"
