"""score() and run(): measure each image, add, score once, and keep a record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

import numpy as np

from segbench.canonical.dataset import Dataset
from segbench.environment import environment, provenance
from segbench.errors import UsageError
from segbench.formats import open_dataset
from segbench.metrics.place import open_device
from segbench.pairing import Reading, choose_protocols, open_both
from segbench.panel import Panel
from segbench.protocols import Protocol
from segbench.results import RunRecord
from segbench.stepping import ModelSteps, collect_files

if TYPE_CHECKING:
    from segbench.comparison import Comparison
    from segbench.models import SegModel
    from segbench.models.class_map import ClassMap

Progress = Callable[[Iterable[int]], Iterable[int]]
Protocols = list[str] | tuple[str, ...]


Data = str | Path | Dataset


class _Common(TypedDict, total=False):
    """Options of both functions, for their types alone."""

    task: str | None
    settings: Mapping[str, Any] | None
    device: str
    out: str | Path | None
    progress: Progress


class _ScoreOptions(_Common, total=False):
    truth_format: str | None
    predictions_format: str | None
    truth_options: Mapping[str, Any] | None
    predictions_options: Mapping[str, Any] | None
    num_classes: int | None
    model: str
    threads: int | None


class _RunOptions(_Common, total=False):
    batch_size: int
    ignore: Sequence[str]


@overload
def score(
    truth: Data, predictions: Data, *, protocol: str | None = ..., **options: Unpack[_ScoreOptions]
) -> RunRecord: ...
@overload
def score(
    truth: Data, predictions: Data, *, protocol: Protocols, **options: Unpack[_ScoreOptions]
) -> Comparison: ...
def score(
    truth: Data,
    predictions: Data,
    *,
    task: str | None = None,
    protocol: str | Protocols | None = None,
    settings: Mapping[str, Any] | None = None,
    truth_format: str | None = None,
    predictions_format: str | None = None,
    truth_options: Mapping[str, Any] | None = None,
    predictions_options: Mapping[str, Any] | None = None,
    num_classes: int | None = None,
    model: str = "predictions",
    device: str = "cpu",
    threads: int | None = None,
    out: str | Path | None = None,
    progress: Progress = iter,
) -> RunRecord | Comparison:
    """Score predictions that lie in files, in any readable format.

    Parameters
    ----------
    truth, predictions
        Files, folders or open data sets.
    task, protocol
        ``semantic``, ``instance`` or ``panoptic``, and the rules; by default what the files hold, and the
        task's own protocol. A list of protocols scores them all in one pass: each image is decoded once.
    settings
        What differs from the protocol's own settings, by name: say ``{"max_detections": [1, 10, 300]}``; of a
        list of protocols, all must have it. The record keeps it, and leaderboards compare only runs of the
        same settings.
    truth_format, predictions_format, truth_options, predictions_options
        Format names (recognised where not given) and settings of the readers.
    num_classes
        Of label maps without id2label: categories 0..N-1.
    model
        What the record calls the predictions.
    device
        ``cpu``, or ``auto``, which is the CPU too: the record says so.
    threads
        Images measured at a time; by default one for each core. The result does not depend on it.
    out
        Folder to write the record below.
    progress
        Wraps the indices of the images, to show how far it is.

    Returns
    -------
    RunRecord
        ``record.metrics["miou"].value`` etc., fractions in 0..1. Of a list of protocols, a
        :class:`~segbench.comparison.Comparison`: the record of each, and where they differ.

    Raises
    ------
    DataError
        When truth or predictions are damaged or do not belong together.
    UsageError
        When a name or an option is unknown.
    """
    device = _check_device(device)
    started = time.perf_counter()
    n_threads = threads or os.cpu_count() or 1
    how = Reading(
        truth_format=truth_format,
        truth_options=truth_options,
        predictions_format=predictions_format,
        predictions_options=predictions_options,
        num_classes=num_classes,
    )
    truth, predictions = open_both(truth, predictions, how, n_threads)
    panel = _panel(choose_protocols(task, protocol, truth, predictions), truth, settings, n_threads)
    collect_files(panel, truth, predictions, progress(range(len(truth))), n_threads)
    notes = list(predictions.notes)
    del predictions  # with all their masks, before the curves are drawn
    records = panel.records(
        model={"name": model, "spec": "preds"},
        timing={"scoring_seconds": time.perf_counter() - started},
        env=environment(device, n_threads),
        provenance=provenance(),
        warnings=notes,
    )
    return _kept(panel, records, out, protocol)


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
    device: str = "auto",
    batch_size: int = 1,
    ignore: Sequence[str] = (),
    out: str | Path | None = "results",
    progress: Progress = iter,
) -> RunRecord | Comparison:
    """Score a model plugin on a data set.

    Parameters
    ----------
    model
        ``file:path.py:Class``, ``module:package.module:factory``, or an object with ``info`` and ``predict``.
    dataset
        Path in any readable format, or an open data set; it must have pictures.
    task, protocol
        What to ask of the model, and the rules; by default the first task that both serve, and its protocol.
        A list of protocols of one task scores them all in one pass: each image is predicted once.
    settings
        What differs from the protocol's own settings, as in :func:`score`.
    device
        ``cpu``, or ``auto``, which is the CPU too: the record says so.
    batch_size
        Images a call. Official rows use 1: larger batches change the scores of some models.
    ignore
        Categories of the model that the data set lacks; their pixels are void, their instances dropped.
    out
        Folder to write the record below; None to write none.
    progress
        Wraps the indices of the images, to show how far it is.

    Returns
    -------
    RunRecord
        Of a list of protocols, a :class:`~segbench.comparison.Comparison`.

    Raises
    ------
    PluginError
        When the model raises, or returns what it must not.
    DataError, UsageError
        When the data set is damaged, a name is unknown, or categories of the model have no counterpart.
    """
    from segbench.models import load_model
    from segbench.models.class_map import ClassMap

    device = _check_device(device)
    if batch_size < 1:
        raise UsageError(f"a batch holds at least 1 image, not {batch_size}")
    truth = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    plugin = load_model(model) if isinstance(model, str) else model
    protocols = choose_protocols(task, protocol, truth, None, plugin.info.tasks)
    class_map = ClassMap.match(plugin.info, truth.categories, ignore=ignore)
    panel = _panel(protocols, truth, settings, 1)
    runner = ModelSteps(plugin, class_map, panel, _only_task(protocols))
    latencies: list[float] = []
    started = time.perf_counter()
    batch: list[int] = []
    for index in progress(range(len(truth))):
        batch.append(index)
        if len(batch) == batch_size or index == len(truth) - 1:
            latencies += runner.step(truth, batch)
            batch = []
    records = panel.records(
        model=_describe(plugin, model, class_map),
        timing=_timing(latencies, batch_size, time.perf_counter() - started),
        env=environment(device, 1),
        provenance=provenance(),
        warnings=[],
    )
    return _kept(panel, records, out, protocol)


def _check_device(device: str) -> str:
    """Where files are counted, for the record: on the CPU, which decodes them, whatever GPUs there are."""
    if device not in ("cpu", "auto"):
        open_device(device)  # says what is unknown, or what to install
        raise UsageError(
            f"files are decoded and counted on the CPU: use 'cpu' or 'auto', not {device!r}; metrics count "
            "on a GPU what is there, see MeanIoU.update"
        )
    return "cpu"


def _panel(
    protocols: Sequence[Protocol], truth: Dataset, settings: Mapping[str, Any] | None, threads: int
) -> Panel:
    metrics = [protocol.build(truth.categories, settings) for protocol in protocols]
    return Panel(protocols, metrics, truth, threads)


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


def _describe(plugin: SegModel, model: str | SegModel, class_map: ClassMap) -> dict[str, Any]:
    from segbench.models import code_sha256

    info = plugin.info
    spec = model if isinstance(model, str) else None
    return {
        "name": info.name,
        "spec": spec,
        "revision": info.revision,
        "weights_sha256": info.weights_sha256,
        "license": info.license,
        "n_params": info.n_params,
        "code_sha256": code_sha256(spec) if spec else None,
        "class_map": {str(k): v for k, v in class_map.ids.items()},
    }


def _timing(latencies: list[float], batch_size: int, seconds: float) -> dict[str, Any]:
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]).tolist()
    return {
        "batch_size": batch_size,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "images_per_second": 1000 * len(latencies) / sum(latencies),
        "wall_seconds": seconds,
    }


def _kept(
    panel: Panel, records: Sequence[RunRecord], out: str | Path | None, asked: str | Protocols | None
) -> RunRecord | Comparison:
    """Write the records where there is a folder for them; one alone unless a list was asked for."""
    if out is not None:
        records = [replace(record, path=record.write(out)) for record in records]
    if asked is None or isinstance(asked, str):
        return records[0]
    from segbench.comparison import Comparison

    return Comparison(records, panel.reasons(records))
