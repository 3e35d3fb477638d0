"""Rows to Arrow: the table is that of pyarrow, which is not asked, since it would import pandas."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.arrow import table_of
from segbench.canonical.rows import FOLDER_SCHEMA

ROW = {
    "n": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(-128, 127),
    "x": st.floats(allow_nan=False),
    "flag": st.booleans(),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "data": st.binary(max_size=5),
}
FIELDS = [
    ("n", pa.int64()), ("small", pa.int8()), ("x", pa.float64()), ("flag", pa.bool_()), ("text", pa.string()),
    ("data", pa.binary()),
]  # fmt: skip
STRUCT = pa.struct(FIELDS)
SCHEMA = pa.schema(
    [*FIELDS, ("inner", STRUCT), ("parts", pa.list_(STRUCT)), ("nested", pa.list_(pa.list_(pa.float64())))]
)


def optional(strategy):
    return st.none() | strategy


PLAIN = {name: optional(value) for name, value in ROW.items()}
NUMBERS = st.lists(optional(st.floats(allow_nan=False)), max_size=3)
ROWS = st.lists(
    st.fixed_dictionaries(
        PLAIN
        | {
            "inner": optional(st.fixed_dictionaries(PLAIN)),
            "parts": optional(st.lists(optional(st.fixed_dictionaries(PLAIN)), max_size=3)),
            "nested": optional(st.lists(optional(NUMBERS), max_size=3)),
        }
    ),
    max_size=9,
)


@given(ROWS)
def test_a_table_is_that_of_pyarrow(rows):
    found = table_of(rows, SCHEMA)
    found.validate(full=True)
    assert found.equals(pa.Table.from_pylist(rows, schema=SCHEMA))


def test_an_integer_that_does_not_fit_is_refused():
    with pytest.raises(OverflowError):
        table_of([{"n": 2**63}], pa.schema([("n", pa.int64())]))
    with pytest.raises(OverflowError):
        table_of([{"n": 200}], pa.schema([("n", pa.int8())]))


SCRIPT = """
import sys
from segbench.canonical.arrow import table_of
from segbench.canonical.rows import FOLDER_SCHEMA
table = table_of([dict.fromkeys(FOLDER_SCHEMA.names)], FOLDER_SCHEMA)
assert len(table) == 1
print("pandas" in sys.modules)
"""


def test_pandas_is_not_imported():
    assert table_of([], FOLDER_SCHEMA).schema == FOLDER_SCHEMA
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
