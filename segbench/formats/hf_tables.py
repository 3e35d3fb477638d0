"""Rows of Hugging Face data sets: of Parquet and Arrow files, a few at a time, and tables of names."""

from __future__ import annotations

import csv
import io
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segbench.canonical.parquet import check_size, rows_at_once
from segbench.errors import DataError
from segbench.formats.arrow_stream import is_packed
from segbench.formats.pictures import read_text
from segbench.formats.plain_json import parse_json

BATCH = 16
"""Rows of a Parquet file that are held at a time, at most: pictures may be large, and row groups long."""

BATCH_BYTES = 1 << 26
"""And what these take, at most, unless one takes more."""

MAX_NAMES = 1 << 29
"""Characters of a column of names that are read at most."""

_NAMES, _LONGEST = 1 << 16, 1 << 16
"""Names that are read at a time, and characters of one at most."""

_CURSORS = 4
_OPEN_FILES = 8


class Table(Protocol):
    """One file of rows."""

    @property
    def file(self) -> Path:
        """Where it is."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Types of its columns."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def rows(self, start: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows from this one on."""
        ...

    def held(self, columns: Sequence[str]) -> int:
        """Return how many rows of these columns may be held."""
        ...

    def column(self, path: str) -> list[Any]:
        """Return one small column whole, or one part of it: ``image.path``."""
        ...


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Tell of errors of pyarrow as those of the file."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError, struct.error) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"is no readable table, or damaged: {reason}", file=file) from None


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """A Parquet file."""

    file: Path
    schema: pa.Schema = field(init=False, repr=False)
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with reading(self.file), pq.ParquetFile(self.file) as parquet:
            meta = parquet.metadata
            check_size(meta, self.file)
            sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
            object.__setattr__(self, "schema", parquet.schema_arrow)
        object.__setattr__(self, "_starts", (0, *accumulate(sizes)))

    def __len__(self) -> int:
        return self._starts[-1]

    def rows(self, start: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows from this one on, reading ``BATCH`` rows at a time of its row group and those after."""
        first = max(0, bisect_right(self._starts, start) - 1)
        skip = start - self._starts[first]
        groups = range(first, len(self._starts) - 1)
        with pq.ParquetFile(self.file, buffer_size=1 << 20) as parquet:
            for batch in parquet.iter_batches(
                self.held(columns), row_groups=list(groups), columns=list(columns)
            ):
                if skip < batch.num_rows:
                    yield from batch.slice(skip).to_pylist()
                skip = max(0, skip - batch.num_rows)

    def held(self, columns: Sequence[str]) -> int:
        """Return how many rows of these columns may be held: see ``BATCH`` and ``BATCH_BYTES``."""
        return _at_once(self.file, tuple(columns))

    def column(self, path: str) -> list[Any]:
        """Return one column whole, or one part of it, without reading the others."""
        values: list[Any] = []
        left = MAX_NAMES
        once = [] if "." in path else [path]  # pyarrow knows of no values that stand once within others
        with reading(self.file), pq.ParquetFile(self.file, read_dictionary=once) as parquet:
            some = _NAMES if once else rows_at_once(parquet.metadata, [path], _NAMES, 4 * BATCH_BYTES)
            for batch in parquet.iter_batches(some, columns=[path]):
                self._check_names(batch.column(0), path)
                found = _part(batch.column(0).to_pylist(), path)
                left -= sum(len(value) for value in found if isinstance(value, str))
                if left < 0:
                    message = f"has more than {MAX_NAMES:,} characters of names"
                    raise DataError(message, file=self.file, field=path)
                values += found
        return values

    def _check_names(self, names: pa.Array, path: str) -> None:
        """Refuse long names while each stands once."""
        if not pa.types.is_dictionary(names.type):
            return
        longest = pc.max(pc.binary_length(names.dictionary)).as_py()
        if longest is not None and longest > _LONGEST:
            message = f"has a name of {longest:,} bytes; at most {_LONGEST:,} are read"
            raise DataError(message, file=self.file, field=path)


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """An Arrow stream as ``save_to_disk`` writes it, mapped into memory."""

    file: Path
    schema: pa.Schema = field(init=False, repr=False)
    _length: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = _mapped(self.file)
        object.__setattr__(self, "schema", table.schema)
        object.__setattr__(self, "_length", len(table))

    def __len__(self) -> int:
        return self._length

    def rows(self, start: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows from this one on."""
        table = _mapped(self.file).select(list(columns))
        for at in range(start, len(table)):
            yield from table.slice(at, 1).to_pylist()

    def held(self, _: Sequence[str]) -> int:
        """Return how many rows may be held."""
        return BATCH

    def column(self, path: str) -> list[Any]:
        """Return one column whole, or one part of it."""
        name, _, part = path.partition(".")
        values = _mapped(self.file)[name]
        if part:
            kind = values.type.field(part).type
            values = pa.chunked_array([chunk.field(part) for chunk in values.chunks], kind)
        return values.to_pylist()


@dataclass(frozen=True, slots=True)
class NameTable:
    """``metadata.csv``, ``.jsonl`` or ``.parquet`` of a folder of pictures: names of files, small values."""

    file: Path
    schema: pa.Schema = field(init=False, repr=False)
    _rows: list[dict[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = _named_rows(self.file)
        object.__setattr__(self, "_rows", rows)
        columns = {name: pa.string() for row in rows for name in row}
        object.__setattr__(self, "schema", pa.schema(list(columns.items())))

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows from this one on."""
        for row in self._rows[start:]:
            yield {name: row.get(name) for name in columns}

    def held(self, _: Sequence[str]) -> int:
        """Return how many rows may be held."""
        return BATCH

    def column(self, path: str) -> list[Any]:
        """Return one column whole."""
        return [row.get(path) for row in self._rows]


class Rows:
    """Rows of several tables by one index; a few places are kept to go on from, one for each thread.

    Parameters
    ----------
    tables
        One after the other.
    columns
        What is read of each row.
    """

    def __init__(self, tables: Sequence[Table], columns: Sequence[str]) -> None:
        self._tables, self._columns = tables, columns
        self._starts = [0, *accumulate(len(table) for table in tables)]
        self._cursors: list[_Cursor] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Rows, (self._tables, self._columns)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], Path]:
        """Return a row and the file that it stands in.

        Raises
        ------
        DataError
            When the file is damaged there.
        """
        at = bisect_right(self._starts, index) - 1
        table, place = self._tables[at], index - self._starts[at]
        with self._lock, reading(table.file):
            near = [c for c in self._cursors if c.at == at and c.first <= place < c.first + 4 * BATCH]
            cursor = max(near, key=lambda c: c.first) if near else _Cursor(at, table, place, self._columns)
            self._cursors = [c for c in self._cursors if c is not cursor]
            try:
                row = cursor.row(place)
            except StopIteration:
                raise DataError(f"has fewer than {place + 1} rows", file=table.file) from None
            self._cursors = [*self._cursors[1 - _CURSORS :], cursor]
        return row, table.file


class _Cursor:
    """A place in a table: the rows read last, and the iterator that gives those after."""

    def __init__(self, at: int, table: Table, place: int, columns: Sequence[str]) -> None:
        self.at, self.first = at, place
        self._rows: list[dict[str, Any]] = []
        self._rest, self._most = table.rows(place, columns), table.held(columns)

    def row(self, place: int) -> dict[str, Any]:
        while place >= self.first + len(self._rows):
            self._rows.append(next(self._rest))
            if len(self._rows) > self._most:
                del self._rows[0]
                self.first += 1
        return self._rows[place - self.first]


@lru_cache(maxsize=64)
def _at_once(file: Path, columns: tuple[str, ...]) -> int:
    return rows_at_once(pq.read_metadata(file), columns, BATCH, BATCH_BYTES)


@lru_cache(_OPEN_FILES)
def _mapped(file: Path) -> pa.Table:
    """The table of an Arrow file, whose offsets are checked: pyarrow would follow them out of the file."""
    with reading(file):
        if is_packed(pa.memory_map(str(file))):
            raise DataError("is compressed; save it again with datasets", file=file)
        table = pa.ipc.open_stream(pa.memory_map(str(file))).read_all()
        table.validate(full=True)
    return table


def _part(values: list[Any], path: str) -> list[Any]:
    part = path.partition(".")[2]
    return [None if v is None else v.get(part) for v in values] if part else values


def _named_rows(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        with reading(file):
            check_size(pq.read_metadata(file), file)
            rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
        return rows
    text = read_text(file)
    if file.suffix == ".csv":
        try:
            return [
                {k: v for k, v in row.items() if k is not None} for row in csv.DictReader(io.StringIO(text))
            ]
        except csv.Error as error:
            raise DataError(f"is no CSV: {error}", file=file) from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            row = parse_json(line, file=file, field=f"line {number}")
            if not isinstance(row, dict):
                raise DataError("is no JSON object", file=file, field=f"line {number}")
            found.append(row)
    return found
