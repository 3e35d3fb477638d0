"""Arrow columns made without pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from segbench.records import columns

WITHOUT_PANDAS = """
import sys
import numpy as np, pyarrow as pa
from segbench.records import columns
columns.table({"a": columns.numbers(np.arange(3)), "b": columns.strings(["x", None, "ü"]),
               "c": columns.optional_floats([1.0, None, 2.0]),
               "d": columns.lists(np.int32([0, 2, 2, 3]), np.arange(3))})
assert "pandas" not in sys.modules
"""


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint64, np.float64])
def test_numbers_and_lists_keep_values_and_type(dtype):
    values = np.arange(10).astype(dtype)[::2]
    assert columns.numbers(values).equals(pa.array(values))
    parts = [values, values[:0], values[1:3]]
    starts = np.cumsum([0, *map(len, parts)]).astype(np.int32)
    assert columns.lists(starts, np.concatenate(parts)).equals(
        pa.array([p.tolist() for p in parts], pa.list_(pa.from_numpy_dtype(dtype)))
    )


def test_texts_and_floats_keep_what_is_missing():
    texts = ["a", None, "", "größer", "🦆"] * 5
    assert columns.strings(texts).equals(pa.array(texts, pa.string()))
    floats = [1.5, None, float("inf")] * 5
    assert columns.optional_floats(floats).equals(pa.array(floats, pa.float64()))


def test_a_table_has_the_names_in_order():
    made = columns.table({"b": columns.numbers(np.arange(2)), "a": columns.strings(["x", "y"])})
    assert made.column_names == ["b", "a"]


def test_pandas_is_not_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], check=True)
