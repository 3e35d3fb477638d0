"""Label maps derived from segments."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.canonical import maps
from segbench.canonical.rle import Rle
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.kernels import LabelRuns


def box(number, category_id, rows, columns, **settings):
    mask = np.zeros((6, 6), bool)
    mask[rows, columns] = True
    return Segment(id=number, category_id=category_id, rle=Rle.from_mask(mask), **settings)


def painted(segments, height, width, ignore_index):
    places = maps.places_of_segments(segments, height, width)
    return maps.mask_from_places(places, segments, ignore_index).to_map()


def test_the_smaller_segment_is_on_top_whatever_the_order():
    large, small = box(1, 0, slice(0, 4), slice(0, 4)), box(2, 1, slice(1, 3), slice(1, 3))
    for segments in ([large, small], [small, large]):
        mask = painted(segments, 6, 6, 255)
        assert mask.dtype == np.uint8
        assert (mask[1:3, 1:3] == 1).all()
        assert np.array_equal(np.unique(mask, return_counts=True)[1], [12, 4, 20])


def test_crowds_lie_at_the_bottom_and_ignore_regions_are_void():
    crowd = box(1, 2, slice(2, 3), slice(2, 3), iscrowd=True)
    large = box(2, 1, slice(0, 5), slice(0, 5))
    assert painted([large, crowd], 6, 6, 255)[2, 2] == 1
    hidden = box(3, 0, slice(0, 2), slice(0, 2), ignore=True)
    mask = painted([large, hidden], 6, 6, 65_535)
    assert mask.dtype == np.uint16
    assert mask[0, 0] == 65_535
    assert mask[4, 4] == 1


def test_segments_of_one_size_keep_their_order():
    first, second = box(1, 0, slice(0, 2), slice(0, 3)), box(2, 1, slice(0, 2), slice(1, 4))
    assert painted([first, second], 6, 6, 255)[0].tolist() == [0, 1, 1, 1, 255, 255]


@pytest.mark.parametrize("segments", [[], [Segment(id=1, category_id=0, source_kind="box")]])
def test_no_pixels_no_labels(segments):
    assert (painted(segments, 2, 3, 255) == 255).all()


def test_a_segment_map_names_its_ids():
    ids = np.array([[0, 5, 5], [9, 2, 70_000]], np.int32)
    segments = [
        Segment(id=9, category_id=1),
        Segment(id=2, category_id=2, ignore=True),
        Segment(id=70_000, category_id=0),
    ]
    runs = LabelRuns.of(ids)
    found = maps.mask_from_segment_runs(runs, segments, 255)
    assert found.to_map().tolist() == [[255, 255, 255], [1, 255, 0]]
    assert found.values.tolist() == [255, 1, 255, 0]
    assert maps.mask_from_segment_runs(runs, [], 65_535).to_map().tolist() == [[65_535] * 3] * 2


def test_masks_come_in_the_type_that_holds_them():
    assert maps.fit(np.array([[0, 255]], np.int64), 255).dtype == np.uint8
    assert maps.fit(np.array([[0, 255]], np.uint8), 65_535).dtype == np.uint16
    for value in (256, 300, -1):
        with pytest.raises(DataError, match=f"image 7: mask: holds the id {value}, which does not fit uint8"):
            maps.fit(np.array([[0, value]], np.int32), 255, image_id=7)
