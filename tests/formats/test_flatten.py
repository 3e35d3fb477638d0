"""Samples flattened to one map, whatever their truth is."""

import numpy as np
import pytest
from formats import tiny
from hypothesis import given
from hypothesis import strategies as st

import segbench
from segbench.canonical.maps import OVERLAP_POLICIES, paint_segments
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.flatten import count_hidden, flatten
from segbench.kernels import LabelRuns

SIZE = (9, 14)


def instances(masks, **fields):
    segments = [
        Segment(id=10 + i, category_id=0, rle=Rle.from_mask(m), source_kind="rle", score=i / 10, **fields)
        for i, m in enumerate(masks)
    ]
    return Sample(image_id="a", height=SIZE[0], width=SIZE[1], segments=segments, overlap=True)


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.sampled_from(OVERLAP_POLICIES))
def test_places_are_what_is_painted(seed, n, policy):
    rng = np.random.default_rng(seed)
    masks = [tiny.square(SIZE, *sorted(rng.integers(0, 9, 2)), 9, int(rng.integers(1, 14))) for _ in range(n)]
    sample = instances(masks)
    object.__setattr__(sample, "overlap_policy", policy)
    canvas = np.zeros(SIZE, np.int32)
    paint_segments(canvas, sample.segments, range(1, n + 1), policy)
    flat = flatten(sample)
    np.testing.assert_array_equal(flat.runs.to_map(), canvas)
    assert flat.seen == [i - 1 for i in np.unique(canvas) if i]
    values = [None if i == 1 else 100 + i for i in range(n)]
    expected = np.array([7, *(7 if v is None else v for v in values)])[canvas]
    painted = flat.painted(values, 7, np.uint8)
    assert painted.values.dtype == np.uint8
    np.testing.assert_array_equal(painted.to_map(), expected)
    assert count_hidden(sample, None) == n - len(flat.seen)


def test_ids_of_a_segment_map_become_places(tmp_path):
    sample = segbench.open_dataset(tiny.put_panoptic(tmp_path))[0]
    flat = flatten(sample)
    ids = np.array([0, *(s.id for s in flat.segments)])
    np.testing.assert_array_equal(ids[flat.runs.to_map()], tiny.segment_maps()[1])
    assert count_hidden(sample, None) == 0


def test_an_id_that_no_segment_names_is_nothing():
    sample = Sample(
        image_id="a", height=1, width=3,
        segments=(Segment(id=5, category_id=0), Segment(id=2, category_id=1)),
        load_segment_map=lambda: LabelRuns.of(np.int32([[9, 5, 0]])),
    )  # fmt: skip
    assert flatten(sample).runs.to_map().tolist() == [[0, 1, 0]]
    assert count_hidden(sample, None) == 1


def test_categories_of_a_label_map_are_its_segments(tmp_path):
    sample = segbench.open_dataset(tiny.put_labels(tmp_path))[1]
    flat = flatten(sample)
    assert [s.category_id for s in flat.segments] == [0, 2]
    values = [s.category_id for s in flat.segments]
    np.testing.assert_array_equal(flat.painted(values, 255, np.uint8).to_map(), tiny.masks()[2])


def test_ignore_regions_are_segments_that_hide():
    large, small = tiny.square(SIZE, 0, 0, 9, 14), tiny.square(SIZE, 1, 1, 3, 3)
    sample = instances([large, small], ignore=True)
    assert flatten(sample).seen == [0, 1]
    assert count_hidden(instances([small, small], ignore=True), None) == 0
    assert count_hidden(instances([small, small]), None) == 1


def test_what_cannot_be_drawn_is_named():
    sample = Sample(
        image_id="a", height=2, width=2, overlap=True, source_path="x.json",
        segments=(Segment(id=1, category_id=0, polygons=((1.0,),), source_kind="polygon"),),
    )  # fmt: skip
    with pytest.raises(DataError, match="x.json: image a: segments"):
        flatten(sample)
