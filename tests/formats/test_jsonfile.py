"""The index of a large JSON file against the plain parser, on every spelling that JSON allows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.errors import DataError
from segbench.formats.jsonfile import LISTS, JsonFile, first_mention, starts_with

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
ROWS = st.lists(OBJECTS, max_size=4)


def read(file):
    """The whole content again, from the lists and the rest."""
    index = JsonFile(file)
    return index.rest | {name: list(items) for name, items in index.lists.items()}


def is_text(value):
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


@given(
    st.builds(
        lambda some, lists: some | lists, OBJECTS, st.dictionaries(st.sampled_from(LISTS), ROWS)
    ).filter(is_text),
    st.booleans(),
    st.sampled_from([None, 0, 1, "\t"]),
)
def test_every_value_is_kept(tmp_path_factory, content, ascii_only, indent):
    file = tmp_path_factory.mktemp("json") / "a.json"
    file.write_text(json.dumps(content, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    assert read(file) == content


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('\ufeff{"a": 1}', {"a": 1}),
        ('\r\n\t {"a" : [ { } , {"b" : []} ] }  \n', {"a": [{}, {"b": []}]}),
        ('{"a": [{"x": 1E2, "y": -1.5e-3, "z": 0.1}]}', {"a": [{"x": 100.0, "y": -0.0015, "z": 0.1}]}),
        ('{"\\u00e9": [{"k": "\\ud83d\\ude00é\\"]},{"}]}', {"é": [{"k": '😀é"]},{'}]}),
        ('{"中": "文", "l": [{"文": "\\u4e2d中"}]}', {"中": "文", "l": [{"文": "中中"}]}),
        ('[{"a": 1}]', {"": [{"a": 1}]}),
        ("[]", {"": []}),
        ("{}", {}),
        (
            '{"a": [], "b": [1, {"c": 2}], "c": [[{"d": 1}]]}',
            {"a": [], "b": [1, {"c": 2}], "c": [[{"d": 1}]]},
        ),
        ('{"a": 12345678901234567890123}', {"a": 12345678901234567890123}),
    ],
)
def test_spellings(text, content, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert read(tmp_path / "a.json") == content


@pytest.mark.parametrize(
    "text",
    [
        "{", "[", "[{", '{"a"', '{"a":', '{"a": 1', '{"a": 1,}', '{"images": [{}', '{"images": [{},', "[{},]",
        '{"images": [{},]}', '{"images": [{}}', '{"images": [{}, 1]}', '{"images": [1]}', "{a: 1}", "{1: 2}",
        '{"a" 1}', '{"a": 1} 2', '{"a": 1 "b": 2}', '{"a": tru}', '{"a": "\n"}', "[{}{}]", "7", '"text"',
        "[1]", '[{"a": 1}, 2]', '{"a": 1, "a": 2}', '{"images": [{}], "images": [{}]}', '{"a": [{}],}',
        '{"a": "\\ud83d"}', "[" * 100_000, '{"a": ' + "[" * 100_000, "", " ",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_and_the_file_named(text, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="a.json: "):
        JsonFile(tmp_path / "a.json")


def test_errors_say_where(tmp_path):
    (tmp_path / "a.json").write_text('{"images": [\n{},\n{"b": }]}')
    with pytest.raises(DataError, match="line 3 column 7"):
        JsonFile(tmp_path / "a.json")
    with pytest.raises(DataError, match="No such file"):
        JsonFile(tmp_path / "b.json")
    with pytest.raises(DataError, match="directory"):
        JsonFile(tmp_path)


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"images": [{"b": "\xe9"}]}')
    with pytest.raises(DataError, match="utf-8"):
        JsonFile(tmp_path / "a.json")


def test_items_are_visited_in_order_and_parsed_again_when_asked_for(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"images": [{"n": 0}, {"n": 1}], "annotations": [{"é": 2}], "a": [{}]}', encoding="utf-8"
    )
    seen = []
    file = JsonFile(tmp_path / "a.json", lambda *visit: seen.append(visit))
    assert seen == [("images", 0, {"n": 0}), ("images", 1, {"n": 1}), ("annotations", 0, {"é": 2})]
    assert len(file.require("images")) == 2
    assert file.require("images")[1] == {"n": 1}
    assert file.require("images")[1] is not file.require("images")[1]
    with pytest.raises(IndexError):
        file.require("images")[2]


def test_a_list_that_is_required(tmp_path):
    (tmp_path / "a.json").write_text('{"images": [], "categories": 1}')
    file = JsonFile(tmp_path / "a.json")
    assert list(file.require("images")) == []
    for name in ("categories", "annotations"):
        with pytest.raises(DataError, match=f"a.json: {name}: is missing, or no list of objects"):
            file.require(name)


def test_a_word_is_found_wherever_it_stands(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf\n [{"k": "' + b"x" * 100_000 + b'", "word": 1}]')
    assert first_mention(file, b'"other"', b'"word"') == b'"word"'
    assert first_mention(file, b'"other"') is None
    assert starts_with(file, b"[")
    assert not starts_with(file, b"{")


@pytest.mark.parametrize("before", [10, 65_530, 65_540, 1_114_100])
def test_the_word_that_comes_first_is_told_from_the_others(tmp_path, before):
    file = tmp_path / "a.json"
    file.write_bytes(b"{" + b" " * before + b'"second" "first"')
    assert first_mention(file, b'"first"', b'"second"') == b'"second"'
