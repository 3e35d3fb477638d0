"""Collector: measured images in, a run record out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from segbench.attributes import AttributeColumns, attributes_of
from segbench.canonical.dataset import Dataset, fingerprint
from segbench.canonical.views import split_of_each
from segbench.errors import DataError
from segbench.metrics import Metric, TableMetric
from segbench.protocols import Protocol
from segbench.records.results import MetricValue, RunRecord

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
        self._failed: list[tuple[str, str]] = []
        self._images = _Chunks(_packed_images, _image_table)
        self._detections = _Chunks(_joined, _detection_table)
        self._attributes = AttributeColumns()

    def add(
        self,
        image_id: str,
        record_sha256: str,
        stats: Any,
        latency_ms: float | None = None,
        index: int | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Add the stats of the next image; ``index`` is its position where images before it are left out."""
        index = len(self._hashes) if index is None else index
        self._images.add(_Image(image_id, index, latency_ms, self.metric.image_row(stats)))
        self._hashes.append(record_sha256)
        self._attributes.add(attributes or {})
        self.metric.add(stats)
        detections = self.metric.detection_rows(stats)
        if detections:
            self._detections.add(detections)

    def fail(self, image_id: str, record_sha256: str | None, error: str, index: int) -> None:
        """Note the next image as one that is not scored; its hash is None where its truth cannot be read."""
        self._images.add(_Image(image_id, index, None, self.metric.image_row(None), error))
        self._failed.append((image_id, error))
        self._attributes.add({})
        if record_sha256 is not None:
            self._hashes.append(record_sha256)

    def add_span(self, image_ids: Sequence[str], record_hashes: Sequence[str], stats: Any) -> None:
        """Add the stats of the next images, measured as one by a :class:`TableMetric`."""
        metric = cast("TableMetric", self.metric)
        lists, detections = metric.span_columns(stats)
        places, n = np.arange(len(self._hashes), len(self._hashes) + len(image_ids)), len(image_ids)
        self._images.extend(_Images(image_ids, places, [None] * n, [None] * n, lists), n)
        self._detections.extend(detections)
        self._hashes += record_hashes
        for i, image_id in zip(places.tolist(), image_ids, strict=True):
            self._attributes.add(attributes_of(image_id, None, self._truth.about(i)))
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
        """Score what was added, and return the record; it is partial where images are missing.

        Raises
        ------
        DataError
            When the records are not those that the data set's stated fingerprint was made from.
        """
        truth = self._truth
        found = self._fingerprint()
        scores = self.metric.compute()
        n_scored = self._images.n_rows - len(self._failed)
        return RunRecord(
            task=protocol.task,
            status=_status(n_scored, len(truth)),
            model=model,
            dataset=self._dataset(found, n_scored),
            protocol={"name": protocol.name, "version": protocol.version, "settings": self.metric.settings},
            metrics={key: MetricValue(value) for key, value in scores.items()},
            per_class=scores.class_rows,
            timing=timing,
            env=env,
            provenance=provenance,
            warnings=[*self._missing(n_scored), *truth.notes, *warnings, *self.metric.warnings],
            images=self._table,
            detections=self._detections.table if protocol.task == "instance" and n_scored else None,
        )

    def _table(self) -> pa.Table:
        """The table of images: what was measured, and the attributes that are none of its columns."""
        from segbench.records import columns

        table = self._images.table()
        splits = split_of_each(self._truth) if len(self._truth.splits) > 1 else None
        found = self._attributes.columns()
        if splits is not None:
            found = {"split": [splits[i] for i in table.column("index").to_pylist()], **found}
        for name, values in found.items():
            if name not in table.column_names:
                table = table.append_column(name, columns.strings(values))
        return table

    def _fingerprint(self) -> str | None:
        """That of the images that were added; where some are missing, what the data set states."""
        truth = self._truth
        if len(self._hashes) < len(truth):
            return truth.stated_fingerprint
        found = fingerprint(truth.categories, self._hashes)
        if truth.stated_fingerprint not in (None, found):
            raise DataError(
                "the annotations are not those that the fingerprint was made from: "
                "they were changed after the data set was written; convert it anew",
                file=truth.path,
                field="fingerprint",
            )
        return found

    def _missing(self, n_scored: int) -> list[str]:
        """Say how many images are not scored, and why the first is not."""
        n = len(self._truth)
        if n_scored == n:
            return []
        why = f", the first image {self._failed[0][0]}: {self._failed[0][1]}" if self._failed else ""
        return [f"{n - n_scored:,} of {n:,} images are not scored{why}"]

    def _dataset(self, found: str | None, n_scored: int) -> dict[str, Any]:
        truth = self._truth
        return {
            "name": truth.name,
            "split": "+".join(truth.splits),
            "format": truth.format,
            "fingerprint": found,
            "n_images": len(truth),
            "n_expected": len(truth),
            "n_scored": n_scored,
            "n_failed": len(self._failed),
            "categories": truth.categories.to_json(),
        }


def _status(n_scored: int, n_expected: int) -> str:
    if n_scored == n_expected:
        return "complete"
    return "partial" if n_scored else "failed"


class _Chunks:
    """Rows of a table, packed every ``_CHUNK`` images so that little is held as objects.

    ``pack`` joins rows, and ``to_table`` makes Arrow of what it returned. Arrow, which takes 0.1 s to import,
    is not needed before somebody asks for the table.
    """

    def __init__(self, pack: Callable[[list[Any]], Any], to_table: Callable[[Any], pa.Table]) -> None:
        self._pack, self._to_table = pack, to_table
        self._rows: list[Any] = []
        self._packed: list[Any] = []
        self.n_rows = 0

    def add(self, row: Any) -> None:
        self.n_rows += 1
        self._rows.append(row)
        if len(self._rows) == _CHUNK:
            self._flush()

    def extend(self, packed: Any, n_rows: int = 0) -> None:
        """Add so many rows that are packed."""
        self._flush()
        self.n_rows += n_rows
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
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Images:
    """Several of these rows; a column is where each list begins, and all lists, joined."""

    image_ids: Sequence[str]
    places: NDArray[np.int64]
    latencies: Sequence[float | None]
    errors: Sequence[str | None]
    columns: ListColumns


def _packed_images(rows: list[_Image]) -> _Images:
    lists = {name: [row.columns[name] for row in rows] for name in rows[0].columns}
    return _Images(
        [row.image_id for row in rows],
        np.array([row.index for row in rows], np.int64),
        [row.latency_ms for row in rows],
        [row.error for row in rows],
        {name: (np.cumsum([0, *map(len, each)]), np.concatenate(each)) for name, each in lists.items()},
    )


def _image_table(images: _Images) -> pa.Table:
    from segbench.records import columns

    fixed = {
        "image_id": columns.strings(images.image_ids),
        "index": columns.numbers(images.places),
        "latency_ms": columns.optional_floats(images.latencies),
        "error": columns.strings(images.errors),
    }
    lists = {name: columns.lists(starts, values) for name, (starts, values) in images.columns.items()}
    return columns.table({**fixed, **lists})


def _joined(rows: list[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _detection_table(detections: Mapping[str, NDArray[Any]]) -> pa.Table:
    from segbench.records import columns

    return columns.table({name: columns.numbers(values) for name, values in detections.items()})
