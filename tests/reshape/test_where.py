"""Expressions that choose segments."""

import pickle

import pytest
from formats import tiny

import segbench
from segbench.errors import UsageError
from segbench.reshape.fields import FIELDS, values_of
from segbench.reshape.where import parse_where

CAT = {
    "category": "cat", "area": 2000, "score": None, "iscrowd": False, "file_name": "a/1.jpg",
    "category_id": 3, "width": 640,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("category=cat", True),
        ("category == 'cat'", True),
        ('category="traffic light"', False),
        ("category != dog", True),
        ("category=cat and area>1024", True),
        ("category=cat and area>2000", False),
        ("category=cat AND area >= 2e3", True),
        ("area<2000 or category=cat", True),
        ("category=dog and area>1 or width<=640", True),
        ("category=dog and (area>1 or width<=640)", False),
        ("not category=dog", True),
        ("not (category=cat or area<1)", False),
        ("category in (dog, 'cat')", True),
        ("category_id in (3, 4)", True),
        ("iscrowd=false", True),
        ("iscrowd=1", False),
        ('file_name~"a/*"', True),
        ("file_name~b*", False),
        ("score>0.1", False),
        ("score!=0.1", False),
        ("score in (0.1)", False),
        ("not score>0.1", True),
    ],
)
def test_what_holds(text, holds):
    where = parse_where(text)
    assert where.holds(CAT) is holds
    assert pickle.loads(pickle.dumps(where)).holds(CAT) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a field is missing"),
        ("categori=cat", "unknown field 'categori'. Did you mean 'category'"),
        ("category", "after category one of"),
        ("category cat", "after category one of"),
        ("category=", "a value of category is missing"),
        ("category=cat area>1", "'area' is not expected"),
        ("category>cat", "category is no number"),
        ("area>big", "area is a number, not 'big'"),
        ("iscrowd=maybe", "iscrowd is true or false"),
        ("iscrowd=2", "iscrowd is true or false"),
        ("(category=cat", r"a \) is missing"),
        ("category in cat", r"after in a \( is missing"),
        ("category in (cat", r"a \) is missing"),
        ('category="cat', "cannot read"),
        ("category=cat)", r"'\)' is not expected"),
        ("not", "a field is missing"),
    ],
)
def test_what_is_no_expression(text, message):
    with pytest.raises(UsageError, match=message):
        parse_where(text)


def test_fields_of_instances_segment_maps_and_label_maps(tmp_path):
    every = frozenset(FIELDS)
    instances = segbench.open_dataset(tiny.put_instances(tmp_path / "i"))
    first = list(values_of(instances[0], instances.categories, every, "val"))
    assert [(v["category"], v["category_id"], v["area"], v["id"]) for v in first] == [
        ("cat", 3, instances[0].segments[0].to_rle(4, 6).area, 11), ("dog", 7, 9, 12),
    ]  # fmt: skip
    assert first[0].keys() == FIELDS.keys()
    assert (first[0]["split"], first[0]["file_name"], first[0]["width"], first[0]["segments"]) == (
        "val",
        "1.png",
        6,
        2,
    )
    panoptic = segbench.open_dataset(tiny.put_panoptic(tmp_path / "p"))
    second = list(values_of(panoptic[1], panoptic.categories, every))
    assert [(v["category"], v["area"], v["iscrowd"], v["isthing"]) for v in second] == [
        ("grass", 16, False, False), ("dog", 4, True, True),
    ]  # fmt: skip
    labels = segbench.open_dataset(tiny.put_labels(tmp_path / "l"))
    assert [(v["category"], v["area"]) for v in values_of(labels[0], labels.categories, every)] == [
        ("road", 12), ("tree", 12),
    ]  # fmt: skip


def test_an_image_without_segments_has_values_of_its_own(tmp_path):
    content = tiny.instances() | {"annotations": []}
    dataset = segbench.open_dataset(tiny.put_instances(tmp_path, content))
    [values] = values_of(dataset[0], dataset.categories, frozenset({"width"}))
    assert parse_where("width=6 and segments=0").holds(values)
    assert not parse_where("category=cat").holds(values)
