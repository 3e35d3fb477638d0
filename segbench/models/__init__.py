"""Model plugins: what a model is, and how one is loaded from a spec.

A spec is ``scheme:rest``, or the name of an entry point of group ``segbench.models``:

``file:path.py:Class``
    a class, factory or model in one file;
``module:pkg.mod:factory``
    the same in an installed module;
``hf:DIR``, ``hf:org/name@revision``
    a model of Transformers, from a folder or the Hub;
``onnx:m.onnx``, ``pt2:m.pt2``, ``ts:m.pt``
    a file of ONNX, of ``torch.export`` or of TorchScript, with a description beside it;
``torchvision:NAME``, ``smp:DIR``, ``ultralytics:m.pt``
    a model of torchvision, of segmentation_models_pytorch or of Ultralytics;
``http://host:port/path``, ``https://…``
    a server that answers requests.

Each adapter is one file, in its docstring what it takes; it imports what it needs when it is asked.
Plugins are code: only the one named is loaded, and listing reads metadata without importing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from segbench.canonical.options import checked_options
from segbench.errors import DataError, PluginError, UsageError, did_you_mean, raised
from segbench.models.class_map import ClassMap
from segbench.models.prompts import OpenVocabulary, is_open
from segbench.models.setup import Setup
from segbench.models.types import (
    TASKS,
    Batch,
    InstancePrediction,
    ModelInfo,
    PanopticPrediction,
    Prediction,
    SegModel,
    SemanticPrediction,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ADAPTERS",
    "GROUP",
    "TASKS",
    "Batch",
    "ClassMap",
    "InstancePrediction",
    "ModelEntry",
    "ModelInfo",
    "OpenVocabulary",
    "PanopticPrediction",
    "Prediction",
    "SegModel",
    "SemanticPrediction",
    "Setup",
    "Task",
    "code_sha256",
    "list_models",
    "load_model",
    "source_of",
]

GROUP = "segbench.models"

ADAPTERS = {
    "file": "segbench.models.from_file:load",
    "module": "segbench.models.from_module:load",
    "hf": "segbench.models.from_hf:load",
    "onnx": "segbench.models.from_onnx:load",
    "pt2": "segbench.models.from_export:load",
    "ts": "segbench.models.from_torchscript:load",
    "torchvision": "segbench.models.from_torchvision:load",
    "smp": "segbench.models.from_smp:load",
    "ultralytics": "segbench.models.from_ultralytics:load",
    "http": "segbench.models.from_http:load",
    "https": "segbench.models.from_http:load_https",
}
"""Scheme of a spec → the function that makes a model of the rest of it and a :class:`Setup`."""


_FORMS = {".py": "file:{}:Class", ".onnx": "onnx:{}", ".pt2": "pt2:{}", ".pt": "ts:{}"}
"""What files are likely to be, by their suffix."""

OF_STRANGERS = ("file", "module")
"""Of these, and of plugins, options are what the class or factory takes by name."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """An installed plugin, as its package's metadata states it."""

    name: str
    target: str
    distribution: str
    version: str


def list_models() -> list[ModelEntry]:
    """Return the installed plugins, by name, without importing any."""
    return [
        ModelEntry(entry.name, entry.value, entry.dist.name, entry.dist.version)
        for entry in sorted(entry_points(group=GROUP))
        if entry.dist is not None
    ]


def load_model(spec: str, setup: Setup | None = None) -> SegModel:
    """Load a model plugin.

    Parameters
    ----------
    spec
        ``scheme:rest`` of one of :data:`ADAPTERS`, or the name of an installed plugin.
    setup
        What the runner asks of it; :func:`segbench.models.setup.place` then puts it on the device.

    Raises
    ------
    UsageError
        When the spec names nothing that exists, a package is missing, or an option is unknown.
    PluginError
        When the plugin raises, or what it gives is no model.
    """
    scheme, rest = _scheme(spec)
    module, _, name = ADAPTERS[scheme].partition(":")
    load = cast("Callable[..., object]", getattr(import_module(module), name))
    setup = setup or Setup()
    own = scheme in OF_STRANGERS
    options = {} if own else checked_options(load, setup.options, f"a model of {scheme}:")
    try:
        model = load(rest, setup, **options)
    except (UsageError, PluginError, DataError):
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"{spec}: while loading: {raised(error)}") from error
    fault = _fault(model)
    if fault:
        raise PluginError(f"{spec}: {fault}")
    return cast("SegModel", model)


def source_of(spec: str) -> Path | None:
    """Return the source file that a spec names; None where there is none."""
    scheme, rest = _scheme(spec)
    place = rest.rpartition(":")[0]
    source = place if scheme == "file" else None
    if scheme == "module":
        found = find_spec(place)
        source = found.origin if found else None
    return Path(source) if source is not None and Path(source).is_file() else None


def code_sha256(spec: str) -> str | None:
    """Return the hash of the source file that a spec names, for the run record; None where there is none."""
    source = source_of(spec)
    return None if source is None else hashlib.sha256(source.read_bytes()).hexdigest()


def _scheme(spec: str) -> tuple[str, str]:
    """Return the adapter of a spec and what it is to load."""
    scheme, colon, rest = spec.partition(":")
    if colon and scheme in ADAPTERS:
        return scheme, rest
    if colon:
        raise UsageError(f"unknown model scheme {scheme!r} in {spec!r}.{did_you_mean(scheme, ADAPTERS)}")
    installed: dict[str, EntryPoint] = {entry.name: entry for entry in entry_points(group=GROUP)}
    if spec not in installed:
        if form := _FORMS.get(Path(spec).suffix):
            raise UsageError(f"unknown model {spec!r}. Did you mean {form.format(spec)!r}?")
        if Path(spec).exists():
            raise UsageError(
                f"unknown model {spec!r}, which is a file or folder: say what it is, such as hf:{spec}; and "
                "MODEL comes before DATASET"
            )
        known = [*installed, *(f"{scheme}:…" for scheme in ADAPTERS)]
        raise UsageError(f"unknown model {spec!r}.{did_you_mean(spec, known)}")
    return "module", installed[spec].value


def _fault(model: object) -> str | None:
    """Return what is wrong with a plugin, if anything is."""
    info = getattr(model, "info", None)
    if not isinstance(info, ModelInfo):
        return "has no attribute info of type ModelInfo"
    if not callable(getattr(model, "predict", None)):
        return "has no method predict"
    unknown = [task for task in info.tasks if task not in TASKS]
    if isinstance(info.tasks, str) or unknown or not info.tasks:
        return f"info.tasks is {info.tasks!r}; it must be some of {', '.join(TASKS)}"
    odd = [(i, label) for i, label in info.id2label.items() if not _is_label(i, label)]
    if odd or not (info.id2label or is_open(model)):
        return f"info.id2label must map ids 0 to 65534 to names, and has {odd or 'none'}"
    return None


def _is_label(category_id: object, label: object) -> bool:
    return type(category_id) is int and 0 <= category_id < 65_535 and isinstance(label, str)
