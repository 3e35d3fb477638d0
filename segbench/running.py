"""run(): give every image to a model, shard by shard, and keep a record.

Shards that are done are kept below the folder of records until the record is written: a run that was killed,
or stopped at an error, goes on where it was, and gives the same numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np

from segbench._version import __version__
from segbench.canonical.dataset import Dataset
from segbench.environment import environment, provenance
from segbench.errors import PluginError, UsageError, did_you_mean
from segbench.evaluate import CommonOptions, Data, Progress, Protocols, kept, score
from segbench.formats import open_dataset
from segbench.identity import data_identity, model_identity
from segbench.loading import Loaded, Wanted
from segbench.models.setup import Setup, SetupOptions
from segbench.pairing import choose_protocols
from segbench.panel import Panel
from segbench.pipeline import Pipeline, Stages
from segbench.protocols import Protocol
from segbench.results import RunRecord, slug
from segbench.saving import Saver, predictions_of
from segbench.shards import Kept
from segbench.store import SHARD_SIZE, Plan, ShardStore

if TYPE_CHECKING:
    from segbench.comparison import Comparison
    from segbench.models import SegModel

ON_ERROR = ("stop", "skip")
"""What a run does with an image that fails."""


class _RunOptions(CommonOptions, SetupOptions, total=False):
    batch_size: int
    save_predictions: str | None
    ignore: Sequence[str]
    synonyms: str | Path | None
    on_error: str
    timeout: float | None
    threads: int | None
    shard_size: int
    resume: bool


@overload
def run(
    model: str | SegModel, dataset: Data, *, protocol: str | None = ..., **options: Unpack[_RunOptions]
) -> RunRecord: ...
@overload
def run(
    model: str | SegModel, dataset: Data, *, protocol: Protocols, **options: Unpack[_RunOptions]
) -> Comparison: ...
def run(
    model: str | SegModel,
    dataset: Data,
    *,
    task: str | None = None,
    protocol: str | Protocols | None = None,
    settings: Mapping[str, Any] | None = None,
    batch_size: int = 1,
    save_predictions: str | None = None,
    ignore: Sequence[str] = (),
    synonyms: str | Path | None = None,
    on_error: str = "stop",
    timeout: float | None = None,
    threads: int | None = None,
    shard_size: int = SHARD_SIZE,
    resume: bool = True,
    out: str | Path | None = "results",
    progress: Progress = iter,
    **how: Unpack[SetupOptions],
) -> RunRecord | Comparison:
    """Score a model plugin on a data set.

    Parameters
    ----------
    model
        A spec, as :func:`segbench.load_model` takes it, or an object with ``info`` and ``predict``; or
        ``preds:PATH``, which is what ``score(dataset, PATH)`` does.
    dataset
        Path in any readable format, or an open data set; it must have pictures.
    task, protocol
        What to ask of the model, and the rules; by default the first task that both serve, and its protocol.
        A list of protocols of one task scores them all in one pass: each image is predicted once.
    settings
        What differs from the protocol's own settings, as in :func:`score`.
    batch_size
        Images a call. Official rows use 1: larger batches change the scores of some models.
    save_predictions
        A format in which what the model answers is written beside the record, as ``predictions``: scored
        again, it gives the same metrics.
    ignore
        Categories of the model that the data set lacks; their pixels are void, their instances dropped.
    synonyms
        A TOML file of ``"the model's name" = "the data set's"``, or ``= false`` for what is to be ignored.
    on_error
        ``stop`` at an image that fails; or ``skip`` it: it is noted in the record, which is then partial.
    timeout
        Seconds that the model may take for a batch. One that hangs is given up, and the run stops.
    threads
        That decode and measure while the model works; by default one for each core.
    shard_size
        Images that are kept together: a run that is killed loses at most the shards that it was at.
    resume
        Take the shards that a run before this one left. If False, every image is predicted again, and what
        differs from what is there is an error. An object that states neither ``weights_sha256`` nor
        ``revision`` cannot be told from another, and leaves no shards.
    out
        Folder to write the record below; None to write none.
    progress
        Wraps the indices of the images, to show how far it is.
    how
        Where and in what the model computes, and whether code that comes with it may run: ``device dtype
        model_threads tf32 unsafe_pickle trust_remote_code options``, as of :class:`segbench.models.Setup`.

    Returns
    -------
    RunRecord
        Of a list of protocols, a :class:`~segbench.comparison.Comparison`. Its status is ``partial`` where
        images failed.

    Raises
    ------
    PluginError
        When the model raises, hangs, or returns what it must not; with ``skip``, when it does so always.
    DataError, UsageError
        When the data set is damaged, a name is unknown, or categories of the model have no counterpart.
    """
    if on_error not in ON_ERROR:
        raise UsageError(f"unknown on_error {on_error!r}.{did_you_mean(on_error, ON_ERROR)}")
    if batch_size < 1:
        raise UsageError(f"a batch holds at least 1 image, not {batch_size}")
    stages = Stages(
        batch_size=batch_size,
        skip_errors=on_error == "skip",
        threads=threads or os.cpu_count() or 1,
        timeout=timeout,
        keep_predictions=save_predictions is not None,
    )
    if save_predictions is not None and out is None:
        raise UsageError("predictions are saved beside the record: name a folder for it (out)")
    if isinstance(model, str) and model.startswith("preds:"):
        if save_predictions is not None:
            raise UsageError(f"the predictions of {model} are in files already")
        return _run_files(model, dataset, protocol, task=task, settings=settings, out=out, progress=progress)
    wanted = Wanted(setup=Setup(**how), ignore=tuple(ignore), synonyms=synonyms)
    asked = Asked(task, protocol, settings, wanted, save_predictions)
    bench = Bench.open(model, dataset, asked, stages)
    started = time.perf_counter()
    with bench.store(out, shard_size) as found:
        bench.fill(found, progress, resume)
        return bench.finish(found, out, started)


def _run_files(
    spec: str, dataset: Data, protocol: str | Protocols | None, **options: Any
) -> RunRecord | Comparison:
    """Score predictions that are there, as a model whose answers are known."""
    path = spec.removeprefix("preds:")
    return score(dataset, path, protocol=protocol, model=Path(path).name, **options)


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
    """A model and a data set, opened, and the rules that both serve."""

    loaded: Loaded
    truth: Dataset
    asked: Asked
    stages: Stages
    protocols: Sequence[Protocol]
    saver: Saver | None = None

    @classmethod
    def open(cls, model: str | SegModel, dataset: Data, asked: Asked, stages: Stages) -> Bench:
        """Load the model, open the data set, and see that they fit."""
        truth = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
        loaded = Loaded.of(model, truth, asked.model)
        protocols = choose_protocols(asked.task, asked.protocol, truth, None, loaded.plugin.info.tasks)
        saved = asked.save_predictions
        saver = None if saved is None else Saver(saved, _only_task(protocols))
        return cls(loaded, truth, asked, stages, protocols, saver)

    def panel(self) -> Panel:
        """A new panel of the protocols."""
        return Panel.of(self.protocols, self.truth, self.asked.settings)

    def store(self, out: str | Path | None, shard_size: int) -> _Place:
        """Where shards are kept: below ``out``, or, where no run could take them up, in a folder for now."""
        model = model_identity(self.loaded.plugin, self.loaded.spec)
        said = self.loaded.description()
        identity = {
            "segbench": __version__,
            "model": model,
            "loaded": {key: said.get(key) for key in ("class_map", "options")},
            "data": None if model is None else data_identity(self.truth),
            "protocols": [
                [one.name, one.version, one.build(self.truth.categories, self.asked.settings).settings]
                for one in self.protocols
            ],
            "batch_size": self.stages.batch_size,
            "environment": dict(self.loaded.environment()),
            **({} if self.saver is None else {"keep_predictions": True}),
        }
        plan = Plan(self.truth.image_ids, identity, shard_size)
        return _Place(plan, slug(self.loaded.plugin.info.name), out if model is not None else None)

    def fill(self, found: Kept, progress: Progress, resume: bool) -> None:
        """Run the shards that are not there; with those that have failures they are run again."""
        plan = found.store.plan
        ticks: Iterator[int] = iter(progress(range(len(self.truth))))
        done = set[int]()
        for shard in found.done() if resume else ():
            done.add(shard.number)
            for _ in shard.outcomes:
                next(ticks, None)
        todo = [number for number in range(len(plan)) if number not in done]
        pipeline = Pipeline(
            plugin=self.loaded.plugin,
            class_map=self.loaded.class_map,
            stuff=self.loaded.stuff(self.truth),
            panel=self.panel(),
            truth=self.truth,
            task=_only_task(self.protocols),
            stages=self.stages,
        )
        for shard in pipeline.shards(plan, todo, partial(next, ticks, None)):
            found.put(shard)
        for _ in ticks:
            pass

    def _attaching(self, found: Kept) -> Callable[[Path], Path] | None:
        """What writes the predictions beside a record, if they are to be saved."""
        if self.saver is None:
            return None
        return partial(self.saver.write, predictions_of(found, self.truth, self.saver.task))

    def finish(self, found: Kept, out: str | Path | None, started: float) -> RunRecord | Comparison:
        """Merge the shards, and write the record; they are removed once it is complete."""
        panel = self.panel()
        latencies = found.merge(panel)
        if not latencies:
            raise PluginError(
                f"{self.loaded.plugin.info.name}: no image could be scored; {found.first_error()}"
            )
        records = panel.records(
            model=self.loaded.description(),
            timing=_timing(latencies, self.stages.batch_size, time.perf_counter() - started),
            env={**environment("cpu", self.stages.threads), **self.loaded.environment()},
            provenance=provenance() | ({} if self.saver is None else {"predictions": self.saver.format}),
            warnings=[],
        )
        result = kept(panel, records, out, self.asked.protocol, self._attaching(found))
        if records[0].status == "complete":
            found.store.remove()
        return result


class _Place:
    """The store of a plan below ``out``; None is a folder that is gone when the block ends."""

    def __init__(self, plan: Plan, name: str, out: str | Path | None) -> None:
        self._plan, self._name, self._out = plan, name, out
        self._scratch = TemporaryDirectory(prefix="segbench-") if out is None else None

    def __enter__(self) -> Kept:
        root = self._out if self._scratch is None else self._scratch.name
        return Kept(ShardStore.below(str(root), self._name, self._plan))

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()


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


def _timing(latencies: Sequence[float], batch_size: int, seconds: float) -> dict[str, Any]:
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]).tolist()
    return {
        "batch_size": batch_size,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "images_per_second": 1000 * len(latencies) / sum(latencies),
        "wall_seconds": seconds,
    }
