"""Which truth, predictions and rules belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.canonical.dataset import Dataset
from segbench.errors import UsageError, reworded
from segbench.formats import open_dataset, open_predictions, read_ahead, sniff
from segbench.protocols import PROTOCOLS, Protocol, default_protocol, get_protocol


def open_truth(
    truth: str | Path,
    predictions: str | Path | Dataset,
    name: str | None,
    options: dict[str, Any],
    num_classes: int | None,
) -> Dataset:
    """Open the truth; label maps without id2label take their categories from both folders' ids."""
    with reworded({"--from": "--truth-format", "--option": "--truth-option"}):
        name = name or sniff(truth)
        if name == "png" and not isinstance(predictions, Dataset):
            if num_classes is not None:
                options["num_classes"] = num_classes
            options.setdefault("beside", predictions)
        elif num_classes is not None:
            raise UsageError(f"the number of classes is for label maps without id2label; {truth} is {name}")
        return open_dataset(truth, format=name, options=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How truth and predictions are read: formats (recognised where None), options and number of classes."""

    truth_format: str | None
    truth_options: Mapping[str, Any] | None
    predictions_format: str | None
    predictions_options: Mapping[str, Any] | None
    num_classes: int | None


def open_both(
    truth: str | Path | Dataset, predictions: str | Path | Dataset, how: Reading, threads: int
) -> tuple[Dataset, Dataset]:
    """Open truth and predictions where they are not open, with two threads at the same time."""
    if isinstance(truth, Dataset) or isinstance(predictions, Dataset) or threads == 1:
        opened = _open_truth(truth, predictions, how)
        return opened, _open_predictions(predictions, opened, how)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read_ahead, predictions, how.predictions_format)
        opened = _open_truth(truth, predictions, how)
        return opened, _open_predictions(predictions, opened, how, ahead.result)


def _open_truth(truth: str | Path | Dataset, predictions: str | Path | Dataset, how: Reading) -> Dataset:
    if isinstance(truth, Dataset):
        return truth
    options = dict(how.truth_options or {})
    return open_truth(truth, predictions, how.truth_format, options, how.num_classes)


def _open_predictions(
    predictions: str | Path | Dataset, truth: Dataset, how: Reading, ahead: Callable[[], Any] | None = None
) -> Dataset:
    if isinstance(predictions, Dataset):
        return predictions
    return open_answers(predictions, truth, how.predictions_format, how.predictions_options, ahead)


def open_answers(
    predictions: str | Path,
    truth: Dataset,
    name: str | None,
    options: Mapping[str, Any] | None,
    ahead: Callable[[], Any] | None = None,
) -> Dataset:
    """Open predictions; errors as :func:`segbench.formats.open_predictions`, with options of ``score``."""
    with reworded({"--from": "--predictions-format", "--option": "--predictions-option"}):
        return open_predictions(predictions, truth, format=name, options=options, ahead=ahead)


def choose_protocols(
    task: str | None,
    protocol: str | Sequence[str] | None,
    truth: Dataset,
    predictions: Dataset | None,
    offered: Sequence[str] | None = None,
) -> list[Protocol]:
    """Return the rules asked for, in order; errors as :func:`choose_protocol`, and when one stands twice."""
    names = [protocol] if protocol is None or isinstance(protocol, str) else list(protocol)
    if not names:
        raise UsageError("there must be one protocol or more")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise UsageError(f"protocol {twice} is named twice")
    return [choose_protocol(task, name, truth, predictions, offered) for name in names]


def choose_protocol(
    task: str | None,
    protocol: str | None,
    truth: Dataset,
    predictions: Dataset | None,
    offered: Sequence[str] | None = None,
) -> Protocol:
    """Return the rules asked for, or the default ones of the first task that truth and predictions serve.

    ``offered`` are the tasks of a model, where there are no predictions yet.

    Raises
    ------
    UsageError
        When they have no task in common, or not that of the protocol.
    """
    tasks = predictions.tasks if predictions is not None else tuple(offered or ())
    theirs = f"the {'model' if predictions is None else 'predictions'} {'/'.join(tasks)}"
    if protocol is not None:
        rules = get_protocol(protocol)
        if task not in (None, rules.task):
            raise UsageError(f"protocol {protocol} is for {rules.task}, not {task}")
    else:
        common = [t for t in tasks if t in truth.tasks and task in (None, t)]
        if not common:
            raise UsageError(
                f"{truth.name} serves {'/'.join(truth.tasks)}, {theirs}"
                + (f"; {task} was asked for" if task else "")
            )
        rules = default_protocol(common[0])
        if common[0] == "instance" and predictions is not None and _boxes_alone(predictions):
            rules = PROTOCOLS["coco-bbox"]
    if rules.task not in truth.tasks or rules.task not in tasks:
        raise UsageError(
            f"protocol {rules.name} is for {rules.task}; {truth.name} serves {'/'.join(truth.tasks)}, "
            f"{theirs}"
        )
    return rules


def _boxes_alone(predictions: Dataset) -> bool:
    """Tell from the first predictions whether there are boxes and no masks."""
    first = next((s for sample in predictions for s in sample.segments), None)
    return first is not None and first.source_kind == "box"
