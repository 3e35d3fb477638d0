"""Values that name a class and an object: read, and given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.errors import DataError
from segbench.formats.value_maps import ZERO_ID, Meaning, Numbering, read_segments
from segbench.kernels import LabelRuns

CITYSCAPES = Numbering(base=1000, first=0, bare="key")
KITTI = Numbering(base=256, first=1, bare="zero")
NUMBERINGS = (CITYSCAPES, KITTI, Numbering(base=256, first=0, bare="zero"))


@pytest.mark.parametrize(
    ("numbering", "value", "parts"),
    [
        (CITYSCAPES, 26, (26, None)),
        (CITYSCAPES, 999, (999, None)),
        (CITYSCAPES, 26_000, (26, 0)),
        (CITYSCAPES, 26_999, (26, 999)),
        (KITTI, 26 << 8, (26, None)),
        (KITTI, 26 << 8 | 1, (26, 1)),
        (KITTI, 0, (0, None)),
    ],
)
def test_values_have_parts(numbering, value, parts):
    assert numbering.parts(value) == parts


@given(st.sampled_from(NUMBERINGS), st.integers(0, 65_535))
def test_parts_make_the_value(numbering, value):
    key, number = numbering.parts(value)
    found = numbering.bare_value(key) if number is None else numbering.value(key, number)
    assert found == value


segments = st.lists(
    st.tuples(st.integers(0, 70_000), st.one_of(st.none(), st.integers(0, 70), st.just(1000)), st.booleans()),
    max_size=30,
)


@given(st.sampled_from(NUMBERINGS), segments)
def test_given_values_say_what_they_should(numbering, rows):
    given_values = numbering.give(rows)
    objects = [
        v for v, (_, _, is_object) in zip(given_values, rows, strict=True) if is_object and v is not None
    ]
    assert len(set(objects)) == len(objects)
    for value, (_, key, is_object) in zip(given_values, rows, strict=True):
        if value is None:
            continue
        found, number = numbering.parts(value)
        assert found == key
        assert (number is not None) >= is_object
        assert 0 <= value <= 65_535


def test_values_that_say_so_already_are_kept():
    rows = [(26_005, 26, True), (7, 26, True), (26_005, 26, True), (26_000, 26, True), (5, 24, False)]
    assert CITYSCAPES.give(rows) == [26_005, 26_001, 26_002, 26_000, 24]


def test_there_is_room_for_so_many_objects():
    assert CITYSCAPES.give([(0, 1, True)] * 1001)[-2:] == [1999, None]
    assert CITYSCAPES.give([(0, 65, True)] * 537)[-2:] == [65_535, None]
    assert CITYSCAPES.give([(0, 66, True), (0, 0, True), (0, 66, False)]) == [None, None, 66]
    assert KITTI.give([(0, 255, True)] * 256)[-2:] == [65_535, None]
    assert KITTI.give([(0, 256, False), (0, None, True)]) == [None, None]


def test_a_map_becomes_segments():
    values = np.uint16([[0, 7, 7], [26_000, 26, 65_535]])

    def meaning(value):
        return {
            7: Meaning(1),
            26_000: Meaning(2),
            26: Meaning(2, iscrowd=True),
            0: Meaning(0, ignore=True),
        }.get(value)

    runs, found = read_segments(LabelRuns.of(values), meaning)
    assert runs.values.dtype == np.int32
    assert runs.to_map().tolist() == [[ZERO_ID, 7, 7], [26_000, 26, 0]]
    assert [(s.id, s.category_id, s.iscrowd, s.ignore) for s in found] == [
        (ZERO_ID, 0, False, True), (7, 1, False, False), (26, 2, True, False), (26_000, 2, False, False),
    ]  # fmt: skip


def test_a_value_may_be_refused():
    def meaning(value):
        raise DataError(f"has the value {value}")

    with pytest.raises(DataError, match="has the value 3"):
        read_segments(LabelRuns.of(np.uint8([[3]])), meaning)
