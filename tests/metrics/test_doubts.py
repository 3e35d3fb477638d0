"""Doubts: one line a kind, whatever the number of images, the same in any order."""

from __future__ import annotations

import random

import pytest

from segbench.metrics.doubts import KINDS, Doubt, gathered, texts


def of_images(n, kind="stated_area", **more):
    return [
        Doubt(kind=kind, count=i % 3 + 1, of=5, image_id=str(n - i), index=i, detail=f"segment {i}", **more)
        for i in range(n)
    ]


def test_an_image_is_named_with_what_is_wrong():
    doubt = Doubt(kind="stated_area", count=2, of=3, image_id="7", detail="segment 4 states 1 and has 9")
    assert doubt.text == (
        "image 7: area: 2 of 3 true segments state an area other than their pixels "
        "(segment 4 states 1 and has 9)"
    )
    assert Doubt(kind="truth_outside", count=1234).text == (
        "mask: 1,234 pixels have a true id that is no category"
    )


def test_many_images_are_one_line_with_their_number_and_the_first():
    assert texts(of_images(5000)) == [
        "5,000 images, the first image 5000: area: 9,999 of 25,000 true segments state an area other than "
        "their pixels (segment 0)"
    ]
    nameless = [Doubt(kind="truth_outside", count=1)] * 3
    assert texts(nameless) == ["3 images: mask: 3 pixels have a true id that is no category"]


def test_kinds_come_in_their_order_and_nothing_from_nothing():
    mixed = [Doubt(kind=kind, count=1, image_id="a") for kind in reversed(KINDS)]
    assert [doubt.kind for doubt in gathered(mixed)] == list(KINDS)
    assert texts([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_no_order_or_grouping_changes_them(seed):
    doubts = of_images(40) + of_images(30, "nameless")
    shuffled = random.Random(seed).sample(doubts, len(doubts))
    assert gathered([*gathered(shuffled[:25]), *gathered(shuffled[25:])]) == gathered(doubts)


@pytest.mark.parametrize(
    ("places", "first"),
    [
        ([("b", 2), ("a", 3)], "b"),
        ([("10", None), ("9", None)], "9"),
        ([("x", None), ("10", None)], "10"),
        ([("b", None), ("a", None)], "a"),
        ([(None, None), ("a", None)], "a"),
    ],
)
def test_the_first_image_goes_by_index_and_then_by_id(places, first):
    doubts = [Doubt(kind="id_0", count=1, image_id=i, index=n) for i, n in places]
    assert [doubt.image_id for doubt in gathered(doubts)] == [first]
    assert gathered(doubts) == gathered(reversed(doubts))
