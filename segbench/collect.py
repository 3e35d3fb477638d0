"""Collector: measured images in, a run record out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.dataset import Dataset, fingerprint
from segbench.errors import DataError
from segbench.metrics import Metric, TableMetric
from segbench.protocols import Protocol
from segbench.results import MetricValue, RunRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.metrics import ListColumns

_CHUNK = 1000


class Collector:
    """Adds up a metric image by image, in the order of the data set, and keeps each image's row.

    Parameters
    ----------
    metric
        The metric to add to.
    truth
        The data set that is scored.
    """

    def __init__(self, metric: Metric, truth: Dataset) -> None:
        self.metric = metric
        self._truth = truth
        self._hashes: list[str] = []
        self._images = _Chunks(_packed_images, _image_table)
        self._detections = _Chunks(_joined, _detection_table)

    def add(self, image_id: str, record_sha256: str, stats: Any, latency_ms: float | None = None) -> None:
        """Add the stats of the next image."""
        self._images.add(_Image(image_id, len(self._hashes), latency_ms, self.metric.image_row(stats)))
        self._hashes.append(record_sha256)
        self.metric.add(stats)
        detections = self.metric.detection_rows(stats)
        if detections:
            self._detections.add(detections)

    def add_span(self, image_ids: Sequence[str], record_hashes: Sequence[str], stats: Any) -> None:
        """Add the stats of the next images, measured as one by a :class:`TableMetric`."""
        metric = cast("TableMetric", self.metric)
        lists, detections = metric.span_columns(stats)
        self._images.extend(_Images(image_ids, len(self._hashes), [None] * len(image_ids), lists))
        self._detections.extend(detections)
        self._hashes += record_hashes
        metric.add_span(stats)

    def record(
        self,
        protocol: Protocol,
        *,
        model: Mapping[str, Any],
        timing: Mapping[str, Any],
        env: Mapping[str, Any],
        provenance: Mapping[str, Any],
        warnings: list[str],
    ) -> RunRecord:
        """Score what was added, and return the record.

        Raises
        ------
        DataError
            When the records are not those that the data set's stated fingerprint was made from.
        """
        truth = self._truth
        found = fingerprint(truth.categories, self._hashes)
        stated = truth.stated_fingerprint
        if stated not in (None, found):
            raise DataError(
                "the annotations are not those that the fingerprint was made from: "
                "they were changed after the data set was written; convert it anew",
                file=truth.path,
                field="fingerprint",
            )
        scores = self.metric.compute()
        return RunRecord(
            task=protocol.task,
            model=model,
            dataset=self._dataset(found),
            protocol={"name": protocol.name, "version": protocol.version, "settings": self.metric.settings},
            metrics={key: MetricValue(value) for key, value in scores.items()},
            per_class=scores.class_rows,
            timing=timing,
            env=env,
            provenance=provenance,
            warnings=[*truth.notes, *warnings, *self.metric.warnings],
            images=self._images.table,
            detections=self._detections.table if protocol.task == "instance" else None,
        )

    def _dataset(self, found: str) -> dict[str, Any]:
        truth, n = self._truth, len(self._hashes)
        return {
            "name": truth.name,
            "split": "+".join(truth.splits),
            "format": truth.format,
            "fingerprint": found,
            "n_images": len(truth),
            "n_expected": len(truth),
            "n_scored": n,
            "n_failed": len(truth) - n,
            "categories": truth.categories.to_json(),
        }


class _Chunks:
    """Rows of a table, packed every ``_CHUNK`` images so that little is held as objects.

    ``pack`` joins rows, and ``to_table`` makes Arrow of what it returned. Arrow, which takes 0.1 s to import,
    is not needed before somebody asks for the table.
    """

    def __init__(self, pack: Callable[[list[Any]], Any], to_table: Callable[[Any], pa.Table]) -> None:
        self._pack, self._to_table = pack, to_table
        self._rows: list[Any] = []
        self._packed: list[Any] = []

    def add(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) == _CHUNK:
            self._flush()

    def extend(self, packed: Any) -> None:
        """Add rows that are packed."""
        self._flush()
        self._packed.append(packed)

    def table(self) -> pa.Table:
        import pyarrow as pa

        self._flush()
        return pa.concat_tables([self._to_table(part) for part in self._packed])

    def _flush(self) -> None:
        if self._rows:
            self._packed.append(self._pack(self._rows))
            self._rows = []


@dataclass(frozen=True, slots=True)
class _Image:
    """One row of ``images.parquet``."""

    image_id: str
    index: int
    latency_ms: float | None
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Images:
    """Several of these rows, from ``first`` on; a column is where each list begins, and all lists, joined."""

    image_ids: Sequence[str]
    first: int
    latencies: Sequence[float | None]
    columns: ListColumns


def _packed_images(rows: list[_Image]) -> _Images:
    lists = {name: [row.columns[name] for row in rows] for name in rows[0].columns}
    return _Images(
        [row.image_id for row in rows],
        rows[0].index,
        [row.latency_ms for row in rows],
        {name: (np.cumsum([0, *map(len, each)]), np.concatenate(each)) for name, each in lists.items()},
    )


def _image_table(images: _Images) -> pa.Table:
    from segbench import columns

    n = len(images.image_ids)
    fixed = {
        "image_id": columns.strings(images.image_ids),
        "index": columns.numbers(np.arange(images.first, images.first + n)),
        "latency_ms": columns.optional_floats(images.latencies),
        "error": columns.strings([None] * n),
    }
    lists = {name: columns.lists(starts, values) for name, (starts, values) in images.columns.items()}
    return columns.table({**fixed, **lists})


def _joined(rows: list[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _detection_table(detections: Mapping[str, NDArray[Any]]) -> pa.Table:
    from segbench import columns

    return columns.table({name: columns.numbers(values) for name, values in detections.items()})
