"""Annotations drawn on the stored frame of a picture are turned into its upright frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from canonical.make import (
    HEIGHT,
    INSTANCES,
    WIDTH,
    dataset,
    instances,
    labels,
    layouts,
    opened,
    oriented,
    panoptic,
    pixels,
    saved,
    segment_map,
    semantic,
)
from PIL import Image, ImageOps

from segbench.canonical.exif import to_upright
from segbench.canonical.reader import read_dataset
from segbench.canonical.sample import ImageFile
from segbench.canonical.writer import write_dataset

SWAPPED = range(5, 9)


def turned(array, orientation):
    """Turn a plane as Pillow turns a picture with this EXIF."""
    data = saved(Image.fromarray(array), "TIFF", exif=oriented(orientation))
    return np.asarray(ImageOps.exif_transpose(opened(data)))


@pytest.mark.parametrize("orientation", SWAPPED)
def test_label_maps_and_segment_maps_turn_as_the_picture(orientation):
    upright = to_upright(semantic(), orientation, WIDTH, HEIGHT)
    assert (upright.height, upright.width) == (WIDTH, HEIGHT)
    assert np.array_equal(upright.mask, turned(labels(0), orientation))
    upright = to_upright(panoptic(), orientation, WIDTH, HEIGHT)
    assert np.array_equal(upright.segment_map, turned(segment_map(), orientation))


@pytest.mark.parametrize("orientation", SWAPPED)
def test_segments_and_boxes_turn_as_the_picture(orientation):
    stored = instances()
    upright = to_upright(stored, orientation, WIDTH, HEIGHT)
    for before, after in zip(stored.segments, upright.segments, strict=True):
        rle = before.to_rle(HEIGHT, WIDTH)
        if rle is not None:
            assert np.array_equal(after.rle.to_mask(), turned(rle.to_mask(), orientation))
            assert after.polygons is None
        if before.bbox is not None:
            assert sorted(after.bbox[2:]) == sorted(before.bbox[2:])
        assert replace(after, rle=None, bbox=None, source_kind="map") == replace(
            before, rle=None, bbox=None, polygons=None, source_kind="map"
        )
    assert upright.segments[0].source_kind == "rle"
    assert upright.segments[3].source_kind == "box"


@pytest.mark.parametrize("orientation", SWAPPED)
@pytest.mark.parametrize("box", [(1, 2, 6, 5), (0, 0, 17, 12), (16, 11, 1, 1)])
def test_a_turned_box_encloses_the_turned_pixels(orientation, box):
    x, y, w, h = box
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y : y + h, x : x + w] = 1
    segment = replace(instances().segments[3], bbox=tuple(map(float, box)))
    upright = to_upright(instances(segments=(segment,)), orientation, WIDTH, HEIGHT)
    rows, columns = np.nonzero(turned(mask, orientation))
    assert upright.segments[0].bbox == (
        columns.min(),
        rows.min(),
        np.ptp(columns) + 1,
        np.ptp(rows) + 1,
    )


def test_a_sample_of_the_upright_size_stays_as_it_is():
    sample = semantic()
    for orientation in range(1, 9):
        assert to_upright(sample, orientation, HEIGHT, WIDTH) is sample
    for orientation in range(1, 5):
        assert to_upright(sample, orientation, WIDTH, HEIGHT) is sample
    assert to_upright(sample, 6, 5, 5) is sample


def test_what_is_no_place_stays():
    upright = to_upright(instances(), 6, WIDTH, HEIGHT)
    kept = (
        "image_id",
        "overlap",
        "neg_category_ids",
        "video_id",
        "frame",
        "extra",
        "source_path",
        "image_file",
    )
    assert all(getattr(upright, name) == getattr(instances(), name) for name in kept)


@layouts
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_in_the_stored_frame_are_turned_upright(tmp_path, packed, orientation):
    stored = Image.fromarray(pixels(0).transpose(1, 2, 0))
    data = saved(stored, exif=oriented(orientation))
    file = ImageFile(name="a.png", data=data)
    given = dataset([instances("i", image_file=file), panoptic("p", image_file=replace(file, name="b.png"))])
    write_dataset(given, tmp_path / "out", packed=packed)
    found = read_dataset(tmp_path / "out")

    def expected(array):  # 1 to 4 keep the size, and so nothing says that the annotation is not upright
        return array if orientation < 5 else turned(array, orientation)

    assert found[0].image_file.read() == data
    assert found[0].image.shape[1:] == (found[0].height, found[0].width) == expected(given[0].mask).shape
    assert np.array_equal(found[1].segment_map, expected(segment_map()))
    assert np.array_equal(found[1].mask, expected(given[1].mask))
    for segment, before in zip(found[0].segments[:3], INSTANCES, strict=False):
        assert np.array_equal(segment.rle.to_mask(), expected(before.to_rle(HEIGHT, WIDTH).to_mask()))
    (row, _) = pq.read_table(next((tmp_path / "out").rglob("*.parquet"))).to_pylist()
    assert row["exif_orientation"] == orientation
