"""Collector: measured images in, a run record out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segbench import columns
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.errors import DataError
from segbench.metrics import Metric, TableMetric
from segbench.protocols import Protocol
from segbench.results import MetricValue, RunRecord

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
        self._images = _Chunks(_image_table)
        self._detections = _Chunks(_detection_table)

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
        first = len(self._hashes)
        self._hashes += record_hashes
        metric.add_span(stats)
        lists, detections = metric.span_columns(stats)
        fixed = _fixed_columns(image_ids, range(first, len(self._hashes)), [None] * len(image_ids))
        joined = {name: columns.joined_lists(*column) for name, column in lists.items()}
        self._images.extend(columns.table({**fixed, **joined}))
        self._detections.extend(columns.table({k: columns.numbers(v) for k, v in detections.items()}))

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
            images=self._images.table(),
            detections=self._detections.table() if protocol.task == "instance" else None,
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
    """Rows of a table, turned into Arrow every ``_CHUNK`` images so that little is held as objects."""

    def __init__(self, to_table: Callable[[list[Any]], pa.Table]) -> None:
        self._to_table = to_table
        self._rows: list[Any] = []
        self._tables: list[pa.Table] = []

    def add(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) == _CHUNK:
            self._flush()

    def extend(self, table: pa.Table) -> None:
        self._flush()
        self._tables.append(table)

    def table(self) -> pa.Table:
        self._flush()
        return pa.concat_tables(self._tables)

    def _flush(self) -> None:
        if self._rows:
            self._tables.append(self._to_table(self._rows))
            self._rows = []


@dataclass(frozen=True, slots=True)
class _Image:
    """One row of ``images.parquet``."""

    image_id: str
    index: int
    latency_ms: float | None
    columns: Mapping[str, NDArray[Any]]


def _image_table(rows: list[_Image]) -> pa.Table:
    fixed = _fixed_columns(
        [row.image_id for row in rows], [row.index for row in rows], [row.latency_ms for row in rows]
    )
    names = rows[0].columns
    return columns.table({**fixed, **{k: columns.lists([row.columns[k] for row in rows]) for k in names}})


def _fixed_columns(
    image_ids: Sequence[str], indices: Sequence[int], latencies: Sequence[float | None]
) -> dict[str, pa.Array]:
    """The columns of ``images.parquet`` that every task has."""
    return {
        "image_id": columns.strings(image_ids),
        "index": columns.numbers(np.array(indices, np.int64)),
        "latency_ms": columns.optional_floats(latencies),
        "error": columns.strings([None] * len(image_ids)),
    }


def _detection_table(rows: list[Mapping[str, NDArray[Any]]]) -> pa.Table:
    names = rows[0]
    return columns.table({k: columns.numbers(np.concatenate([row[k] for row in rows])) for k in names})
