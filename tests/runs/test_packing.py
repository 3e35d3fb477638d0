"""Packing: values come back as they were, the same values give the same bytes, and nothing else is made."""

import json
from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segbench.errors import DataError
from segbench.metrics.cells import Cells
from segbench.metrics.doubts import Doubt
from segbench.runs.packing import from_bytes, to_bytes

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ARRAYS = hnp.arrays(
    st.sampled_from([np.int32, np.int64, np.uint64, np.float64, np.bool_]),
    hnp.array_shapes(min_dims=1, min_side=0),
)
DOUBTS = st.builds(Doubt, kind=st.sampled_from(["id_0", "nameless"]), count=st.integers(), image_id=st.text())
CELLS = st.builds(Cells, st.integers(0, 9), *[hnp.arrays(np.int64, st.integers(0, 5))] * 3)
VALUES = st.recursive(
    PLAIN | ARRAYS | DOUBTS | CELLS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.dictionaries(st.text(), st.integers(), max_size=3).map(Counter)
    ),
    max_leaves=12,
)


def described(value):
    """A text that tells values, types, dtypes and shapes apart."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tolist()}"
    if isinstance(value, Doubt):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(described, value))})"
    if isinstance(value, dict):
        return f"{type(value).__name__}({', '.join(f'{k!r}: {described(v)}' for k, v in value.items())})"
    return f"{type(value).__name__} {value!r}"


@given(st.lists(VALUES, max_size=5), st.lists(PLAIN, max_size=3))
def test_values_survive(values, more):
    found = from_bytes(to_bytes({"values": values, "more": more}))
    assert list(found) == ["values", "more"]
    assert described(found["values"]) == described(values)
    assert described(found["more"]) == described(more)


@given(st.lists(VALUES, max_size=5))
def test_equal_values_give_equal_bytes(values):
    data = to_bytes({"values": values})
    assert to_bytes(from_bytes(data)) == data


def test_floats_keep_their_bits():
    values = [0.1 + 0.2, -0.0, float("inf"), float("nan"), np.array([float("nan"), -0.0])]
    *plain, array = from_bytes(to_bytes({"x": values}))["x"]
    assert [v.hex() for v in plain] == [v.hex() for v in values[:-1]]
    assert array.tobytes() == values[-1].tobytes()


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, np.int64(3), DataError("x")])
def test_what_cannot_be_packed_is_refused(value):
    with pytest.raises(TypeError, match="cannot be packed"):
        to_bytes({"x": [value]})


def test_a_file_cut_short_anywhere_is_told():
    data = to_bytes({"x": [np.arange(50), "text", Doubt(kind="id_0", count=1)]})
    for end in range(0, len(data), 7):
        with pytest.raises(DataError, match="cut short or damaged"):
            from_bytes(data[:end])


def test_a_changed_byte_is_told_or_changes_nothing():
    data = to_bytes({"x": [np.arange(50), "text", Doubt(kind="id_0", count=1)]})
    for at in range(0, len(data), 5):
        changed = bytearray(data)
        changed[at] ^= 0x55
        try:
            found = from_bytes(bytes(changed))
        except DataError:
            continue
        assert described(found["x"]) == described(from_bytes(data)["x"])


def written(tree, *arrays):
    """The bytes of a tree that somebody else made."""
    file = BytesIO()
    text = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    np.savez(file, tree=text, **{str(i): array for i, array in enumerate(arrays)})
    return file.getvalue()


@pytest.mark.parametrize(
    "node",
    [
        ["object", "os:system", {}], ["object", "segbench.metrics.doubts:replace", {"obj": ["plain", [1]]}],
        ["object", "segbench.metrics.doubts:Doubt", {}],
        ["object", "segbench.errors:DataError", {"message": ["plain", ["x"]]}],
        ["object", "segbench.metrics...os:system", {}], ["plain", [{}]], ["code", "1"], [], "text", None,
        ["array", 0, 7], ["list", [2], ["plain", []]], ["mixed", [5], []],
    ],
)  # fmt: skip
def test_hostile_bytes_make_no_object_of_other_classes(node):
    try:
        found = from_bytes(written({"x": node}))
    except DataError:
        return
    assert found == {"x": [[]]}  # a list of fewer items than it says is short, and is seen by who reads it


def test_pickled_arrays_are_refused():
    array = np.array([{"a": 1}], dtype=object)
    with pytest.raises(DataError, match="damaged"):
        from_bytes(written({"x": ["array", 0, 0]}, array))
