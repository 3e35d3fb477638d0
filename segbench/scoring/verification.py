"""verify(): does a run record hold what it says? Its scores are counted again, its hashes made again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from segbench.canonical.dataset import Dataset, fingerprint
from segbench.errors import SegbenchError, UsageError, reworded
from segbench.formats import open_dataset
from segbench.models import Setup, code_sha256, load_model
from segbench.protocols import PROTOCOLS
from segbench.records.recount import metric_of
from segbench.records.results import RunRecord, read_content, read_record, saved_predictions
from segbench.records.schema import faults
from segbench.records.tables import TABLES, hash_tables
from segbench.scoring.evaluate import score

ROUNDING = 1e-12
"""What scores may differ by on another processor, which may add in another order."""

_FROM_CLASS = ("category_id", "name")

Verdict = Literal["ok", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """What one check of a record found: ``unknown`` where there is nothing to hold it against."""

    what: str
    verdict: Verdict
    text: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:<8} {self.what}" + (f": {self.text}" if self.text else "")


def verify(
    run: str | Path,
    *,
    dataset: str | Path | Dataset | None = None,
    dataset_format: str | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    predictions: str | Path | Dataset | None = None,
    model: str | None = None,
) -> list[Check]:
    """Hold a run record against itself, and against data and model where they are given.

    Every metric and every score of a category is computed again from the tables; ``run.json`` is held against
    its schema, the run id and the tables' hashes are made again, images are counted.

    Parameters
    ----------
    run
        The folder of a record.
    dataset, dataset_format, dataset_options
        What it was scored on, to make the fingerprint again from every annotation; with the format's name and
        settings where :func:`segbench.score` was given them.
    predictions
        What the model answered, in any readable format: scored again, which needs the data set. By default
        what ``--save-predictions`` left beside the record.
    model
        The spec of its model, which is loaded: hashes of code and weights and the revision are compared.

    Returns
    -------
    list[Check]
        In the order above; a record is what it says where none of them is ``differs``.

    Raises
    ------
    DataError
        When there is no ``run.json``, or it cannot be read at all.
    UsageError, PluginError
        When the data set or the model cannot be opened, or there are predictions and no data set.
    """
    folder = Path(run)
    content = read_content(folder)
    wrong = faults(content)
    if wrong:
        return [Check("run.json", "differs", f"is not what its schema asks for: {text}") for text in wrong]
    record = read_record(folder, tables=False)
    checks = [Check("run.json", "ok", f"follows schema version {content['schema_version']}")]
    checks += _run_id(record, content["run_id"], folder)
    checks += _tables(record, folder)
    checks += _counted(folder)
    if dataset is not None:
        if not isinstance(dataset, Dataset):
            with reworded({"--from": "--dataset-format", "--option": "--dataset-option"}):
                dataset = open_dataset(dataset, format=dataset_format, options=dataset_options)
        checks.append(_data(record, dataset))
        checks += _predictions(record, dataset, predictions or saved_predictions(folder))
    elif predictions is not None:
        raise UsageError("predictions are scored again beside their truth: name the data set, too")
    if model is not None:
        checks += _model(record, model)
    return checks


def _run_id(record: RunRecord, stated: str, folder: Path) -> Iterator[Check]:
    yield _compared("run_id", stated, record.run_id)
    name = folder.resolve().name
    if name != stated:
        yield Check("run_id", "unknown", f"the folder is named {name}, so it was moved")


def _tables(record: RunRecord, folder: Path) -> Iterator[Check]:
    """The files that the record states against those that are there."""
    found = hash_tables(folder)
    if "images" not in record.tables:
        yield Check("images.parquet", "unknown", "the record was kept without it: nothing can be counted")
    for name in TABLES:
        stated, there = record.tables.get(name), found.get(name)
        if stated is not None or there is not None:
            yield _compared(f"{name}.parquet", stated or "no such table", there or "no file")


def _counted(folder: Path) -> Iterator[Check]:
    """What the tables give, against what ``run.json`` says; nothing where there are none."""
    try:
        record = read_record(folder)
    except (OSError, ValueError) as error:
        yield Check("tables", "differs", f"cannot be read: {error}")
        return
    if record.images is None:
        return
    yield from _images(record)
    name, version = record.protocol["name"], record.protocol["version"]
    if name in PROTOCOLS and version != PROTOCOLS[name].version:
        ours = PROTOCOLS[name].version
        yield Check(
            "metrics", "unknown", f"they are of version {version} of {name}; this segbench has {ours}"
        )
        return
    try:
        scores = metric_of(record).compute()
    except SegbenchError as error:
        yield Check("metrics", "differs", f"cannot be counted again: {error}")
        return
    told = {key: metric.value for key, metric in record.metrics.items()}
    yield from _scores("metrics", told, dict(scores))
    rows = [_by_class(rows) for rows in (record.per_class, scores.class_rows)]
    yield from _scores("per_class", rows[0], rows[1])


def _images(record: RunRecord) -> Iterator[Check]:
    """Is each image there once, and are they as many as ``run.json`` says?"""
    assert record.images is not None
    ids, indices, errors = (record.images.column(name).to_pylist() for name in ("image_id", "index", "error"))
    for name, values in (("image_id", ids), ("index", indices)):
        twice = [value for value, n in Counter(values).items() if n > 1]
        if twice:
            yield Check("images.parquet", "differs", f"{name} {twice[0]} stands there twice")
    dataset, n_failed = record.dataset, sum(error is not None for error in errors)
    found = {"n_scored": len(ids) - n_failed, "n_failed": n_failed, "n_images": dataset["n_expected"]}
    status = "complete" if found["n_scored"] == dataset["n_expected"] else "partial"
    status = status if found["n_scored"] else "failed"
    for key, number in found.items():
        if dataset[key] != number:
            yield _compared(f"dataset.{key}", dataset[key], number)
    yield _compared("status", record.status, status)
    yield Check("images", "ok", f"{len(ids):,}, of which {n_failed:,} failed")


def _by_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {
        f"{row['category_id']} {row['name']}: {key}": value
        for row in rows
        for key, value in row.items()
        if key not in _FROM_CLASS
    }


def _scores(what: str, told: Mapping[str, float], found: Mapping[str, float]) -> Iterator[Check]:
    """Scores that are not those found, one by one; else a line for all."""
    keys = dict.fromkeys([*told, *found])
    apart = {key: _apart(told.get(key), found.get(key)) for key in keys}
    wrong = [key for key, distance in apart.items() if not distance <= ROUNDING]
    for key in wrong:
        yield _compared(f"{what}.{key}", told.get(key, "no score"), found.get(key, "no score"))
    if not wrong:
        rounding = "" if max(apart.values(), default=0) == 0 else f", within {ROUNDING:g}"
        yield Check(what, "ok", f"{len(keys):,} scores counted again{rounding}")


def _apart(one: float | None, two: float | None) -> float:
    """Distance of two scores; 0 where both are undefined, infinite where one is, or is not there."""
    if one is None or two is None or math.isnan(one) != math.isnan(two):
        return math.inf
    return 0.0 if math.isnan(one) else abs(one - two)


def _data(record: RunRecord, dataset: Dataset) -> Check:
    found = fingerprint(dataset.categories, (sample.record_sha256 for sample in dataset))
    return _compared("dataset.fingerprint", record.dataset["fingerprint"], found)


def _predictions(
    record: RunRecord, dataset: Dataset, predictions: str | Path | Dataset | None
) -> Iterator[Check]:
    """Score what the model answered once more."""
    if predictions is None:
        return
    if record.status != "complete":
        yield Check("predictions", "unknown", f"the run is {record.status}")
        return
    name, settings = record.protocol["name"], record.protocol["settings"]
    again = score(dataset, predictions, task=record.task, protocol=name, settings=settings)
    told, found = ({key: metric.value for key, metric in one.metrics.items()} for one in (record, again))
    yield from _scores("predictions.metrics", told, found)
    yield from _scores("predictions.per_class", _by_class(record.per_class), _by_class(again.per_class))


def _options(record: RunRecord, spec: str) -> dict[str, Any]:
    """The options of a record's model, for one that is loaded in the same way; none that were secrets."""
    told = record.model.get("options") or {}
    same = str(record.model.get("spec")).partition(":")[0] == spec.partition(":")[0]
    return {key: value for key, value in told.items() if same and "***" not in str(value)}


def _model(record: RunRecord, spec: str) -> Iterator[Check]:
    info = load_model(spec, Setup(options=_options(record, spec))).info
    found = {
        "name": info.name,
        "code_sha256": code_sha256(spec),
        "weights_sha256": info.weights_sha256,
        "revision": info.revision,
    }
    for key, value in found.items():
        told = record.model.get(key)
        if told is None:
            yield Check(f"model.{key}", "unknown", "the record does not state it")
        else:
            yield _compared(f"model.{key}", told, value)


def _compared(what: str, told: object, found: object) -> Check:
    if told == found:
        return Check(what, "ok", str(told))
    return Check(what, "differs", f"run.json says {told}, found {found}")
