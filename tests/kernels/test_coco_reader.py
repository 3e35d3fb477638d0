"""The reader of COCO's files against the standard library, fed piece by piece."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segbench import kernels
from segbench.canonical.rle import Rle

RLE = {"size": [4, 5], "counts": Rle.from_mask(np.eye(4, 5, dtype=np.uint8)).counts.decode()}
POLYGON = [[0, 1.5, 3e0, 1, 2.25, 4], [1, 1, 2, 1, 2, 2, 1, 2]]
RESULT = {"image_id": 7, "category_id": 3, "score": 0.5, "segmentation": RLE}
TRUTH = {"id": 5, "image_id": 7, "category_id": 3, "segmentation": POLYGON, "area": 12.5, "iscrowd": 0}


def read(text, step=None):
    """Feed a text in pieces of `step` bytes; None where the reader gives up."""
    data = np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)
    reader, begin = kernels.CocoReader(len(data)), 0
    for end in [*range(step, len(data), step), len(data)] if step else [len(data)]:
        taken = reader.feed(data[begin:end])
        if taken < 0:
            return None
        begin += taken
    return reader if reader.complete else None


def results(*items):
    return json.dumps(list(items))


def truth(*items, **more):
    return json.dumps({"images": [{"id": 7}], "annotations": list(items), "categories": [], **more})


@pytest.mark.parametrize("step", [None, 1, 2, 7, 64])
def test_columns_of_results(step):
    boxed = {"bbox": [1, 2.5, 3, 4], "category_id": -9, "image_id": 2**62, "score": 1, "extra": {"a": [None]}}
    found = read(results(RESULT, boxed, {**RESULT, "segmentation": POLYGON, "id": "any"}), step)
    assert found.is_results
    columns = found.take_columns()
    assert columns["image_ids"].tolist() == [7, 2**62, 7]
    assert columns["category_ids"].tolist() == [3, -9, 3]
    assert columns["scores"].tolist() == [0.5, 1, 0.5]
    np.testing.assert_array_equal(columns["boxes"], [[math.nan] * 4, [1, 2.5, 3, 4], [math.nan] * 4])
    assert columns["areas"] is None
    assert columns["ids"] is None
    assert columns["others"].tolist() == [1]
    assert columns["masks"].kinds().tolist() == [2, 0, 1]


@pytest.mark.parametrize("step", [None, 1, 5, 63])
def test_columns_and_places_of_truth(step):
    crowd = {
        **TRUTH,
        "id": 6,
        "iscrowd": 1,
        "segmentation": {"counts": [3, 17], "size": [4, 5]},
        "area": None,
    }
    text = truth(TRUTH, crowd, info={"é": 'ß\\"', "n": [1, {}]}, licenses=[])
    found = read(text, step)
    assert not found.is_results
    columns = found.take_columns()
    assert columns["ids"].tolist() == [5, 6]
    assert columns["iscrowd"].tolist() == [0, 1]
    np.testing.assert_array_equal(columns["areas"], [12.5, math.nan])
    assert columns["boxes"] is None
    assert columns["masks"].kinds().tolist() == [1, 3]
    spans = [*columns["spans"].tolist(), *found.images().tolist(), *found.other_values().tolist()]
    values = [json.loads(text.encode()[begin:end]) for begin, end in spans]
    assert values == [TRUTH, crowd, {"id": 7}, {"é": 'ß\\"', "n": [1, {}]}, []]
    assert found.other_keys == ["info", "licenses"]
    assert found.categories().shape == (0, 2)


def test_what_is_empty():
    assert read("[]").take_columns()["image_ids"].shape == (0,)
    assert read(" {} \n").images() is None
    assert read('{"images": []}').images().shape == (0, 2)


DAMAGE = [
    "", "[", "[{}]", "]", "nul", "[1]", "[[]]", "{,}", '{"images": [],}', '{"images": [}', '{"images": [1]}',
    '{"a": 1 "b": 2}', '{"a": 01}', '{"a": 1.}', '{"a": .5}', '{"a": +1}', '{"a": 1e}', '{"a": tru}',
    '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', '{"a": "\\x"}', '{"a": "\\ud800"}', '{"a": "\\udc00"}',
    '{"a": "\\u12"}', '{"a": "\n"}', '{"a": "', '{"a" 1}', '{1: 1}', '{"a": 1, "a": 2}', '{"a": 1} x',
    '{"annotations": [], "annotations": []}', "[] []", '{"a": ' + "[" * 300 + "]" * 300 + "}",
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGE)
@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("behind", ["", " " * 20])
def test_the_reader_gives_up_at_what_is_no_json_and_at_what_is_unusual(text, step, behind):
    assert read(text + behind, step) is None


@pytest.mark.parametrize(
    "byte", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]
)
def test_the_reader_gives_up_at_what_is_no_utf_8(byte):
    assert read(b'{"a": "' + byte + b'"}') is None


UNUSUAL = [
    {"image_id": "7"}, {"image_id": 7.0}, {"image_id": 2**63}, {"category_id": None}, {"score": None},
    {"score": "1"}, {"score": True}, {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, 4, 5]}, {"bbox": [None] * 4},
    {"iscrowd": 2}, {"iscrowd": "0"}, {"iscrowd": 0.0}, {"segmentation": "x"}, {"segmentation": [[1, 2]]},
    {"segmentation": [[1, 2, 3, 4, 5]]}, {"segmentation": [[1, 2, 3, 1e9]]}, {"segmentation": [1, 2, 3, 4]},
    {"segmentation": {}}, {"segmentation": {"size": [4, 5]}}, {"segmentation": {"counts": "0"}},
    {"segmentation": {**RLE, "size": [4]}}, {"segmentation": {**RLE, "size": [4, 5, 6]}},
    {"segmentation": {**RLE, "size": [-4, 5]}}, {"segmentation": {**RLE, "counts": [-1, 21]}},
    {"segmentation": {**RLE, "counts": [1.5]}}, {"segmentation": {**RLE, "counts": [2**32]}},
    {"segmentation": {**RLE, "counts": None}}, {"segmentation": {**RLE, "more": 1}}, {"segmentation": None},
    {"segmentation": []}, {"area": "1"},
]  # fmt: skip


@pytest.mark.parametrize("change", UNUSUAL, ids=str)
def test_the_reader_gives_up_at_unusual_values(change):
    assert read(results(RESULT)) is not None
    assert read(results({**RESULT, **change})) is None


@pytest.mark.parametrize("key", ["image_id", "category_id", "score", "segmentation"])
def test_the_reader_gives_up_where_a_key_is_missing_or_stands_twice(key):
    assert read(results({k: v for k, v in RESULT.items() if k != key})) is None
    twice = json.dumps(RESULT)[:-1] + f', "{key}": {json.dumps(RESULT[key])}}}'
    assert read(f"[{twice}]") is None
    assert read(truth({k: v for k, v in TRUTH.items() if k != "id"})) is None


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(NUMBERS, st.sampled_from([repr, "{:.3f}".format, "{:e}".format, "{:.17g}".format, "{:.25f}".format]))
@settings(max_examples=400)
@example(0, lambda _: "-0")
@example(0, lambda _: "-0.0")
@example(0, lambda _: "123456789012345.6")
@example(0, lambda _: "0.000000000000001")
@example(0, lambda _: "9007199254740993")
@example(0, lambda _: "2.2250738585072011e-308")
@example(0, lambda _: "4.9e-324")
@example(0, lambda _: "1E+22")
def test_numbers_are_read_as_the_standard_library_reads_them(number, spell):
    text = spell(number)
    expected = float(json.loads(text))
    for step in (None, 1):
        found = read(results({**RESULT, "score": "here"}).replace('"here"', text), step)
        if math.isinf(expected):
            assert found is None
            continue
        score = found.take_columns()["scores"]
        np.testing.assert_array_equal(score.view(np.int64), np.array([expected]).view(np.int64))


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text().filter(lambda k: k not in ("images", "annotations", "categories")), JSON),
       st.booleans(), st.integers(1, 40))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_values_of_other_keys_are_passed_over_whole(rest, ascii_only, step):
    text = json.dumps(rest, ensure_ascii=ascii_only)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    if "\\ud" in text:
        return
    found = read(data, step)
    assert found.other_keys == list(rest)
    values = [json.loads(data[begin:end]) for begin, end in found.other_values().tolist()]
    assert values == list(rest.values())


@given(st.binary(max_size=60), st.integers(0, 200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_it_fail_otherwise(noise, at):
    text = results(RESULT, {**RESULT, "segmentation": POLYGON}).encode()
    spoilt = text[:at] + noise + text[at + 1 :]
    whole, pieces = read(spoilt), read(spoilt, 3)
    assert (whole is None) == (pieces is None)
    if whole is not None:
        assert len(whole.take_columns()["image_ids"]) == len(json.loads(spoilt))
