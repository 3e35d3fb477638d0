"""The ways to get images of files measured in threads, one by one or by spans; ordered_map."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from segbench.canonical.dataset import Dataset
from segbench.canonical.instances import InstanceTable
from segbench.canonical.label_table import LabelTable
from segbench.errors import DataError
from segbench.metrics import TableMetric
from segbench.scoring.collect import Collector
from segbench.scoring.panel import Measured, Panel

if TYPE_CHECKING:
    from concurrent.futures import Future

Table = InstanceTable | LabelTable
T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Apply a function in threads and yield results in order; ``2 * threads`` are under way."""
    if threads == 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

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


_SPANS = {InstanceTable: 250, LabelTable: 32}
"""Images measured at a time: many rows are quick to count, and maps are to be few in memory."""


def collect_files(
    panel: Panel, truth: Dataset, predictions: Dataset, indices: Iterable[int], threads: int
) -> None:
    """Measure every image of a data set, and add it in order; many at a time where both sides have tables.

    Parameters
    ----------
    panel
        Where they are added.
    truth, predictions
        Of the same images, in the same order.
    indices
        0 .. len(truth) - 1, wrapped to show how far it is.
    threads
        How many images, or spans of images, are under way at a time.
    """

    def measure(index: int) -> Measured:
        return panel.measure(predictions[index], truth[index], index)

    spans = Spans.of(panel, truth, predictions)
    if spans is None:
        for image in ordered_map(measure, indices, threads):
            panel.add(image)
        return
    progress = iter(indices)
    for span, measured in ordered_map(spans.measure, spans, threads):
        if (
            measured is None
        ):  # an image is out of the ordinary: by itself it is measured, or named in an error
            for index in span:
                panel.add(measure(index))
        else:
            spans.add(span, *measured)
        deque(islice(progress, len(span)), maxlen=0)
    deque(progress, maxlen=0)


@dataclass(frozen=True)
class Spans(Iterable[range]):
    """A data set in spans of images that each metric measures at once; their witnesses need see none."""

    metrics: Sequence[TableMetric]
    collectors: Sequence[Collector]
    truth: Dataset
    tables: tuple[Table, Table]

    @classmethod
    def of(cls, panel: Panel, truth: Dataset, predictions: Dataset) -> Spans | None:
        """Return the spans; None where a side has no table, or a metric no use for them."""
        found = [c.metric for c in panel.collectors]
        metrics = [metric for metric in found if isinstance(metric, TableMetric) and metric.by_tables]
        if len(metrics) < len(found):
            return None
        tasks = {metric.task for metric in metrics}
        tables: tuple[Table | None, Table | None] = None, None
        if tasks == {"instance"}:
            tables = predictions.instances, truth.instances
        elif tasks == {"semantic"} and len(metrics) == 1:  # a witness of several has to see each image
            tables = predictions.labels, truth.labels
        if tables[0] is None or tables[1] is None:
            return None
        return cls(metrics, panel.collectors, truth, (tables[0], tables[1]))

    def __iter__(self) -> Iterator[range]:
        n, step = len(self.truth), _SPANS[type(self.tables[1])]
        return (range(first, min(first + step, n)) for first in range(0, n, step))

    def measure(self, span: range) -> tuple[range, tuple[list[str], list[Any]] | None]:
        """Hash a span, and measure it by each metric; None where an image has to be looked at by itself."""
        ids = self.truth.image_ids
        try:
            pred, truth = (table.read(span) for table in self.tables)
            stats = [metric.measure_tables(pred, truth, ids, span) for metric in self.metrics]
        except (ValueError, DataError):
            return span, None
        hashes = truth.record_hashes(ids, span)
        known = [found or self.truth[i].record_sha256 for i, found in zip(span, hashes, strict=True)]
        return span, (known, stats)

    def add(self, span: range, hashes: Sequence[str], stats: Sequence[Any]) -> None:
        """Add what each metric measured of the next span."""
        for collector, one in zip(self.collectors, stats, strict=True):
            collector.add_span(self.truth.image_ids[span.start : span.stop], hashes, one)
