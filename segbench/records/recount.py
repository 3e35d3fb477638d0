"""The metric that a record was scored with, from its tables alone."""

from __future__ import annotations

from pathlib import Path

from segbench.canonical.categories import Categories
from segbench.errors import DataError, SegbenchError
from segbench.metrics import Metric
from segbench.protocols import get_protocol
from segbench.records.results import RunRecord, read_record


def metric_of(run: RunRecord | str | Path) -> Metric:
    """Return the metric that a record was scored with, holding the images of its tables.

    Parameters
    ----------
    run
        A record, or the folder of one.

    Raises
    ------
    DataError
        When it is no record, or a table is missing or damaged.
    UsageError
        When its protocol is unknown.
    """
    path = run.path if isinstance(run, RunRecord) else Path(run)
    try:
        record = run if isinstance(run, RunRecord) else read_record(run)
        if record.images is None:
            raise DataError("images.parquet is missing", file=path)
        categories = Categories.from_json(record.dataset["categories"], file=path)
        metric = get_protocol(record.protocol["name"]).build(categories, record.protocol["settings"])
        metric.add_tables(record.images, record.detections)
    except SegbenchError:
        raise
    except (OSError, LookupError, TypeError, ValueError) as error:  # a table that is damaged or not ours
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"the record's tables cannot be read ({reason})", file=path) from None
    return metric
