"""Sample and Segment: pixels when asked for, and one hash for one truth."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from canonical.make import (
    HEIGHT,
    INSTANCES,
    PANOPTIC,
    WIDTH,
    image_file,
    instances,
    labels,
    panoptic,
    pixels,
    ring,
    segment_map,
    semantic,
)
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile
from segbench.canonical.segment import Segment
from segbench.errors import DataError


def test_pixels_are_read_once_when_asked_for():
    calls = []
    sample = semantic(load_mask=lambda: calls.append("mask") or labels(0))
    assert calls == []
    assert sample.mask is sample.mask
    assert calls == ["mask"]
    assert np.array_equal(sample.image, pixels(0))


def test_the_kind_says_which_part_is_the_truth():
    assert [s.kind for s in (instances(), panoptic(), semantic())] == ["instance", "panoptic", "semantic"]


def test_the_mask_derives_from_the_segment_map_or_from_the_segments():
    from_map = panoptic().mask
    assert from_map.dtype == np.uint8
    assert np.array_equal(np.unique(from_map), [0, 1, 2, 255])
    assert (from_map[:5] == 1).all()
    painted = instances().mask
    assert painted[2, 10] == 2
    assert painted[11, 11] == 255


def test_a_mask_comes_in_the_type_that_goes_with_its_ignore_index():
    wide = labels(0).astype(np.int64)
    assert semantic(load_mask=lambda: wide).mask.dtype == np.uint8
    wide[5, 5] = 300
    with pytest.raises(
        DataError, match=r"m/1\.png: image s: mask: holds the id 300, which does not fit uint8"
    ):
        _ = semantic(load_mask=lambda: wide, source_path="m/1.png").mask


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"load_mask": lambda: labels(0).T}, "mask"),
        ({"load_segment_map": lambda: segment_map().T}, "segment_map"),
    ],
)
def test_a_map_of_another_size_is_refused(settings, field):
    sample = panoptic(source_path="a.json", **settings)
    with pytest.raises(DataError, match=rf"a\.json: image p: {field}: .* is 12×17 pixels, the image 17×12"):
        getattr(sample, field)


def test_an_image_of_another_size_is_refused():
    sample = semantic(image_file=image_file(0, "b.png", height=5, width=6))
    with pytest.raises(DataError, match=r"b\.png: image s: the image is 6×5 pixels, its annotation 17×12"):
        _ = sample.image


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="image s: image: the data set has no picture of it"):
        _ = semantic(image_file=None).image
    with pytest.raises(DataError, match="image s: segment_map: there is no segment map"):
        _ = semantic().segment_map
    with pytest.raises(DataError, match=r"no\.png: image s: cannot read the file: No such file"):
        _ = semantic(image_file=ImageFile(name="no.png", path=tmp_path / "no.png")).image
    with pytest.raises(DataError, match=r"no\.png: image s: there is no image file"):
        _ = semantic(image_file=ImageFile(name="no.png")).image


def test_a_segment_that_cannot_be_drawn_is_refused_with_the_place():
    broken = Segment(id=4, category_id=0, polygons=((1.0, 2.0, float("nan"), 2.0),), source_kind="polygon")
    with pytest.raises(DataError, match=r"annotations/i\.json: image i: segments: "):
        _ = instances(segments=(broken,)).mask


def test_run_lengths_go_before_polygons():
    own = Rle.from_mask(ring())
    assert replace(INSTANCES[0], rle=own).to_rle(HEIGHT, WIDTH) is own
    drawn = INSTANCES[0].to_rle(HEIGHT, WIDTH)
    assert drawn == Rle.from_polygons(INSTANCES[0].polygons, HEIGHT, WIDTH)
    assert Segment(id=1, category_id=0).to_rle(HEIGHT, WIDTH) is None


@given(st.permutations(INSTANCES))
def test_the_hash_does_not_depend_on_the_order_of_segments(segments):
    assert instances(segments=segments).record_sha256 == instances().record_sha256


def test_the_hash_does_not_depend_on_the_order_of_segments_of_one_id():
    twins = [Segment(id=1, category_id=0, source_area=a) for a in (3.0, 4.0)]
    assert instances(segments=twins).record_sha256 == instances(segments=twins[::-1]).record_sha256


def test_the_hash_is_that_of_the_truth_alone():
    same = {
        "image_file": None,
        "source_path": "elsewhere.json",
        "video_id": None,
        "frame": None,
        "extra": {},
        "load_mask": lambda: labels(5),
    }
    assert instances(**same).record_sha256 == instances().record_sha256
    drawn = replace(INSTANCES[0], rle=INSTANCES[0].to_rle(HEIGHT, WIDTH))
    assert instances(segments=(drawn, *INSTANCES[1:])).record_sha256 == instances().record_sha256
    assert semantic(load_mask=lambda: labels(0).astype(np.int64)).record_sha256 == semantic().record_sha256


def test_the_hash_takes_3_and_3_point_0_for_the_same():
    whole = replace(INSTANCES[0], source_area=30, bbox=(1, 2, 6, 5), polygons=((1, 2, 7, 2, 7, 7),), score=1)
    exact = replace(
        INSTANCES[0],
        source_area=30.0,
        bbox=(1.0, 2.0, 6.0, 5.0),
        polygons=((1.0, 2.0, 7.0, 2.0, 7.0, 7.0),),
        score=1.0,
    )
    assert instances(segments=(whole,)).record_sha256 == instances(segments=(exact,)).record_sha256


CHANGES = {
    "id": 902,
    "category_id": 1,
    "iscrowd": True,
    "ignore": True,
    "source_area": 30.5,
    "bbox": (1.0, 2.0, 6.0, 5.25),
    "polygons": ((1.5, 2.0, 7.25, 2.0, 7.0, 7.5000001),),
    "source_kind": "rle",
    "score": 0.5,
    "track_id": 8,
    "source_id": None,
    "attributes": {"occluded": False},
}


@pytest.mark.parametrize("field", CHANGES)
def test_the_hash_changes_with_every_field_of_a_segment(field):
    changed = replace(INSTANCES[0], **{field: CHANGES[field]})
    assert instances(segments=(changed, *INSTANCES[1:])).record_sha256 != instances().record_sha256


@pytest.mark.parametrize(
    "settings",
    [
        {"image_id": "j"}, {"segments": INSTANCES[1:]}, {"neg_category_ids": None}, {"neg_category_ids": ()},
        {"not_exhaustive_category_ids": None},
    ],
)  # fmt: skip
def test_the_hash_changes_with_what_is_said_of_the_image(settings):
    assert instances(**settings).record_sha256 != instances().record_sha256


def test_the_hash_changes_with_a_pixel():
    def other(array):
        array[-1, -1] ^= 1
        return array

    assert semantic(load_mask=lambda: other(labels(0))).record_sha256 != semantic().record_sha256
    changed = panoptic(load_segment_map=lambda: other(segment_map()))
    assert changed.record_sha256 != panoptic().record_sha256
    moved = replace(INSTANCES[1], rle=Rle.from_mask(other(ring())))
    assert instances(segments=(moved,)).record_sha256 != instances(segments=(INSTANCES[1],)).record_sha256


def test_segments_can_be_sent_to_other_processes():
    assert pickle.loads(pickle.dumps(INSTANCES)) == INSTANCES
    assert pickle.loads(pickle.dumps(PANOPTIC)) == PANOPTIC


def test_polygons_are_drawn_once_for_a_size():
    segment = Segment(id=1, category_id=0, polygons=((0.0, 0.0, 4.0, 0.0, 4.0, 4.0),), source_kind="polygon")
    first = segment.to_rle(9, 9)
    assert segment.to_rle(9, 9) is first
    assert segment.to_rle(9, 8).width == 8
    assert segment.to_rle(9, 9) == first
    assert replace(segment, polygons=((0.0, 0.0, 1.0, 0.0, 1.0, 1.0),)).to_rle(9, 9) != first
    assert segment == replace(segment)
    assert "_drawn" not in repr(segment)
