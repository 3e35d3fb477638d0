"""Bench: a data set, the card of a model, and the rules that both serve; where shards go, and the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segbench._version import __version__
from segbench.canonical.dataset import Dataset
from segbench.errors import PluginError, UsageError
from segbench.protocols import Protocol
from segbench.records.environment import environment, provenance
from segbench.records.results import RunRecord, slug
from segbench.runs.identity import data_identity
from segbench.runs.loading import Card, Wanted
from segbench.runs.pipeline import Pipeline, Stages
from segbench.runs.saving import Saver
from segbench.runs.shards import Kept
from segbench.runs.store import Plan, ShardStore
from segbench.runs.timing import example
from segbench.scoring.evaluate import Protocols, kept
from segbench.scoring.forecast import Before
from segbench.scoring.pairing import choose_protocols
from segbench.scoring.panel import Panel

if TYPE_CHECKING:
    from segbench.models import SegModel
    from segbench.scoring.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be scored, under which rules, and by what kind of model."""

    task: str | None
    protocol: str | Protocols | None
    settings: Mapping[str, Any] | None
    model: Wanted
    save_predictions: str | None = None


@dataclass(frozen=True)
class Bench:
    """The card of a model, an open data set, and the rules that both serve."""

    card: Card
    truth: Dataset
    asked: Asked
    stages: Stages
    protocols: Sequence[Protocol]
    saver: Saver | None = None

    @classmethod
    def of(cls, card: Card, truth: Dataset, asked: Asked, stages: Stages) -> Bench:
        """Choose the rules."""
        protocols = choose_protocols(asked.task, asked.protocol, truth, None, card.info.tasks)
        saved = asked.save_predictions
        task = _only_task(protocols)
        if asked.model.setup.asking and task != "semantic":
            raise UsageError(f"windows and flips are for the semantic task, not for {task}")
        saver = None if saved is None else Saver(saved, task)
        if saver is not None:
            saver.check(truth)
        return cls(card, truth, asked, stages, protocols, saver)

    def pipeline(self, plugin: SegModel) -> Pipeline:
        """The stages through which images go to the model of the card."""
        return Pipeline(
            plugin=plugin,
            class_map=self.card.class_map,
            stuff=self.card.stuff(self.truth),
            panel=self.panel(),
            truth=self.truth,
            task=_only_task(self.protocols),
            stages=self.stages,
            asking=self.asked.model.setup.asking,
            device=self.card.placement.device,
        )

    def panel(self) -> Panel:
        """A new panel of the protocols."""
        return Panel.of(self.protocols, self.truth, self.asked.settings)

    def foreseen(self, before: Before | None) -> Bench:
        """Tell ``before``, if there is one, what the records will say."""
        how = self.asked.model.setup.asking
        if before is not None:
            timing = {**example(), **self._timed(0.0)}
            before(self.panel().forecasts(timing, how.settings if how else None))
        return self

    def _timed(self, seconds: float) -> dict[str, Any]:
        """What is timed of the whole."""
        return {"batch_size": self.stages.batch_size, "wall_seconds": seconds}

    @contextmanager
    def store(self, out: str | Path | None, shard_size: int) -> Iterator[Kept]:
        """Where shards are kept: below ``out``, or, where no run could take them up, in a folder for now."""
        name = slug(self.card.info.name)
        plan = Plan(self.truth.image_ids, self._identity(), shard_size)
        if out is not None and self.card.identity is not None:
            yield Kept(ShardStore.below(out, name, plan))
            return
        with TemporaryDirectory(prefix="segbench-") as scratch:
            yield Kept(ShardStore.below(scratch, name, plan))

    def _identity(self) -> dict[str, Any]:
        """All that the content of shards depends on."""
        model, said = self.card.identity, self.card.description()
        return {
            "segbench": __version__,
            "model": model,
            "loaded": {key: said.get(key) for key in ("class_map", "prompts", "options")},
            "data": None if model is None else data_identity(self.truth),
            "protocols": [
                [one.name, one.version, one.build(self.truth.categories, self.asked.settings).settings]
                for one in self.protocols
            ],
            "batch_size": self.stages.batch_size,
            "environment": self.card.loaded_as(),
            **({} if self.saver is None else {"keep_predictions": True}),
            **self._inference(),
        }

    def _inference(self) -> dict[str, Any]:
        """What the record's protocol says of how the model was asked, where that is out of the ordinary."""
        how = self.asked.model.setup.asking
        return {"inference": how.settings} if how else {}

    def _attaching(self, found: Kept) -> Callable[[Path], Path] | None:
        """What writes the predictions beside a record, if they are to be saved."""
        if self.saver is None:
            return None
        return partial(self.saver.write, self.saver.predictions(found, self.truth))

    def finish(
        self, found: Kept, out: str | Path | None, started: float, workers: Mapping[str, Any]
    ) -> RunRecord | Comparison:
        """Merge the shards, and write the record; they are removed once it is complete.

        Raises
        ------
        PluginError
            When no image was scored; the record that says so is written.
        """
        panel = self.panel()
        timing = found.merge(panel)
        whole = self._timed(time.perf_counter() - started)
        records = panel.records(
            model=self.card.description(),
            timing={**timing.summary(), **whole},
            env={**environment("cpu", self.stages.threads), **self.card.environment(), **workers},
            provenance=provenance() | ({} if self.saver is None else {"predictions": self.saver.format}),
            warnings=[],
        )
        records = [replace(one, protocol={**one.protocol, **self._inference()}) for one in records]
        result = kept(panel, records, out, self.asked.protocol, self._attaching(found) if timing else None)
        if records[0].status == "complete":
            found.store.remove()
        if not timing:
            raise PluginError(f"{self.card.info.name}: no image could be scored; {found.first_error()}")
        return result


def _only_task(protocols: Sequence[Protocol]) -> str:
    """The task of all of them: a model answers one."""
    first = protocols[0]
    other = next((p for p in protocols if p.task != first.task), None)
    if other is not None:
        raise UsageError(
            f"a model is asked for one task; protocol {first.name} is for {first.task}, {other.name} for "
            f"{other.task}: run them one after the other"
        )
    return first.task
