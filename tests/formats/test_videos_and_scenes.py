"""Formats that are read only: DAVIS and YouTube-VOS, and ADE20K of 2021."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from formats import tiny

import segbench
from segbench.canonical.images import encode_image, encode_labels
from segbench.canonical.place import place
from segbench.cli import main
from segbench.errors import DataError, UsageError
from segbench.formats import sniff
from segbench.formats.voc_labels import COLORS

OBJECTS = np.uint8([[0, 1, 1], [2, 255, 0]])


def put_davis(root, *, part="480p/", meta=None, lists=None):
    for video, number in (("bear", 0), ("bear", 1), ("cow", 0)):
        place(root / f"Annotations/{part}{video}/{number:05d}.png", encode_labels(OBJECTS, COLORS))
        picture = encode_image(np.zeros((3, 2, 3), np.uint8))
        place(root / f"JPEGImages/{part}{video}/{number:05d}.png", picture)
    if meta is not None:
        tiny.dump(root / "meta.json", meta)
    for split, videos in (lists or {}).items():
        place(root / f"ImageSets/2017/{split}.txt", "\n".join(videos).encode())
    return root


def meta(category="animal"):
    objects = {"1": {"category": category}, "2": {"category": "ball"}}
    return {"videos": {video: {"objects": objects} for video in ("bear", "cow")}}


@pytest.mark.parametrize("part", ["480p/", ""])
def test_objects_keep_their_track(part, tmp_path):
    root = put_davis(tmp_path, part=part, lists={"train": ["bear"], "val": ["cow", "dog"]})
    dataset = segbench.open_dataset(root)
    assert (dataset.format, dataset.splits) == ("davis", {"train": 2, "val": 1})
    assert dataset.image_ids == ["bear/00000", "bear/00001", "cow/00000"]
    sample = dataset[1]
    assert (sample.video_id, sample.frame) == ("bear", 1)
    assert [(s.id, s.track_id, s.category_id) for s in sample.segments] == [(1, 1, 0), (2, 2, 0)]
    np.testing.assert_array_equal(sample.segment_map, np.where(OBJECTS == 255, 0, OBJECTS))
    assert sample.image.shape == (3, 2, 3)
    segbench.convert(root, tmp_path / "canonical")
    again = segbench.open_dataset(tmp_path / "canonical")
    assert again.fingerprint == dataset.fingerprint
    assert [s.track_id for s in again[0].segments] == [1, 2]


def test_categories_of_youtube_vos(tmp_path):
    dataset = segbench.open_dataset(put_davis(tmp_path, part="", meta=meta()))
    assert dataset.id2label == {0: "animal", 1: "ball"}
    assert [s.category_id for s in dataset[0].segments] == [0, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "videos: is missing, or no object"),
        ({"videos": {"bear": 5}}, "videos.bear.objects: is missing, or no object"),
        ({"videos": {"bear": {"objects": {"x": {}}}}}, "videos.bear.objects.x: is no object with a category"),
    ],
)
def test_meta_is_checked(content, message, tmp_path):
    with pytest.raises(DataError, match=f"meta.json: {message}"):
        segbench.open_dataset(put_davis(tmp_path, meta=content))


def test_an_object_that_meta_lacks_is_named(tmp_path):
    root = put_davis(tmp_path, meta={"videos": {"bear": {"objects": {"1": {"category": "a"}}}}})
    with pytest.raises(DataError, match="object: has the object 2, which meta.json lacks"):
        _ = segbench.open_dataset(root)[0]


SEG = np.uint8([[[10, 5, 1], [10, 5, 2], [0, 0, 0]], [[0, 7, 9], [15, 5, 2], [10, 5, 1]]])
"""Class 261 twice as an object, void, class 7; 15 // 10 is 1 as well."""


def put_ade(root, objects=None, seg=SEG, split="training"):
    folder = root / f"images/ADE/{split}/urban/street"
    place(folder / "ADE_train_1_seg.png", encode_image(seg.transpose(2, 0, 1)))
    place(folder / "ADE_train_1.png", encode_image(np.zeros((3, *seg.shape[:2]), np.uint8)))
    if objects is None:
        objects = [
            {"name": "car", "name_ndx": 261, "parts": {"part_level": 0}},
            {"name": "caf\u00e9", "name_ndx": 7, "parts": {"part_level": "0"}},
            {"name": "wheel", "name_ndx": 9, "parts": {"part_level": 1}},
        ]
    content = json.dumps({"annotation": {"object": objects, "scene": ["urban"]}}, ensure_ascii=False)
    place(folder / "ADE_train_1.json", content.encode("latin-1"))
    return root


def test_ade20k_of_2021(tmp_path):
    dataset = segbench.open_dataset(put_ade(tmp_path))
    assert (dataset.format, dataset.splits, dataset.image_ids) == (
        "ade20k-full",
        {"training": 1},
        ["ADE_train_1"],
    )
    assert [(c.name, c.key) for c in dataset.categories] == [("café", 7), ("car", 261)]
    sample = dataset[0]
    packed = SEG.astype(np.int32) @ np.int32([1, 256, 65_536])
    np.testing.assert_array_equal(sample.segment_map, packed)
    assert {s.id: s.category_id for s in sample.segments} == {
        int(v): int((v & 255) // 10 * 256 + (v >> 8 & 255) == 261) for v in np.unique(packed) if v
    }  # fmt: skip
    np.testing.assert_array_equal(sample.mask, [[1, 1, 255], [0, 1, 1]])
    assert sample.extra == {"scene": ["urban"]}
    assert sample.image.shape == (3, 2, 3)


def test_parts_stand_in_maps_of_their_own(tmp_path):
    """Encoded like objects: each part has a value of B, whatever the object; pictures without are told."""
    root = put_ade(tmp_path)
    wheels = np.uint8([[[0, 9, 85], [0, 9, 170], [0, 0, 0]], [[0, 0, 0]] * 3])
    place(
        root / "images/ADE/training/urban/street/ADE_train_1_parts_1.png",
        encode_image(wheels.transpose(2, 0, 1)),
    )
    put_ade(tmp_path, split="validation")
    dataset = segbench.open_dataset(root, options={"parts": 1})
    assert [(c.name, c.key) for c in dataset.categories] == [("wheel", 9)]
    assert dataset.notes == ("pictures without such parts, which are left out: 1",)
    (sample,) = dataset
    assert [s.id for s in sample.segments] == [9 * 256 + 85 * 65_536, 9 * 256 + 170 * 65_536]
    assert sample.image.shape == (3, 2, 3)
    with pytest.raises(DataError, match=r"holds no \*_parts_2.png"):
        segbench.open_dataset(root, options={"parts": 2})


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"name": "car", "name_ndx": 261}], "class: has the class 7, which no JSON names"),
        ([{"name": "car"}], r"annotation.object\[0\]: has no name and name_ndx"),
        (5, "annotation.object: is missing, or no list"),
    ],
)
def test_names_of_classes_are_checked(objects, message, tmp_path):
    with pytest.raises(DataError, match=f"image ADE_train_1: {message}"):
        _ = segbench.open_dataset(put_ade(tmp_path, objects))[0]


@pytest.mark.parametrize(("name", "put"), [("davis", put_davis), ("ade20k-full", put_ade)])
def test_they_are_recognised_and_only_read(name, put, tmp_path):
    assert sniff(put(tmp_path / "a")) == name
    with pytest.raises(UsageError, match=f"{name} is read only: write segbench"):
        segbench.convert(tmp_path / "a", tmp_path / "b", target_format=name)
    shown = CliRunner().invoke(main, ["formats", name]).stdout
    assert "Read only: write segbench" in shown


def put_rich_davis(root):
    return put_davis(root, meta=meta(), lists={"train": ["bear"]})


def put_rich_ade(root):
    return put_ade(root, [{"name": "a", "name_ndx": 261}, {"name": "b", "name_ndx": 7}])
