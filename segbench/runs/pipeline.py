"""The stages of a run: images are decoded, given to the model, and measured, all three at the same time.

Decoding and measuring go on in threads while the model works in the thread that it was loaded in.
Few images are under way between the stages, and memory does not grow with the data set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.errors import PluginError, SegbenchError, raised
from segbench.models.asking import Asking
from segbench.runs.patience import Caller, UnansweredError
from segbench.runs.predicted import pack_prediction
from segbench.runs.relay import Relay
from segbench.runs.shards import Outcome, Part
from segbench.runs.store import Portion
from segbench.runs.timing import DECODE, FLOPS, METRIC, MODEL, PEAKS, WARM_UP, WARMING, Times, new_times
from segbench.runs.watching import Watched, peak_memory
from segbench.scoring.panel import Panel

if TYPE_CHECKING:
    from segbench.models import SegModel
    from segbench.models.class_map import ClassMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """How the stages are run.

    Attributes
    ----------
    batch_size
        Images a call of the model. A batch never reaches over the end of its shard.
    skip_errors
        Whether an image that fails is noted, and the run goes on.
    threads
        That decode and measure; with one, the stages follow each other.
    timeout
        Seconds that the model may take for a batch; None for any.
    keep_predictions
        Whether outcomes hold what the model answered.
    expendable
        Whether this process is one that is replaced when its memory is full.
    """

    batch_size: int = 1
    skip_errors: bool = False
    threads: int = 1
    timeout: float | None = None
    keep_predictions: bool = False
    expendable: bool = False


@dataclass(slots=True)
class _Item:
    """One image on its way."""

    position: int
    image_id: str
    sample: Sample | None = None
    image: NDArray[np.uint8] | None = None
    answer: Any = None
    latency_ms: float | None = None
    times: Times = field(default_factory=new_times)
    error: str | None = None


@dataclass(slots=True)
class _Work:
    """A batch on its way; ``ends`` tells whether it is the last of its shard."""

    number: int
    items: list[_Item]
    ends: bool
    outcomes: list[Outcome] = field(default_factory=list)


class Pipeline:
    """A model, the truth, and where its answers go.

    Parameters
    ----------
    plugin, class_map
        The model, and what its categories mean.
    panel
        What measures; nothing is added to it.
    truth, task
        What is asked.
    stages
        How.
    asking, device
        In which parts the model is asked for an image, and where it computes.
    stuff
        Category ids of the model that are stuff in the data set.
    """

    def __init__(
        self,
        *,
        plugin: SegModel,
        class_map: ClassMap,
        panel: Panel,
        truth: Dataset,
        task: Any,
        stages: Stages,
        asking: Asking,
        device: str = "cpu",
        stuff: frozenset[int] = frozenset(),
    ) -> None:
        self._plugin, self._class_map, self._panel = plugin, class_map, panel
        self._truth, self._task, self._stages = truth, task, stages
        self._device, self._stuff = device, stuff
        self._model = Watched(plugin, asking)
        self._caller = Caller(lambda work: work(), stages.timeout)
        self._calls = 0

    @property
    def used(self) -> bool:
        """Whether the model has predicted anything here."""
        return self._calls > 0

    def run(self, portions: Iterable[Portion], tick: Callable[[], object] = lambda: None) -> Iterator[Part]:
        """Run portions, and yield each when all of its images are measured; ``tick`` an image.

        Raises
        ------
        PluginError, DataError
            When an image fails and that is not to be noted, or the model hangs.
        """
        outcomes: list[Outcome] = []
        relay = Relay(self._decode, self._answer, self._measure)
        for work in relay.run(self._batches(portions), self._stages.threads):
            outcomes += work.outcomes
            for _ in work.outcomes:
                tick()
            if work.ends:
                yield Part(work.number, outcomes)
                outcomes = []

    def _batches(self, portions: Iterable[Portion]) -> Iterator[_Work]:
        size = self._stages.batch_size
        for portion in portions:
            images = list(zip(portion.positions, portion.image_ids, strict=True))
            for first in range(0, len(images), size):
                items = [_Item(*image) for image in images[first : first + size]]
                yield _Work(portion.number, items, first + size >= len(images))

    def _decode(self, work: _Work) -> _Work:
        for item in work.items:
            started = time.perf_counter()
            with self._noting(item):
                item.sample = self._truth[item.position]
                item.image = item.sample.image
            item.times[DECODE] = 1000 * (time.perf_counter() - started)
        return work

    def _answer(self, work: _Work) -> _Work:
        items = [item for item in work.items if item.error is None]
        if items:
            try:
                self._ask(items)
            except PluginError as error:
                if not self._stages.skip_errors or isinstance(error, UnansweredError):
                    raise
                self._ask_each(items, error)
        return work

    def _ask_each(self, items: Sequence[_Item], error: PluginError) -> None:
        """Ask again, one by one, so that an image of a batch fails alone."""
        if len(items) == 1:
            items[0].error = str(error)
            return
        for item in items:
            with self._noting(item):
                self._ask([item])

    def _ask(self, items: Sequence[_Item]) -> None:
        from segbench.models import Batch

        images = [item.image for item in items if item.image is not None]
        image_ids = [item.image_id for item in items]
        batch = Batch(images=images, image_ids=image_ids, task=self._task, stuff=self._stuff)
        self._model.spent()
        started = time.perf_counter()
        answers = self._predict(batch)
        latency = 1000 * (time.perf_counter() - started) / len(items)
        spent = np.array(self._model.spent()) / len(items)
        for item, answer in zip(items, answers, strict=True):
            item.answer, item.latency_ms = answer, latency
            item.times[MODEL], item.times[WARMING] = spent, self._calls < WARM_UP
        if self._calls == 0 and self._model.counts:
            first = replace(batch, images=images[:1], image_ids=image_ids[:1])
            items[0].times[FLOPS] = self._caller(partial(self._model.flops, first))
        self._calls += 1

    def _predict(self, batch: Any) -> Sequence[Any]:
        where = f"{self._plugin.info.name}: image {batch.image_ids[0]}: predict"
        try:
            answers = self._caller(partial(self._model.predict, batch))
        except UnansweredError as error:
            raise UnansweredError(f"{where} {error}") from None
        except (Exception, SystemExit) as error:  # whatever a stranger's code raises
            if self._stages.expendable and _out_of_memory(error):
                raise UnansweredError(f"{where} ran out of memory: {error}", passing=True) from None
            raise PluginError(f"{where} {raised(error)}") from error
        count = len(answers) if isinstance(answers, Sequence | np.ndarray) else None
        if count != len(batch):
            what = type(answers).__name__ if count is None else f"{count} predictions"
            raise PluginError(f"{where} returned {what} for {len(batch)} images")
        return answers

    def _measure(self, work: _Work) -> _Work:
        work.outcomes = [self._outcome(item) for item in work.items]
        work.items = []
        return work

    def _outcome(self, item: _Item) -> Outcome:
        from segbench.models.predictions import prediction_sample

        measured, packed, truth = None, None, item.sample
        if item.error is None and truth is not None:
            started = time.perf_counter()
            with self._noting(item):
                pred = prediction_sample(item.answer, truth, self._class_map, self._truth.ignore_index)
                packed = pack_prediction(pred) if self._stages.keep_predictions else None
                measured = self._panel.measure(pred, truth, item.position)
            item.times[METRIC] = 1000 * (time.perf_counter() - started)
            item.times[PEAKS] = peak_memory(self._device)
        return Outcome(
            image_id=item.image_id,
            position=item.position,
            record_sha256=measured.record_sha256 if measured else self._hash(item),
            measured=measured,
            error=item.error,
            latency_ms=None if measured is None else item.latency_ms,
            pred=None if measured is None else packed,
            times=None if measured is None else item.times,
        )

    def _hash(self, item: _Item) -> str | None:
        """The hash of the truth of an image that failed; None where it is the truth that cannot be read."""
        try:
            return self._truth[item.position].record_sha256
        except SegbenchError:
            return None

    def _noting(self, item: _Item) -> _Noting:
        return _Noting(item, self._stages.skip_errors)


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # that of torch


@dataclass(slots=True)
class _Noting:
    """Notes an error of segbench with the image that it concerns, where errors are skipped."""

    item: _Item
    skip: bool

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not self.skip or not isinstance(error, SegbenchError) or isinstance(error, UnansweredError):
            return False
        self.item.error = str(error)
        return True
