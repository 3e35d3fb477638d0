"""Panel: the protocols of one pass, which look at each image together and keep a record each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.collect import Collector
from segbench.metrics import Metric
from segbench.metrics.once import Once
from segbench.protocols import Protocol
from segbench.results import RunRecord

if TYPE_CHECKING:
    from segbench.metrics.reasons import Reason


@dataclass(frozen=True, slots=True)
class Measured:
    """One image, and its stats under each protocol."""

    image_id: str
    record_sha256: str
    stats: Sequence[Any]
    observed: Sequence[Any]


class Panel:
    """One metric and one collector a protocol; ``collectors`` are in the order of the protocols.

    Parameters
    ----------
    protocols, metrics
        Each once, and the metric that it builds.
    truth
        The data set that is scored.
    """

    def __init__(self, protocols: Sequence[Protocol], metrics: Sequence[Metric], truth: Dataset) -> None:
        self._protocols = tuple(protocols)
        self.collectors = [Collector(metric, truth) for metric in metrics]
        places: dict[str, list[int]] = {}
        for i, protocol in enumerate(self._protocols):
            places.setdefault(protocol.task, []).append(i)
        several = {task: at for task, at in places.items() if len(at) > 1}
        self._witnesses = [(at, _witness(task, [metrics[i] for i in at])) for task, at in several.items()]

    def measure(self, pred: Sample, truth: Sample, index: int) -> Measured:
        """Measure one image under every protocol, what they share once; safe to call from several threads."""
        once = Once()
        stats = [c.metric.measure_sample(pred, truth, index, once) for c in self.collectors]
        observed = [w.observe(pred, truth, once, [stats[i] for i in at]) for at, w in self._witnesses]
        return Measured(truth.image_id, truth.record_sha256, stats, observed)

    def add(self, image: Measured, latency_ms: float | None = None) -> None:
        """Add the next image."""
        for collector, stats in zip(self.collectors, image.stats, strict=True):
            collector.add(image.image_id, image.record_sha256, stats, latency_ms)
        for (_, witness), observed in zip(self._witnesses, image.observed, strict=True):
            witness.add(observed)

    def records(self, **details: Mapping[str, Any] | list[str]) -> list[RunRecord]:
        """Score what was added: a record a protocol; ``details`` as of :meth:`Collector.record`."""
        pairs = zip(self._protocols, self.collectors, strict=True)
        return [collector.record(protocol, **details) for protocol, collector in pairs]  # type: ignore[arg-type]

    def reasons(self, records: Sequence[RunRecord]) -> list[Reason]:
        """Say why the records of each task differ from the first of it."""
        scores = [{key: metric.value for key, metric in record.metrics.items()} for record in records]
        return [
            reason
            for at, witness in self._witnesses
            for reason in witness.reasons([scores[i] for i in at], [records[i].detections for i in at])
        ]


def _witness(task: str, metrics: Sequence[Metric]) -> Any:
    from segbench.metrics.reasons import load_witness  # most passes have one protocol

    return load_witness(task, metrics)
