"""The two ways to get an image measured: in threads from files, and batch by batch from a model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from segbench.canonical.dataset import Dataset
from segbench.collect import Collector
from segbench.errors import PluginError
from segbench.models import Batch, SegModel
from segbench.models.class_map import ClassMap
from segbench.models.predictions import prediction_sample

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Apply a function in threads and yield results in order; at most ``2 × threads`` are under way."""
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True)
class ModelSteps:
    """A model, what its categories mean, and where its predictions go."""

    plugin: SegModel
    class_map: ClassMap
    collector: Collector
    task: Any

    def step(self, truth: Dataset, indices: list[int]) -> list[float]:
        """Predict and measure one batch; return the latency of each of its images in milliseconds."""
        samples = [truth[i] for i in indices]
        batch = Batch(
            images=[s.image for s in samples], image_ids=[s.image_id for s in samples], task=self.task
        )
        started = time.perf_counter()
        answers = self._predict(batch)
        latency = 1000 * (time.perf_counter() - started) / len(samples)
        for index, sample, answer in zip(indices, samples, answers, strict=True):
            pred = prediction_sample(answer, sample, self.class_map, truth.ignore_index)
            stats = self.collector.metric.measure_sample(pred, sample, index)
            self.collector.add(sample.image_id, sample.record_sha256, stats, latency)
        return [latency] * len(samples)

    def _predict(self, batch: Batch) -> Sequence[Any]:
        name = self.plugin.info.name
        try:
            answers = self.plugin.predict(batch)
        except Exception as error:
            first = batch.image_ids[0]
            raise PluginError(
                f"{name}: image {first}: predict raised {type(error).__name__}: {error}"
            ) from error
        count = len(answers) if isinstance(answers, Sequence | np.ndarray) else None
        if count != len(batch):
            what = type(answers).__name__ if count is None else f"{count} predictions"
            raise PluginError(
                f"{name}: image {batch.image_ids[0]}: predict returned {what} for {len(batch)} images"
            )
        return answers
