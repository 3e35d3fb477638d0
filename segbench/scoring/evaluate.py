"""score(): measure each image of files, add, score once, and keep a record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from segbench.canonical.dataset import Dataset
from segbench.errors import UsageError
from segbench.metrics.place import open_device
from segbench.records.environment import environment, provenance
from segbench.records.results import RunRecord
from segbench.scoring.forecast import Before
from segbench.scoring.pairing import Reading, choose_protocols, open_both
from segbench.scoring.panel import Panel
from segbench.scoring.stepping import collect_files

if TYPE_CHECKING:
    from segbench.scoring.comparison import Comparison

Progress = Callable[[Iterable[int]], Iterable[int]]
Protocols = list[str] | tuple[str, ...]


Data = str | Path | Dataset


class CommonOptions(TypedDict, total=False):
    """Options of ``score`` and ``run``, for their types alone."""

    task: str | None
    settings: Mapping[str, Any] | None
    out: str | Path | None
    before: Before | None
    progress: Progress


class _ScoreOptions(CommonOptions, total=False):
    truth_format: str | None
    predictions_format: str | None
    truth_options: Mapping[str, Any] | None
    predictions_options: Mapping[str, Any] | None
    num_classes: int | None
    model: str
    device: str
    threads: int | None


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
    before: Before | None = None,
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
    before
        Called with a :class:`~segbench.scoring.forecast.Forecast` of each record before an image is read;
        what it raises ends the scoring.
    progress
        Wraps the indices of the images, to show how far it is.

    Returns
    -------
    RunRecord
        ``record.metrics["miou"].value`` etc., fractions in 0..1. Of a list of protocols, a
        :class:`~segbench.scoring.comparison.Comparison`: the record of each, and where they differ.

    Raises
    ------
    DataError
        When truth or predictions are damaged or do not belong together.
    UsageError
        When a name or an option is unknown.
    """
    device = check_device(device)
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
    panel = Panel.of(choose_protocols(task, protocol, truth, predictions), truth, settings, n_threads)
    if before is not None:
        before(panel.forecasts({"scoring_seconds": 0.0}))
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
    return kept(panel, records, out, protocol)


def check_device(device: str) -> str:
    """Where files are counted, for the record: on the CPU, which decodes them, whatever GPUs there are."""
    if device not in ("cpu", "auto"):
        open_device(device)  # says what is unknown, or what to install
        raise UsageError(
            f"files are decoded and counted on the CPU: use 'cpu' or 'auto', not {device!r}; metrics count "
            "on a GPU what is there, see MeanIoU.update"
        )
    return "cpu"


def kept(
    panel: Panel,
    records: Sequence[RunRecord],
    out: str | Path | None,
    asked: str | Protocols | None,
    attach: Callable[[Path], object] | None = None,
) -> RunRecord | Comparison:
    """Write the records where there is a folder for them, with what ``attach`` puts beside each.

    One alone is returned unless a list was asked for.
    """
    if out is not None:
        records = [record.kept(out, attach) for record in records]
    if asked is None or isinstance(asked, str):
        return records[0]
    from segbench.scoring.comparison import Comparison

    return Comparison(records, panel.reasons(records))
