"""run(): give every image to a model, shard by shard, and keep a record.

Shards that are done are kept below the folder of records until the record is written: a run that was killed,
or stopped at an error, goes on where it was, and gives the same numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from segbench.errors import UsageError, did_you_mean, reworded
from segbench.models.setup import Setup, SetupOptions
from segbench.protocols import get_protocol
from segbench.records.results import RunRecord
from segbench.runs.bench import Asked
from segbench.runs.loading import Wanted
from segbench.runs.pipeline import Stages
from segbench.runs.saving import check_format
from segbench.runs.shards import Kept
from segbench.runs.sharing import Share
from segbench.runs.store import SHARD_SIZE
from segbench.runs.team import Crew, Opener, Team, gathered
from segbench.scoring.evaluate import CommonOptions, Data, Progress, Protocols, score
from segbench.scoring.forecast import Before

if TYPE_CHECKING:
    from segbench.models import SegModel
    from segbench.scoring.comparison import Comparison

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
    merge: bool
    engine: str
    workers: int | None
    scheduler: str | None
    resources: Mapping[str, float] | None


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
    merge: bool = False,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    resources: Mapping[str, float] | None = None,
    out: str | Path | None = "results",
    before: Before | None = None,
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
        Seconds that the model may take for a batch. One that hangs is given up, and the run stops; of workers
        the one in which it hangs is replaced, and with ``skip`` the image alone fails.
    threads
        That decode and measure while the model works; by default one for each core, which workers share.
    shard_size
        Images that are kept together: a run that is killed loses at most the shards that it was at.
    resume
        Take the shards that a run before this one left. If False, every image is predicted again, and what
        differs from what is there is an error. An object that states neither ``weights_sha256`` nor
        ``revision`` cannot be told from another, and leaves no shards.
    merge
        Run nothing, and make the record of the shards that are there; it is partial where some are missing.
    engine, workers
        ``local``: so many processes of this machine, by default this one alone. ``dask``: so many workers of
        a cluster that is started for the run, or those of ``scheduler``. The record is the same.
    scheduler, resources
        Of the engine ``dask``: the address of a scheduler, and what a worker must have, as ``{"GPU": 1}``.
    out
        Folder to write the record below; None to write none.
    before
        Called with a :class:`~segbench.scoring.forecast.Forecast` of each record once the model is loaded,
        before it is asked; what it raises ends the run.
    progress
        Wraps the indices of the images, to show how far it is.
    how
        Where and in what the model computes, how it is asked, and whether code that comes with it may run:
        ``device dtype model_threads tf32 prompts window stride flips unsafe_pickle trust_remote_code
        options``, as of :class:`segbench.models.Setup`.

    Returns
    -------
    RunRecord
        Of a list of protocols, a :class:`~segbench.scoring.comparison.Comparison`. Its status is ``partial``
        where images failed.

    Under ``torchrun``, or wherever ``RANK`` and ``WORLD_SIZE`` are set, each process runs every WORLD_SIZE-th
    shard, and the one that ends last makes the record.

    Raises
    ------
    PluginError
        When the model raises, hangs, or returns what it must not; with ``skip``, when it does so always.
    UnfinishedError
        When this process is one of several, has done its share, and others have not.
    WorkerError
        When workers or their scheduler are lost.
    DataError, UsageError
        When the data set is damaged, a name is unknown, or categories of the model have no counterpart.
    """
    _check_saving(save_predictions, out, task, protocol)
    crew = Crew(engine=engine, workers=workers, scheduler=scheduler, resources=resources or {})
    share = Share.of_environment(not crew.is_hired, out)
    keep = save_predictions is not None
    stages = _stages(crew, on_error, threads, batch_size=batch_size, timeout=timeout, keep_predictions=keep)
    setup = Setup(**how)
    if isinstance(model, str) and model.startswith("preds:"):
        if save_predictions is not None or setup.asking or setup.prompts is not None:
            raise UsageError(
                f"the predictions of {model} are in files already: no model is asked, or can be told"
            )
        how_scored = {"task": task, "settings": settings, "out": out, "before": before, "progress": progress}
        return _run_files(model, dataset, protocol, **how_scored)
    wanted = Wanted(setup=setup, ignore=tuple(ignore), synonyms=synonyms)
    asked = Asked(task, protocol, settings, wanted, save_predictions)
    started = time.perf_counter()
    opener = Opener(model, dataset, asked, stages)
    with gathered(opener, crew) as team, team.bench.foreseen(before).store(out, shard_size) as found:
        if merge and not found.store.numbers():
            raise UsageError(f"there are no shards of this run below {out}: run it without merge")
        if not merge:
            fill(team, found, share, progress, resume)
        with share.merging(found):
            return team.bench.finish(found, out, started, crew.description())


def _check_saving(
    name: str | None, out: str | Path | None, task: str | None, protocol: str | Protocols | None
) -> None:
    """Check a format of predictions before a model is loaded, for the task that is asked for, if one is."""
    if name is None:
        return
    if out is None:
        raise UsageError("predictions are saved beside the record: name a folder for it (out)")
    first = protocol if isinstance(protocol, str) else next(iter(protocol or ()), None)
    check_format(name, task if first is None else get_protocol(first).task)


def _stages(crew: Crew, on_error: str, threads: int | None, **how: Any) -> Stages:
    if on_error not in ON_ERROR:
        raise UsageError(f"unknown on_error {on_error!r}.{did_you_mean(on_error, ON_ERROR)}")
    if how["batch_size"] < 1:
        raise UsageError(f"a batch holds at least 1 image, not {how['batch_size']}")
    return Stages(
        skip_errors=on_error == "skip",
        threads=threads or max(1, (os.cpu_count() or 1) // crew.of_this_machine),
        expendable=crew.is_hired,
        **how,
    )


def fill(team: Team, found: Kept, share: Share, progress: Progress, resume: bool) -> None:
    """Run the shards of a share that are not there; with those that have failures they are run again."""
    plan = found.store.plan
    own = share.numbers(plan)
    sizes = (len(plan.positions(number)) for number in own)
    ticks: Iterator[int] = iter(progress(range(sum(sizes))))
    done = set[int]()
    for shard in found.done(own) if resume else ():
        done.add(shard.number)
        for _ in shard.outcomes:
            next(ticks, None)
    todo = (plan.portion(number) for number in own if number not in done)
    for part in team.run(todo, partial(next, ticks, None)):
        found.put(part)
    for _ in ticks:
        pass


def _run_files(
    spec: str, dataset: Data, protocol: str | Protocols | None, **options: Any
) -> RunRecord | Comparison:
    """Score predictions that are there, as a model whose answers are known."""
    path = spec.removeprefix("preds:")
    of_score = {
        f"--{what}-{kind}": f"--{what}-{kind} of `segbench score`"
        for what in ("truth", "predictions")
        for kind in ("format", "option")
    }
    with reworded(of_score):
        return score(dataset, path, protocol=protocol, model=Path(path).name, **options)
