"""What a file of weights does not say of itself: a small TOML or JSON beside it.

``m.onnx``, ``m.pt2`` and ``m.pt`` are described by ``m.toml``, or ``m.json`` with the same keys::

    name = "tiny-net"                     # by default the name of the file
    task = "semantic"                     # or "instance"
    labels = ["road", "sky"]              # or a table: {0 = "road", 7 = "sky"}
    license = "Apache-2.0"                # these two may be left out
    revision = "v2"

    [input]                               # each may be left out; these are the defaults
    size = []                             # [height, width] to resize to; [] is the size of the image
    resize = "bilinear"                   # or bicubic, nearest, box, lanczos: Pillow's, which smooth
    multiple = 1                          # height and width are padded to a multiple, below and right, with 0
    channels = "rgb"                      # or "bgr"
    layout = "nchw"                       # or "nhwc"
    dtype = "float32"                     # or uint8, float16: what the model takes
    scale = 0.00392156862745098           # pixels 0..255 times this, minus mean, over std
    mean = [0.0, 0.0, 0.0]
    std = [1.0, 1.0, 1.0]
    batch = 1                             # images a call at most, if they are of one size

    [output]
    kind = "logits"                       # semantic: logits [B, C, h, w], or "mask" [B, H, W] of category ids
    logits = 0                            # which output: its position, or its name where outputs have names
    # of an instance model, which answers one image a call:
    # masks = 0                           # [N, H, W] or [N, 1, H, W]: bool, or a probability of each pixel
    # scores = 1                          # [N]
    # labels = 2                          # [N], integers
    # threshold = 0.5                     # pixels of a higher probability belong to the instance
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from segbench.errors import DataError, UsageError, did_you_mean
from segbench.models.types import ModelInfo, Task

T = TypeVar("T")

RESIZES = ("nearest", "lanczos", "bilinear", "bicubic", "box")
"""Of Pillow: PIL.Image.Resampling by name."""

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What most models of photographs are trained with: defaults of an input, for adapters that have them."""

_CHOICES = {
    "resize": RESIZES,
    "channels": ("rgb", "bgr"),
    "layout": ("nchw", "nhwc"),
    "dtype": ("float32", "float16", "uint8"),
    "kind": ("logits", "mask", "instances"),
}
_KEYS = ("name", "task", "labels", "license", "revision", "input", "output")


@dataclass(frozen=True, kw_only=True)
class Input:
    """How an image becomes an input; keys as in the module's docstring."""

    size: tuple[int, ...] = ()
    resize: str = "bilinear"
    multiple: int = 1
    channels: str = "rgb"
    layout: str = "nchw"
    dtype: str = "float32"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    batch: int = 1


@dataclass(frozen=True, kw_only=True)
class Output:
    """What outputs mean; keys as in the module's docstring."""

    kind: str = "logits"
    logits: int | str = 0
    masks: int | str = 0
    scores: int | str = 1
    labels: int | str = 2
    threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Description:
    """A model's name, task and labels, and how it is fed and read."""

    info: ModelInfo
    input: Input = field(default_factory=Input)
    output: Output = field(default_factory=Output)


def describe(weights: Path, **known: Any) -> Description:
    """Read the description beside a file of weights, or in a folder of them.

    Parameters
    ----------
    weights
        A file, described by the ``.toml`` or ``.json`` of its name; or a folder, described by
        ``segbench.toml`` or ``segbench.json`` in it.
    known
        What :class:`ModelInfo` and the input are known to have: ``weights_sha256``, ``n_params``, and
        ``input``, a dict of defaults.

    Raises
    ------
    UsageError
        When there is none.
    DataError
        When a key or a value is not as it must be.
    """
    base = weights / "segbench" if weights.is_dir() else weights
    found = [file for end in (".toml", ".json") if (file := base.with_suffix(end)).is_file()]
    if not found:
        raise UsageError(
            f"{weights} does not say what its labels and inputs are: describe it in "
            f"{base.with_suffix('.toml')}, "
            'with at least task = "semantic" and labels = ["…"]; the keys are in segbench.models.description'
        )
    return read_description(found[0], weights, **known)


def read_description(file: Path, weights: Path, **known: Any) -> Description:
    """Read a description from a file of any name; otherwise as :func:`describe`."""
    content = _content(file)
    _refuse_unknown(content, _KEYS, file, "")
    task = content.get("task", "semantic")
    if task not in ("semantic", "instance"):
        raise DataError(f"must be 'semantic' or 'instance', not {task!r}", file=file, field="task")
    defaults = known.pop("input", {})
    output = _read(Output, {**_default_output(task), **_table(content, "output", file)}, file, "output")
    if (output.kind == "instances") != (task == "instance"):
        raise DataError(f"{output.kind!r} does not answer the task {task}", file=file, field="output.kind")
    info = ModelInfo(
        name=str(content.get("name", weights.stem)),
        tasks=(cast("Task", task),),
        id2label=_labels(content, file),
        license=content.get("license"),
        revision=content.get("revision"),
        **known,
    )
    inputs = _read(Input, {**defaults, **_table(content, "input", file)}, file, "input")
    _check_input(inputs, file)
    return Description(info=info, input=inputs, output=output)


def _default_output(task: str) -> dict[str, Any]:
    return {"kind": "instances" if task == "instance" else "logits"}


def _content(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (ValueError, OSError) as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise DataError(f"cannot be read: {error}", file=file) from None
    if not isinstance(content, dict):
        raise DataError("is no table of keys", file=file)
    return content


def _table(content: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise DataError("must be a table", file=file, field=key)
    return table


def _labels(content: Mapping[str, Any], file: Path) -> dict[int, str]:
    labels = content.get("labels")
    if isinstance(labels, list):
        labels = dict(enumerate(labels))
    if not isinstance(labels, dict) or not labels:
        raise DataError("must list the names of the categories", file=file, field="labels")
    try:
        found = {int(key): label for key, label in labels.items()}
    except ValueError:
        raise DataError("the keys must be category ids", file=file, field="labels") from None
    if not all(isinstance(label, str) for label in found.values()):
        raise DataError("each must be a text", file=file, field="labels")
    return found


def _read(kind: type[T], table: Mapping[str, Any], file: Path, name: str) -> T:
    """Make a dataclass of a table, each value of the type of its default."""
    defaults = {f.name: f.default for f in fields(cast("Any", kind))}
    _refuse_unknown(table, defaults, file, f"{name}.")
    values: dict[str, Any] = {}
    for key, value in table.items():
        values[key] = tuple(value) if isinstance(value, list) else value
        fault = _fault(key, values[key], defaults[key])
        if fault:
            raise DataError(fault, file=file, field=f"{name}.{key}")
    return kind(**values)


def _fault(key: str, value: Any, default: Any) -> str | None:
    if key in _CHOICES and value not in _CHOICES[key]:
        return f"is {value!r}, and must be one of {', '.join(_CHOICES[key])}"
    allowed: tuple[type, ...] = (type(default),)
    if isinstance(default, float):
        allowed = (int, float)
    elif key in ("logits", "masks", "scores", "labels"):
        allowed = (int, str)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return f"is {value!r}, and must be like {default!r}"
    items = value if isinstance(value, tuple) else ()
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in items):
        return f"is {value!r}, and must hold numbers"
    return None


def _check_input(rules: Input, file: Path) -> None:
    sizes = len(rules.size) in (0, 2) and all(isinstance(n, int) and n > 0 for n in rules.size)
    faults = {
        "size": not sizes,
        "mean": len(rules.mean) != 3,
        "std": len(rules.std) != 3 or 0 in rules.std,
        "multiple": rules.multiple < 1,
        "batch": rules.batch < 1,
    }
    for key, wrong in faults.items():
        if wrong:
            raise DataError(f"is {getattr(rules, key)!r}", file=file, field=f"input.{key}")


def _refuse_unknown(table: Mapping[str, Any], known: Any, file: Path, prefix: str) -> None:
    for key in table:
        if key not in known:
            raise DataError(f"there is no such key.{did_you_mean(key, known)}", file=file, field=prefix + key)
