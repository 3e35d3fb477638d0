"""Panel: the protocols of one pass, which look at each image together and keep a record each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segbench.attributes import attributes_of
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.metrics import Metric, ThreadedMetric
from segbench.metrics.boundary_rules import BOUNDARY_RULES
from segbench.metrics.once import Once
from segbench.protocols import Protocol
from segbench.records.results import RunRecord
from segbench.scoring.collect import Collector
from segbench.scoring.forecast import Forecast

if TYPE_CHECKING:
    from segbench.metrics.reasons import Reason


@dataclass(frozen=True, slots=True)
class Measured:
    """One image, its stats under each protocol, and its attributes."""

    image_id: str
    record_sha256: str
    stats: Sequence[Any]
    observed: Sequence[Any]
    attributes: Mapping[str, str] = field(default_factory=dict)


class Panel:
    """One metric and one collector a protocol; ``collectors`` are in the order of the protocols.

    Parameters
    ----------
    protocols, metrics
        Each once, and the metric that it builds.
    truth
        The data set that is scored.
    threads
        How many a metric may use for its score.
    """

    def __init__(
        self, protocols: Sequence[Protocol], metrics: Sequence[Metric], truth: Dataset, threads: int = 1
    ) -> None:
        for metric in metrics:
            if isinstance(metric, ThreadedMetric):
                metric.threads = threads
        self._protocols, self._truth = tuple(protocols), truth
        self.collectors = [Collector(metric, truth) for metric in metrics]
        places: dict[tuple[str, bool], list[int]] = {}
        for i, metric in enumerate(metrics):
            places.setdefault((metric.task, _on_boundaries(metric)), []).append(i)
        self._witnesses = [
            (at, _witness(task, [metrics[i] for i in at]))
            for (task, on_boundaries), at in places.items()
            if len(at) > 1 and not (task == "semantic" and on_boundaries)
        ]

    def measure(self, pred: Sample, truth: Sample, index: int) -> Measured:
        """Measure one image under every protocol, what they share once; safe to call from several threads."""
        once = Once()
        stats = [c.metric.measure_sample(pred, truth, index, once) for c in self.collectors]
        observed = [w.observe(pred, truth, once, [stats[i] for i in at]) for at, w in self._witnesses]
        about = attributes_of(truth.image_id, truth.video_id, truth.extra)
        return Measured(truth.image_id, truth.record_sha256, stats, observed, about)

    @classmethod
    def of(
        cls,
        protocols: Sequence[Protocol],
        truth: Dataset,
        settings: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> Panel:
        """A panel of these protocols, each with these settings."""
        metrics = [protocol.build(truth.categories, settings) for protocol in protocols]
        return cls(protocols, metrics, truth, threads)

    def forecasts(
        self, timing: Mapping[str, Any], inference: Mapping[str, Any] | None = None
    ) -> list[Forecast]:
        """Say what the records will say, as long as nothing was added; see :meth:`Forecast.of`."""
        pairs = zip(self._protocols, self.collectors, strict=True)
        return [Forecast.of(p, c.metric, self._truth, timing, inference or {}) for p, c in pairs]

    def add(self, image: Measured, latency_ms: float | None = None, index: int | None = None) -> None:
        """Add the next image; ``index`` is its position in the data set, where images are left out."""
        for collector, stats in zip(self.collectors, image.stats, strict=True):
            collector.add(
                image.image_id, image.record_sha256, stats, latency_ms, index, attributes=image.attributes
            )
        for (_, witness), observed in zip(self._witnesses, image.observed, strict=True):
            witness.add(observed)

    def fail(self, image_id: str, record_sha256: str | None, error: str, index: int) -> None:
        """Note the next image as one that could not be scored."""
        for collector in self.collectors:
            collector.fail(image_id, record_sha256, error, index)

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


def _on_boundaries(metric: Metric) -> bool:
    """Whether it shares no score with the others of its task; instances are compared by their matches."""
    if metric.task == "semantic":
        return metric.protocol in BOUNDARY_RULES
    return metric.task == "panoptic" and metric.rules.dilation_ratio is not None


def _witness(task: str, metrics: Sequence[Metric]) -> Any:
    from segbench.metrics.reasons import load_witness  # most passes have one protocol

    return load_witness(task, metrics)
