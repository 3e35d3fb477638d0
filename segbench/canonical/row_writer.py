"""Rows of the canonical form on their way to Parquet: packed where samples are written, joined here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from segbench.canonical.arrow import POOL, from_stream, table_of, to_stream
from segbench.canonical.pen import pack_bytes, unpack_bytes

ROW_GROUP = 100
_GROUP_BYTES = 64_000_000
_REPEATED_COLUMNS = ["segments.list.element.source_kind", "segments.list.element.attributes", "extra"]
"""Columns of text that repeats; for numbers a dictionary takes longer to make than it saves."""


class Written(NamedTuple):
    """What is known of a sample once its files are written.

    Attributes
    ----------
    name
        That of the picture, from which those of the maps derive.
    has_image
        Whether the picture is written.
    maps
        Kinds of the maps that are.
    sha256
        Hash of the record.
    """

    name: str
    has_image: bool
    maps: tuple[str, ...]
    sha256: str


def pack(schema: pa.Schema, rows: Sequence[tuple[Written, dict[str, Any]]]) -> bytes:
    """Pack what is known of samples, and their rows as a table."""
    written = json.dumps([one for one, _ in rows]).encode()
    return pack_bytes([written, to_stream(table_of([row for _, row in rows], schema))])


def unpack(data: bytes) -> tuple[list[Written], pa.Table]:
    """Inverse of :func:`pack`."""
    written, stream = unpack_bytes(data)
    return [Written(*one) for one in json.loads(written)], from_stream(stream)


class RowWriter:
    """Tables to a Parquet file, in row groups of ``ROW_GROUP``, or of about 64 MB of pictures."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(
            file, schema, compression="zstd", use_dictionary=_REPEATED_COLUMNS, memory_pool=POOL
        )
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0

    def add(self, table: pa.Table, n_bytes: int = 0) -> None:
        """Write a table that holds pictures of so many bytes."""
        while len(table):
            part = table.slice(0, ROW_GROUP - self._rows)
            table = table.slice(len(part))
            self._waiting.append(part)
            self._rows += len(part)
            self._bytes += n_bytes
            if self._rows == ROW_GROUP or self._bytes > _GROUP_BYTES:
                self._flush()

    def close(self) -> None:
        """Write what is left, and end the file."""
        if self._waiting:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting, memory_pool=POOL).combine_chunks(memory_pool=POOL)
        self._writer.write_table(table)
        self._waiting, self._rows, self._bytes = [], 0, 0
