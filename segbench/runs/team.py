"""Team: who runs the portions of a run: this process, workers of an engine, or one process of several.

Where workers do, this process loads no model: one of them tells what it is, and each sees that its own is the
same. A worker in which the model hangs, or that dies, costs its portion, which is run again in batches, and
then image by image, before others are begun: in the end the one image that is to blame fails, when two
workers died at it alone. One whose memory is full after other portions costs nothing but its process.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from segbench.canonical.dataset import Dataset
from segbench.engines.engine import Engine, Job, LocalEngine, Spent, engine
from segbench.errors import DataError, PluginError, SegbenchError, UsageError, WorkerError, reworded
from segbench.formats import open_dataset
from segbench.runs.bench import Asked, Bench
from segbench.runs.loading import Card, Loaded
from segbench.runs.patience import UnansweredError
from segbench.runs.pipeline import Pipeline, Stages
from segbench.runs.shards import Outcome, Part
from segbench.runs.store import Portion
from segbench.scoring.evaluate import Data

if TYPE_CHECKING:
    from segbench.models import SegModel

Tick = Callable[[], object]

HOPELESS = 8
"""A run ends at so many images at which the model hangs or kills its worker, where none was predicted."""
_OF_CONVERT = {
    "--from": "--from of `segbench convert`, and run on what it makes",
    "--option": "with `segbench convert`, and run on what it makes: --option",
}
"""A run has no such options."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """How many work, and where.

    Attributes
    ----------
    engine
        One of :data:`segbench.engines.engine.ENGINES`.
    workers
        How many; None with the engine ``local`` is this process.
    scheduler, resources
        As of :class:`segbench.engines.clusters.DaskEngine`.
    """

    engine: str = "local"
    workers: int | None = None
    scheduler: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.workers is not None:
            raise UsageError("the workers are those of the scheduler: leave out how many")
        if self.engine == "local" and (self.scheduler or self.resources):
            raise UsageError("a scheduler, or resources of workers, are for the engine dask")

    @property
    def is_hired(self) -> bool:
        """Whether workers do it, and not this process."""
        return self.engine != "local" or self.workers is not None

    @property
    def of_this_machine(self) -> int:
        """How many processes share the cores of this machine, under torchrun too."""
        return max(1, self.workers or int(os.environ.get("LOCAL_WORLD_SIZE", "1")))

    def hire(self) -> Engine:
        """The engine."""
        options = {"scheduler": self.scheduler, "resources": self.resources}
        given = {key: value for key, value in options.items() if value}
        found = engine(self.engine, 1 if self.workers is None else self.workers, **given)
        return replace(found, apart=True) if isinstance(found, LocalEngine) else found

    def description(self) -> dict[str, Any]:
        """What the record says of it."""
        return {"engine": self.engine, "workers": self.workers} if self.is_hired else {}


@dataclass(frozen=True)
class Trouble:
    """Stands for the outcomes of a portion whose worker hung, ran out of memory or died.

    Attributes
    ----------
    portion, why
        What was to be predicted, and what happened.
    passing
        Whether a process that has predicted nothing yet may manage it: this one had no memory left after
        others.
    """

    portion: Portion
    why: str
    passing: bool = False


@dataclass(frozen=True)
class Station:
    """Where images are predicted: a bench, and the stages through which they go."""

    bench: Bench
    pipeline: Pipeline


@dataclass(frozen=True)
class Opener:
    """Opens a station, here or in a worker."""

    model: str | SegModel
    dataset: Data
    asked: Asked
    stages: Stages

    def truth(self) -> Dataset:
        """The data set."""
        if isinstance(self.dataset, Dataset):
            return self.dataset
        with reworded(_OF_CONVERT):
            return open_dataset(self.dataset)

    def __call__(self) -> Station:
        """Load the model, open the data set, and see that they fit."""
        truth = self.truth()
        loaded = Loaded.of(self.model, truth, self.asked.model)
        bench = Bench.of(loaded.card, truth, self.asked, self.stages)
        return Station(bench, bench.pipeline(loaded.plugin))


class Team(Protocol):
    """Runs portions."""

    @property
    def bench(self) -> Bench:
        """What is run."""

    def run(self, portions: Iterable[Portion], tick: Tick) -> Iterator[Part]:
        """Yield outcomes as they come; ``tick`` an image."""


@contextmanager
def gathered(opener: Opener, crew: Crew) -> Iterator[Team]:
    """A team, at work until the block ends."""
    if not crew.is_hired:
        yield Alone(opener())
        return
    try:
        pickle.dumps(opener)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise WorkerError(
            f"cannot be sent to workers ({error}): give the data set by its path and the model by its spec"
        ) from None
    with crew.hire().open() as at_work:
        (card,) = at_work.run(Job(opener, _card), [None])  # a process that ends, with all that it loaded
        yield Together(Bench.of(card, opener.truth(), opener.asked, opener.stages), opener, at_work)


@dataclass(frozen=True)
class Alone:
    """This process."""

    station: Station

    @property
    def bench(self) -> Bench:
        """What is run."""
        return self.station.bench

    def run(self, portions: Iterable[Portion], tick: Tick) -> Iterator[Part]:
        """See :meth:`Team.run`."""
        return self.station.pipeline.run(portions, tick)


class _Queue:
    """Portions in order, before which come those that are put ``first`` meanwhile."""

    def __init__(self, portions: Iterable[Portion]) -> None:
        self.first: deque[Portion] = deque()
        self._others = iter(portions)

    def __iter__(self) -> Iterator[Portion]:
        return self

    def __next__(self) -> Portion:
        return self.first.popleft() if self.first else next(self._others)


def _is_one(portion: Portion) -> bool:
    """Whether a portion cannot be cut; one that can is, which tries all of it again."""
    return len(portion) == 1


@dataclass(frozen=True)
class Together:
    """The workers of an engine."""

    bench: Bench
    opener: Opener
    engine: Engine

    def run(self, portions: Iterable[Portion], tick: Tick) -> Iterator[Part]:
        """See :meth:`Team.run`."""
        job: Job[Station, Portion, Part | Trouble] = Job(
            self.opener, partial(_work, self.bench.card.key), ordered=False, lost=self._lost, again=_is_one
        )
        queue, n_done, n_blamed = _Queue(portions), 0, 0
        with closing(self.engine.run(job, queue)) as results:
            for result in results:
                if not isinstance(result, Trouble):
                    n_done += 1
                    yield from self._ticked(result, tick)
                elif result.passing:
                    queue.first.append(result.portion)
                elif pieces := result.portion.cut(self.bench.stages.batch_size):
                    queue.first.extend(pieces)
                else:
                    n_blamed += 1
                    hopeless = not n_done and n_blamed >= HOPELESS
                    yield from self._ticked(self._failed(result, hopeless=hopeless), tick)

    def _ticked(self, part: Part, tick: Tick) -> Iterator[Part]:
        for _ in part.outcomes:
            tick()
        yield part

    def _lost(self, portion: Portion, why: str) -> Trouble:
        return Trouble(portion, f"{self.bench.card.info.name}: image {portion.image_ids[0]}: {why}")

    def _failed(self, trouble: Trouble, hopeless: bool) -> Part:
        """The outcome of an image that no worker could be got through.

        Raises
        ------
        PluginError
            When such an image is not to be skipped, or there were several and none that was predicted.
        """
        portion = trouble.portion
        position, image_id = portion.positions[0], portion.image_ids[0]
        if not self.bench.stages.skip_errors:
            raise PluginError(trouble.why)
        if hopeless:
            raise PluginError(
                f"{trouble.why}; so it was with {HOPELESS} images, and none was predicted: no other is tried"
            )
        try:
            record = self.bench.truth[position].record_sha256
        except SegbenchError:
            record = None
        outcome = Outcome(image_id=image_id, position=position, record_sha256=record, error=trouble.why)
        return Part(portion.number, [outcome])


def _card(station: Station, _: object) -> Card:
    return station.bench.card


def _work(key: str, station: Station, portion: Portion) -> Part | Spent[Part | Trouble]:
    """Run a portion in a worker."""
    _check_same(key, station.bench, portion)
    used = station.pipeline.used
    try:
        (part,) = station.pipeline.run([portion])
    except UnansweredError as error:
        if not (error.passing or station.bench.stages.skip_errors):
            raise
        return Spent(Trouble(portion, str(error), error.passing and used))
    except MemoryError as error:
        why = f"{station.bench.card.info.name}: image {portion.image_ids[0]}: ran out of memory: {error}"
        return Spent(Trouble(portion, why, used))
    return part


def _check_same(key: str, bench: Bench, portion: Portion) -> None:
    if bench.card.key != key:
        raise PluginError(
            f"{bench.card.info.name}: a worker loads another model than the first one: weights, code, labels "
            "or kind of device differ; a model with random weights needs a seed"
        )
    if [bench.truth.image_ids[i] for i in portion.positions] != list(portion.image_ids):
        raise DataError("holds other images in a worker than in this process", file=bench.truth.path)
