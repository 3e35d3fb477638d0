"""run_suite(): models × data sets × protocols, each run in a process of its own.

What is done is noted below the folder of records, in ``.suite``: a job whose records are there is skipped the
next time. A job is told from others by its model's spec, code and files, the data, protocols and options.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from segbench._version import __version__
from segbench.canonical.atomic import replace_file
from segbench.canonical.dataset import Dataset
from segbench.engines.engine import Job, LocalEngine, Spent
from segbench.errors import SegbenchError, reworded
from segbench.formats import open_dataset
from segbench.models import code_sha256
from segbench.protocols import get_protocol
from segbench.records.results import RunRecord, read_record
from segbench.runs.identity import data_identity, files_identity
from segbench.runs.running import run
from segbench.runs.suite_file import SuiteJob, read_suite

State = Literal["done", "finished", "to do", "partial", "failed"]

_WITHOUT_EFFECT = ("threads", "timeout", "shard_size", "engine", "workers", "scheduler", "resources")
"""Options that no score depends on."""


@dataclass(frozen=True)
class JobResult:
    """What became of a job.

    Attributes
    ----------
    job
        Which.
    state
        ``done`` now, ``finished`` before, ``to do`` of a dry run, ``partial`` where images failed, or
        ``failed``.
    records
        Folders of its records, one a protocol.
    error
        Why it failed, or what is missing.
    seconds
        How long it took.
    """

    job: SuiteJob
    state: State
    records: Sequence[Path] = ()
    error: str | None = None
    seconds: float = 0.0

    def read(self) -> list[RunRecord]:
        """Its records, without their tables."""
        return [read_record(folder, tables=False) for folder in self.records]


def run_suite(
    file: str | Path,
    *,
    out: str | Path | None = None,
    dry_run: bool = False,
    progress: Callable[[JobResult], object] = lambda _: None,
) -> list[JobResult]:
    """Run what a TOML file names: every model on every data set under every protocol.

    Each job is a run as :func:`segbench.run` does it, in a process of its own: one that fails, or whose
    process dies, does not stop the others, and leaves nothing in memory. What a killed suite has done is not
    done again.

    Parameters
    ----------
    file
        The suite; :mod:`segbench.runs.suite_file` shows one.
    out
        Folder of records in the place of the suite's own.
    dry_run
        Only say which jobs are to be done.
    progress
        Called with each result when it is there.

    Returns
    -------
    list[JobResult]
        In the order of the file; nothing is raised for a job that failed.

    Raises
    ------
    DataError
        When the file is no suite.
    """
    jobs = [job if out is None else replace(job, out=Path(out)) for job in read_suite(file)]
    results = []
    for result in _seen(jobs) if dry_run else _worked(jobs):
        progress(result)
        results.append(result)
    return results


def _worked(jobs: Sequence[SuiteJob]) -> Iterator[JobResult]:
    work: Job[None, SuiteJob, JobResult] = Job(partial(_enter, dict(os.environ)), _work, lost=_lost)
    yield from LocalEngine(1, apart=True).run(work, jobs)


def _seen(jobs: Sequence[SuiteJob]) -> Iterator[JobResult]:
    for job in jobs:
        try:
            found = _done(job, _key(job, _open(job)))
        except SegbenchError as error:
            yield JobResult(job, "failed", error=str(error))
        else:
            yield JobResult(job, "to do") if found is None else JobResult(job, "finished", found)


def _enter(variables: Mapping[str, str]) -> None:
    """Give a process the environment of this one: it may be forked of a server that is older."""
    os.environ.clear()
    os.environ.update(variables)


def _lost(job: SuiteJob, why: str) -> JobResult:
    return JobResult(job, "failed", error=why)


def _work(_: None, job: SuiteJob) -> JobResult | Spent[JobResult]:
    """Run a job, unless its records are there; the process that a model was loaded in is not used again."""
    started = time.perf_counter()
    try:
        dataset = _open(job)
        key = _key(job, dataset)
        found = _done(job, key)
        if found is not None:
            return JobResult(job, "finished", found)
        result = _run(job, dataset, key)
    except SegbenchError as error:
        result = JobResult(job, "failed", error=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs are to run
        result = JobResult(job, "failed", error=f"internal error: {type(error).__name__}: {error}")
    return Spent(replace(result, seconds=time.perf_counter() - started))


def _run(job: SuiteJob, dataset: Dataset, key: str) -> JobResult:
    made = run(
        job.model,
        dataset,
        protocol=list(job.protocols) or None,
        settings=job.settings or None,
        out=job.out,
        **job.options,
    )
    records = [made] if isinstance(made, RunRecord) else list(made)
    folders = [record.path for record in records if record.path is not None]
    data = records[0].dataset
    if records[0].status != "complete":
        missing = f"{data['n_expected'] - data['n_scored']:,} of {data['n_expected']:,} images are not scored"
        return JobResult(job, "partial", folders, missing)
    content = {"job": str(job), "records": [folder.relative_to(job.out).as_posix() for folder in folders]}
    with replace_file(_note(job, key)) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return JobResult(job, "done", folders)


def _open(job: SuiteJob) -> Dataset:
    with reworded({"--from": "`format` in the suite", "--option": "`options` in the suite,"}):
        return open_dataset(**job.dataset)


def _key(job: SuiteJob, dataset: Dataset) -> str:
    """Hash of all that the scores of a job depend on, as far as it can be told without loading the model."""
    scheme, _, rest = job.model.partition(":")
    identity: dict[str, Any] = {
        "segbench": __version__,
        "model": job.model,
        "code_sha256": None if scheme == "preds" else code_sha256(job.model),
        "files": [files_identity(path) for path in _files(rest, job.options)],
        "data": data_identity(dataset),
        "dataset": _named(job.dataset),
        "protocols": [[name, get_protocol(name).version] for name in job.protocols],
        "settings": job.settings,
        "options": {key: value for key, value in job.options.items() if key not in _WITHOUT_EFFECT},
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _files(rest: str, options: Mapping[str, Any]) -> list[Path]:
    """Files that a job reads beside the data set: those of the model, and those that its options name."""
    named = [rest, options.get("synonyms"), *options.get("options", {}).values()]
    return [Path(name) for name in named if name and isinstance(name, str | Path)]


def _named(dataset: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dataset.items() if key != "path"}


def _note(job: SuiteJob, key: str) -> Path:
    return job.out / ".suite" / f"{key}.json"


def _done(job: SuiteJob, key: str) -> list[Path] | None:
    """The records that a job has left, if all of them are there."""
    try:
        content = json.loads(_note(job, key).read_text(encoding="utf-8"))
        folders = [job.out / name for name in content["records"]]
    except (OSError, ValueError, LookupError, TypeError):  # no note, or one that is damaged
        return None
    return folders if all((folder / "run.json").is_file() for folder in folders) else None
