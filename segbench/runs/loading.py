"""The model of a run: loaded, put on its device, its categories matched; and what the record says of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.canonical.dataset import Dataset
from segbench.errors import PluginError
from segbench.models import ModelInfo, Setup, load_model
from segbench.models.class_map import ClassMap, read_synonyms
from segbench.models.prompts import told
from segbench.models.setup import Placement, place
from segbench.records.environment import redact, redact_values
from segbench.runs.identity import model_identity

if TYPE_CHECKING:
    from segbench.models import SegModel


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a run asks of its model.

    Attributes
    ----------
    setup
        Where and how it is loaded.
    ignore
        Its categories that the data set lacks and whose predictions are not scored.
    synonyms
        A file of what the data set calls the model's categories.
    """

    setup: Setup = field(default_factory=Setup)
    ignore: Sequence[str] = ()
    synonyms: str | Path | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a model that is loaded on a data set; it can be sent from where that was.

    Attributes
    ----------
    info
        What it says of itself.
    spec
        How it was asked for, if by a text.
    class_map
        What its categories are in the data set.
    placement
        Where it computes.
    wanted
        What was asked of it.
    identity
        What tells it from another one; None where nothing does.
    prompts
        The texts of its categories, where it was told what to look for.
    """

    info: ModelInfo
    spec: str | None
    class_map: ClassMap
    placement: Placement
    wanted: Wanted
    identity: Mapping[str, Any] | None
    prompts: Mapping[int, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same wherever the same model is loaded alike."""
        known = [self.identity, self.loaded_as(), str(self.class_map.ids)]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

    def stuff(self, truth: Dataset) -> frozenset[int]:
        """Category ids of the model that are stuff in the data set."""
        things = {category.id for category in truth.categories if category.isthing}
        return frozenset(k for k, i in self.class_map.ids.items() if i is not None and i not in things)

    def description(self) -> dict[str, Any]:
        """What the record says of the model."""
        info, setup = self.info, self.wanted.setup
        allowed = {
            "unsafe_pickle": setup.unsafe_pickle,
            "trust_remote_code": setup.trust_remote_code,
        }
        return {
            "name": info.name,
            "spec": None if self.spec is None else redact([self.spec])[0],
            "revision": info.revision,
            "weights_sha256": info.weights_sha256,
            "license": info.license,
            "n_params": info.n_params,
            "code_sha256": (self.identity or {}).get("code_sha256") if self.spec else None,
            "id2label": {str(k): label for k, label in info.id2label.items()},
            "class_map": {str(k): v for k, v in self.class_map.ids.items()},
            **({"prompts": {str(k): text for k, text in self.prompts.items()}} if self.prompts else {}),
            **({"options": redact_values(setup.options)} if setup.options else {}),
            **{key: True for key, value in allowed.items() if value},
        }

    def environment(self) -> Mapping[str, Any]:
        """What the record says of where and in what it computed."""
        return {
            "device": self.placement.device,
            "dtype": self.placement.dtype,
            "tf32": self.wanted.setup.tf32,
            "model_threads": self.wanted.setup.model_threads,
        }

    def loaded_as(self) -> dict[str, Any]:
        """What its answers depend on beside itself: the kind of device, but not which one, number format …"""
        found = dict(self.environment())
        return found | {"device": found["device"].partition(":")[0]}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready, on a data set whose categories are matched with its own."""

    plugin: SegModel
    card: Card

    @classmethod
    def of(cls, model: str | SegModel, truth: Dataset, wanted: Wanted) -> Loaded:
        """Load a model, put it on its device, and match its categories with those of a data set.

        Raises
        ------
        UsageError, DataError, PluginError
            As :func:`load_model`, :func:`place` and :meth:`ClassMap.match`.
        """
        spec = model if isinstance(model, str) else None
        plugin = load_model(model, wanted.setup) if isinstance(model, str) else model
        prompts = told(plugin, wanted.setup.prompts, truth.categories)
        try:
            placement = place(plugin, wanted.setup)
        except PluginError as error:
            raise PluginError(f"{plugin.info.name}: {error}") from error
        synonyms = None if wanted.synonyms is None else read_synonyms(Path(wanted.synonyms))
        class_map = ClassMap.match(plugin.info, truth.categories, ignore=wanted.ignore, synonyms=synonyms)
        card = Card(
            info=plugin.info,
            spec=spec,
            class_map=class_map,
            placement=placement,
            wanted=wanted,
            identity=model_identity(plugin, spec),
            prompts=prompts,
        )
        return cls(plugin=plugin, card=card)
