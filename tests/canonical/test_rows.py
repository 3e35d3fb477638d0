"""Rows: every field of a sample and of its segments, there and back."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from canonical.make import (
    HEIGHT,
    INSTANCES,
    WIDTH,
    dataset,
    instances,
    layouts,
    mixed,
    panoptic,
    round_trip,
    segment_map,
)

from segbench.canonical.rle import Rle
from segbench.canonical.segment import Segment
from segbench.canonical.writer import write_dataset
from segbench.errors import DataError

COLUMNS = [
    "image_id", "source_path", "height", "width", "exif_orientation", "image_sha256", "record_sha256",
    "overlap", "segments", "neg_category_ids", "not_exhaustive_category_ids", "video_id", "frame", "extra",
]  # fmt: skip
FOLDER_COLUMNS = ["file_name", "mask_file_name", "segment_map_file_name", *COLUMNS]
PACKED_COLUMNS = ["image", "mask", "segment_map", *COLUMNS]
SEGMENT_FIELDS = [
    "id", "source_id", "category_id", "isthing", "iscrowd", "ignore", "area", "source_area", "bbox", "rle",
    "source_polygons", "source_kind", "track_id", "score", "attributes",
]  # fmt: skip


def same_segment(found, given):
    """Compare every field; run lengths are added where there were polygons alone."""
    for field in fields(Segment):
        if field.init and field.name != "rle":
            assert getattr(found, field.name) == getattr(given, field.name), field.name
    assert found.rle == given.to_rle(HEIGHT, WIDTH)


@layouts
@pytest.mark.parametrize("images", ["link", "copy", "none"])
def test_everything_survives(tmp_path, packed, images):
    given = mixed(tmp_path / "source", extra={"info": {"year": 2017, "by": "Jürgen"}})
    found = round_trip(given, tmp_path / "out", packed=packed, images=images)
    for name in ("name", "categories", "tasks", "splits", "extra", "ignore_index"):
        assert getattr(found, name) == getattr(given, name)
    assert list(found.image_ids) == ["i", "p", "s"]
    for sample, before in zip(found, given, strict=True):
        for field in fields(before):
            if not field.name.startswith(("load", "image_file", "segments")):
                assert getattr(sample, field.name) == getattr(before, field.name), field.name
        for segment, original in zip(sample.segments, before.segments, strict=True):
            same_segment(segment, original)
        assert np.array_equal(sample.mask, before.mask)
        if images == "none":
            assert sample.image_file is None
        else:
            assert sample.image_file.name == before.image_file.name
            assert sample.image_file.read() == before.image_file.read()
    assert np.array_equal(found[1].segment_map, segment_map())


@layouts
def test_a_second_trip_changes_nothing(tmp_path, packed):
    once = round_trip(mixed(), tmp_path / "once", packed=packed)
    twice = round_trip(once, tmp_path / "twice", packed=not packed)
    assert [s.segments for s in twice] == [s.segments for s in once]
    assert [s.image_file.read() for s in twice] == [s.image_file.read() for s in once]


def test_the_columns_are_those_of_the_design(tmp_path):
    write_dataset(mixed(), tmp_path / "folder")
    write_dataset(mixed(), tmp_path / "packed", packed=True)
    folder = pq.read_table(tmp_path / "folder/train/metadata.parquet")
    packed = pq.read_table(tmp_path / "packed/data/train-00000-of-00001.parquet")
    assert folder.column_names == FOLDER_COLUMNS
    assert packed.column_names == PACKED_COLUMNS
    assert [field.name for field in folder.schema.field("segments").type.value_type] == SEGMENT_FIELDS
    assert folder.select(COLUMNS).equals(packed.select(COLUMNS))


def test_rows_say_what_was_read(tmp_path):
    write_dataset(mixed(), tmp_path / "out")
    row, other = pq.read_table(tmp_path / "out/train/metadata.parquet").to_pylist()
    data = mixed()[0].image_file.read()
    assert row["image_sha256"] == hashlib.sha256(data).hexdigest()
    assert row["record_sha256"] == mixed()[0].record_sha256
    assert (row["exif_orientation"], row["file_name"]) == (1, "images/i.png")
    assert (row["mask_file_name"], row["segment_map_file_name"]) == ("masks/i.png", None)
    assert other["segment_map_file_name"] == "segment_maps/p.png"
    drawn = [s.to_rle(HEIGHT, WIDTH) for s in INSTANCES]
    assert [s["area"] for s in row["segments"]] == [r and r.area for r in drawn]
    assert [s["area"] for s in other["segments"]] == [85, 21, 35]
    assert [s["isthing"] for s in row["segments"]] == [True, None, True, True]


def test_a_segment_without_pixels_has_no_area(tmp_path):
    absent = Segment(id=9, category_id=0)
    write_dataset(dataset([panoptic(segments=(absent,))]), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out/train/metadata.parquet").to_pylist()
    assert row["segments"][0]["area"] == 0


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        (replace(INSTANCES[0], polygons=((1.0, 2.0, float("inf"), 3.0),)), "coordinate"),
        (Segment(id=901, category_id=0, rle=Rle(HEIGHT, WIDTH, b"1")), "runs"),
        (
            Segment(id=901, category_id=0, rle=Rle.from_mask(np.eye(3, 4, dtype=bool))),
            "is 4×3 pixels, the image 17×12",
        ),
    ],
)
def test_segments_that_cannot_be_drawn_are_refused(tmp_path, segment, message):
    with pytest.raises(DataError, match=rf"annotations/i\.json: image i: segment 901: .*{message}"):
        write_dataset(dataset([instances(segments=(segment,))]), tmp_path / "out")
