"""The tables of a record: Parquet files beside its ``run.json``, written, read and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("images", "detections")
"""Their names; each is a file ``<name>.parquet``."""

MAX_VALUES = 1 << 29
"""Values of all columns of a table that are read at most: 4 GiB of numbers."""

_LARGE = 1 << 22


def write_tables(folder: Path, tables: Mapping[str, pa.Table | None]) -> None:
    """Write those that are there."""
    import pyarrow.parquet as pq

    for name, table in tables.items():
        if table is not None:
            with (folder / f"{name}.parquet").open("wb") as file:  # Arrow takes no path but of UTF-8
                pq.write_table(table, file, compression="zstd")


def read_tables(folder: Path) -> dict[str, pa.Table]:
    """Read those that are there, by name.

    Raises
    ------
    DataError
        When one says of itself that it would fill the memory.
    OSError, ValueError
        When one is damaged.
    """
    import pyarrow.parquet as pq

    tables = {}
    for name in TABLES:
        file = folder / f"{name}.parquet"
        if file.exists():
            with file.open("rb") as handle:  # read_table would import pandas, and wait for threads
                reader = pq.ParquetFile(handle)
                _check_size(reader.metadata, file)
                tables[name] = reader.read(use_threads=file.stat().st_size > _LARGE)
    return tables


def hash_tables(folder: Path) -> dict[str, str]:
    """SHA-256 of each table's file in the folder of a record, by name."""
    found = {}
    for name in TABLES:
        file = folder / f"{name}.parquet"
        if file.exists():
            with file.open("rb") as handle:
                found[name] = hashlib.file_digest(handle, "sha256").hexdigest()
    return found


def _check_size(metadata: Any, file: Path) -> None:
    """Refuse a table that says of itself that it would fill the memory: a few bytes can be a billion rows."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    n_values = sum(group.column(i).num_values for group in groups for i in range(group.num_columns))
    if n_values > MAX_VALUES:
        raise DataError(f"holds {n_values:,} values; at most {MAX_VALUES:,} are read", file=file)
