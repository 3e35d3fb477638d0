"""Parquet files of others, looked at before they are read: a few bytes of them can be gigabytes of rows.

Pictures hardly shrink when a file is packed, names do so by a few times, and every row takes some bytes. A
file whose columns say otherwise was made to fill the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbench.errors import DataError

_MANY_ROWS, _ROW_BYTES = 1 << 20, 4
"""Rows that need no reason, and bytes of the file for each where there are more."""
_LARGE, _RATIO = 1 << 27, 200
"""Bytes that a column of a row group may unpack to in any case, and so many times its packed bytes."""
_MOST_VALUES = 1 << 26
"""Values of a row, on average, as of a mask that is rows of numbers."""


def check_size(metadata: Any, file: Path) -> None:
    """Check that a file unpacks to no more than what is in it can be.

    Parameters
    ----------
    metadata
        Of ``pyarrow.parquet.ParquetFile``.
    file
        For messages.

    Raises
    ------
    DataError
        Naming the column.
    """
    n_rows, n_bytes = metadata.num_rows, file.stat().st_size
    if n_rows > _MANY_ROWS and n_rows * _ROW_BYTES > n_bytes:
        raise DataError(f"states {n_rows:,} rows, more than {n_bytes:,} bytes can be", file=file)
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        for column in map(group.column, range(group.num_columns)):
            _check_column(column, max(1, group.num_rows), {"file": file, "field": column.path_in_schema})


def rows_at_once(metadata: Any, columns: Sequence[str], most_rows: int, most_bytes: int) -> int:
    """Return how many rows of these columns are read at a time: at least one, at most ``most_rows``.

    No more of them than take ``most_bytes``, however large each of those is whose values stand once.
    """
    some = most_rows
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        chunks = map(group.column, range(group.num_columns))
        read = [c for c in chunks if any(f"{c.path_in_schema}.".startswith(f"{name}.") for name in columns)]
        row = sum(_row_bytes(column, max(1, group.num_rows)) for column in read)
        some = min(some, int(most_bytes // max(1, row)))
    return max(1, some)


def stands_once(column: Any) -> bool:
    """Tell whether texts or bytes of a column of a row group may stand once, and be numbered."""
    return bool(column.has_dictionary_page) and column.physical_type == "BYTE_ARRAY"


def _row_bytes(column: Any, n_rows: int) -> float:
    """Bytes of one row of a column of a row group, on average, or the most where its values stand once."""
    alone = n_rows if stands_once(column) else 1
    return float((column.total_uncompressed_size * alone + 8 * column.num_values) / n_rows)


def _check_column(column: Any, n_rows: int, where: dict[str, Any]) -> None:
    packed, size = column.total_compressed_size, column.total_uncompressed_size
    if size > _LARGE and size > _RATIO * packed:
        raise DataError(f"{packed:,} bytes of it unpack to {size:,}", **where)
    if column.num_values > _MOST_VALUES * n_rows:
        values = column.num_values // n_rows
        raise DataError(f"has {values:,} values a row; at most {_MOST_VALUES:,} are read", **where)
