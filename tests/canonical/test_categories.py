"""Categories: dense ids, their meaning, and the ids of the source."""

from __future__ import annotations

import numpy as np
import pytest
from canonical.make import categories
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import fingerprint
from segbench.errors import DataError


def test_they_are_a_sequence():
    found = categories()
    assert len(found) == 3
    assert found[1].name == "Straße 路"
    assert [c.id for c in found] == [0, 1, 2]
    assert found[-1] == found[1:][1]
    assert found == categories()
    assert hash(found) == hash(categories())
    assert found != categories(2)
    assert repr(found) == "Categories(3: cat, Straße 路, unknown)"


def test_json_keeps_every_field():
    found = categories()
    assert Categories.from_json(found.to_json()) == found
    assert found[0].color == (0, 0, 0)


def test_a_frequency_stands_only_where_it_is_told():
    found = Categories([Category(0, "cat", frequency="r"), Category(1, "dog")])
    assert [row.get("frequency", "none") for row in found.to_json()] == ["r", "none"]
    assert Categories.from_json(found.to_json()) == found
    assert fingerprint(found, []) != fingerprint(Categories([Category(0, "cat"), Category(1, "dog")]), [])


@given(st.dictionaries(st.integers(-5, 10_000), st.text(), max_size=20))
def test_ids_that_are_not_dense_become_source_ids(id2label):
    found = Categories.from_id2label(id2label)
    assert {c.key: c.name for c in found} == id2label
    assert [c.key for c in found] == sorted(id2label)
    assert all(found.by_source_id(key).name == name for key, name in id2label.items())


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([Category(1, "a")], "0, 1, … N-1"),
        ([Category(0, "a"), Category(0, "b")], "0, 1, … N-1"),
        ([Category(0, "a", 4), Category(1, "b", 4)], "category id 4 stands twice"),
        ([Category(0, "a", 1), Category(1, "b")], "category id 1 stands twice"),
    ],
)
def test_ids_are_dense_and_unique(items, message):
    with pytest.raises(DataError, match=message):
        Categories(items)


def test_masks_have_16_bits_beyond_255_categories():
    few, many = (Categories.from_id2label({i: str(i) for i in range(n)}) for n in (255, 256))
    assert (few.ignore_index, few.mask_dtype) == (255, np.uint8)
    assert (many.ignore_index, many.mask_dtype) == (65_535, np.uint16)
    assert len(Categories.from_id2label(dict.fromkeys(range(65535), ""))) == 65_535
    with pytest.raises(DataError, match="65536 categories do not fit a 16-bit mask"):
        Categories.from_id2label(dict.fromkeys(range(65536), ""))


@pytest.mark.parametrize("source_id", [4, "17", None, True, 17.0, [17]])
def test_unknown_source_ids_are_refused_with_the_place(source_id):
    only = Categories([Category(0, "a", 17), Category(1, "b", 1)])
    with pytest.raises(DataError, match=r"x\.json: image 3: category_id: unknown category id"):
        only.by_source_id(source_id, file="x.json", image_id=3, field="category_id")


def test_names_are_found_and_guessed():
    assert categories().by_name("cat").id == 0
    with pytest.raises(DataError, match="Did you mean 'cat'"):
        categories().by_name("cats")


@pytest.mark.parametrize("rows", [[{"id": 0}], [{"id": 0, "name": "a", "shape": 1}], ["a"], 3, [None]])
def test_rows_that_are_no_categories_are_refused_with_the_file(rows):
    with pytest.raises(DataError, match="dataset.json: categories: "):
        Categories.from_json(rows, file="dataset.json")
