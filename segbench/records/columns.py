"""Arrow columns from NumPy arrays and strings.

``pyarrow.array`` imports pandas, which takes longer than scoring a small data set; these do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: NDArray[Any]) -> pa.Array:
    """Turn a numeric array [N] into a column of its type."""
    array = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(array)])


def optional_floats(values: Sequence[float | None]) -> pa.Array:
    """Turn floats and Nones into a float64 column."""
    filled = np.array([0.0 if v is None else v for v in values], np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [_present(values), pa.py_buffer(filled)])


def strings(values: Sequence[str | None]) -> pa.Array:
    """Turn strings and Nones into a string column; what UTF-8 cannot hold is escaped."""
    encoded = [b"" if v is None else v.encode("utf-8", "backslashreplace") for v in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(values), [_present(values), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    )


def lists(starts: NDArray[np.int64], values: NDArray[Any]) -> pa.Array:
    """Turn values into a column of N lists; list i is ``values[starts[i]:starts[i + 1]]``."""
    return pa.ListArray.from_arrays(numbers(starts.astype(np.int32)), numbers(values))


def table(columns: Mapping[str, pa.Array]) -> pa.Table:
    """Make a table of named columns."""
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _present(values: Sequence[object]) -> pa.Buffer:
    """Arrow's bitmap of the values that are not None."""
    return pa.py_buffer(np.packbits([v is not None for v in values], bitorder="little"))
