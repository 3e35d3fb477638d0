"""The TOML of a suite: models, data sets and protocols, all combinations of which are run.

::

    out = "results"                       # paths are from the current folder, as on the command line

    [run]                                 # options of every run, as of `segbench run`
    batch_size = 1

    [[model]]                             # one or more; options of its own go first
    spec = "onnx:net.onnx"
    tasks = ["semantic"]                  # protocols of other tasks are not asked of it
    options = { threshold = 0.5 }

    [[dataset]]                           # one or more
    path = "my-set"
    split = "val"                         # format, options: as of `open_dataset`

    [[protocol]]                          # none: that of the first task that model and data set serve
    name = "exact"
    settings = { ignore_index = 0 }

Protocols of one task and of the same settings take one pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbench.canonical.options import checked_options
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.models import TASKS
from segbench.protocols import get_protocol


@dataclass(frozen=True, kw_only=True)
class SuiteJob:
    """One run: a model on a data set under protocols of one task.

    Attributes
    ----------
    model
        Its spec.
    dataset
        ``path``, and ``split format options`` where they are told.
    protocols
        Names; none for the default.
    settings
        Of the protocols.
    options
        Of :func:`segbench.run`.
    out
        Folder of records.
    """

    model: str
    dataset: Mapping[str, Any]
    protocols: Sequence[str]
    settings: Mapping[str, Any]
    options: Mapping[str, Any] = field(repr=False)
    out: Path

    def __str__(self) -> str:
        rules = ", ".join(self.protocols) or "default protocol"
        split = f", {self.dataset['split']}" if "split" in self.dataset else ""
        return f"{self.model} on {self.dataset['path']}{split}: {rules}"


def read_suite(file: str | Path) -> list[SuiteJob]:
    """Read a suite, and return its jobs: each model on each data set, in the order of the file.

    Raises
    ------
    DataError
        When it cannot be read, is no TOML, or a key is unknown, missing or of another type; names the table.
    """
    path = Path(file)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the suite: {error.strerror}", file=path) from None
    except ValueError as error:
        raise DataError(f"is not TOML: {error}", file=path) from None
    try:
        return list(_jobs(_checked(_suite, content, "the suite", "model", "dataset")))
    except UsageError as error:
        raise DataError(str(error), file=path) from None


def _jobs(suite: Mapping[str, Any]) -> Iterator[SuiteJob]:
    shared = _checked(_run, suite.get("run", {}), "[run]")
    models = [_model_of(row) for row in _tables(suite, "model")]
    datasets = [_checked(_dataset, row, "[[dataset]]", "path") for row in _tables(suite, "dataset")]
    protocols = [_checked(_protocol, row, "[[protocol]]", "name") for row in _tables(suite, "protocol")]
    for model in models:
        options = {**shared, **model}
        spec, tasks = options.pop("spec"), options.pop("tasks", list(TASKS))
        for dataset in datasets:
            for names, settings in _passes(protocols, tasks):
                yield SuiteJob(
                    model=spec,
                    dataset=dataset,
                    protocols=names,
                    settings=settings,
                    options=options,
                    out=suite.get("out", Path("results")),
                )


def _passes(
    protocols: Sequence[Mapping[str, Any]], tasks: Sequence[str]
) -> list[tuple[list[str], dict[str, Any]]]:
    """Protocols by task and settings, of these tasks; one pass with none where none is named."""
    unknown = next((task for task in tasks if task not in TASKS), None)
    if unknown is not None:
        raise UsageError(f"[[model]]: unknown task {unknown!r}.{did_you_mean(unknown, TASKS)}")
    if not protocols:
        return [([], {})]
    passes: list[tuple[str, list[str], dict[str, Any]]] = []
    for one in protocols:
        task, settings = get_protocol(one["name"]).task, dict(one.get("settings", {}))
        if task not in tasks:
            continue
        names = next((names for t, names, told in passes if (t, told) == (task, settings)), None)
        if names is None:
            passes.append((task, [one["name"]], settings))
        elif one["name"] in names:
            raise UsageError(f"[[protocol]]: {one['name']} is named twice")
        else:
            names.append(one["name"])
    return [(names, settings) for _, names, settings in passes]


def _tables(suite: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for row in suite.get(key, []):
        if not isinstance(row, dict):
            raise UsageError(f"{key} is a list of tables: write [[{key}]]")
        yield row


def _model_of(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: row[key] for key in ("spec", "tasks") if key in row}
    options = {key: value for key, value in row.items() if key not in own}
    return {**_checked(_model, own, "[[model]]", "spec"), **_checked(_run, options, "[[model]]")}


def _checked(schema: Callable[..., None], table: Mapping[str, Any], who: str, *needed: str) -> dict[str, Any]:
    """The options of a table, each of its type, all of those that are needed there."""
    checked = checked_options(schema, table, who)
    missing = next((key for key in needed if not checked.get(key)), None)
    if missing is not None:
        raise UsageError(f"{who} names no {missing}")
    return checked


# What each table may hold: the keyword-only parameters, and their types.


def _suite(
    *, out: Path, run: dict[str, Any], model: list[Any], dataset: list[Any], protocol: list[Any]
) -> None:
    """The file."""


def _run(
    *,
    device: str,
    dtype: str,
    model_threads: int,
    tf32: bool,
    prompts: str,
    window: list[int],
    stride: list[int],
    flips: list[str],
    unsafe_pickle: bool,
    trust_remote_code: bool,
    batch_size: int,
    ignore: list[str],
    synonyms: Path,
    on_error: str,
    timeout: float,
    threads: int,
    shard_size: int,
    save_predictions: str,
    engine: str,
    workers: int,
    scheduler: str,
    resources: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Options of :func:`segbench.run`."""


def _model(*, spec: str, tasks: list[str]) -> None:
    """A model; beside these it has options of ``run``."""


def _dataset(*, path: Path, split: str, format: str, options: dict[str, Any]) -> None:  # noqa: A002 - the field's word
    """A data set, as :func:`segbench.open_dataset` takes it."""


def _protocol(*, name: str, settings: dict[str, Any]) -> None:
    """A protocol."""
