"""Instances as one PNG each: ids, names, overlaps, categories, and the Data Science Bowl's own folders."""

import numpy as np
import pytest
from formats import mutations, shapes, tiny

import segbench
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_labels, encode_image, encode_labels
from segbench.canonical.place import place
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import instance_png, sniff

FIRST, SECOND = np.uint8([[0, 255, 255], [0, 255, 0]]), np.uint8([[1, 1, 0], [0, 0, 0]])


def put(root, masks=None, *, picture=True, name="p1", split="train"):
    masks = {"7": FIRST, "12": SECOND} if masks is None else masks
    folder = root / split / name if split else root / name
    (folder / "masks").mkdir(parents=True)
    for stem, mask in masks.items():
        place(folder / f"masks/{stem}.png", encode_labels(mask))
    if picture:
        place(folder / f"images/{name}.png", encode_image(np.zeros((3, 2, 3), np.uint8)))
    return root


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="instance-png")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_numbers_are_ids_and_all_comes_back(tmp_path):
    source = put(tmp_path / "set")
    put(source, {}, name="empty")
    dataset = segbench.open_dataset(source)
    assert (dataset.format, dataset.image_ids) == ("instance-png", ["empty", "p1"])
    assert dataset.id2label == {0: "object"}
    assert dataset[0].segments == ()
    assert [s.id for s in dataset[1].segments] == [12, 7]
    np.testing.assert_array_equal(dataset[1].segments[1].rle.to_mask(), FIRST > 0)
    root = back(source, tmp_path)
    for stem, mask in (("7", FIRST), ("12", SECOND)):
        written = decode_labels((root / f"train/p1/masks/{stem}.png").read_bytes())
        np.testing.assert_array_equal(written, (mask > 0) * np.uint8(255))
    assert (root / "train/p1/images/p1.png").is_file()


def test_names_of_masks_and_categories_come_back(tmp_path):
    source = put(tmp_path / "set", {"cat/ab12": FIRST, "dog/7": SECOND, "dog/é": FIRST}, split="val")
    dataset = segbench.open_dataset(source)
    assert dataset.id2label == {0: "cat", 1: "dog"}
    assert [(s.id, s.category_id, s.source_id) for s in dataset[0].segments] == [
        (1, 0, "ab12"), (2, 1, "7"), (3, 1, "é"),
    ]  # fmt: skip
    segbench.convert(source, tmp_path / "back", target_format="instance-png")
    names = sorted(p.relative_to(tmp_path / "back/val/p1/masks").as_posix() for p in
                   (tmp_path / "back/val/p1/masks").rglob("*.png"))  # fmt: skip
    assert names == ["cat/ab12.png", "dog/2.png", "dog/é.png"]


def test_the_data_science_bowls_folders(data_dir, tmp_path):
    source = data_dir / "dsb2018_share/stage1_train"
    dataset = segbench.open_dataset(source)
    assert (dataset.format, len(dataset)) == ("instance-png", 60)
    assert sum(len(sample.segments) for sample in dataset) == 2758
    first = dataset.image_ids[0]
    for segment in dataset[0].segments[:5]:
        stored = decode_labels((source / first / f"masks/{segment.source_id}.png").read_bytes())
        np.testing.assert_array_equal(segment.rle.to_mask(), stored != 0)


def test_overlaps_and_every_shape_are_kept(tmp_path):
    dataset = shapes.data_set(splits={"train": 1, "val": 1})
    instance_png.write(dataset, tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")
    assert read.splits == {"train": 1, "val": 1}
    assert read.id2label == dataset.id2label
    assert sorted(shapes.masks(read)[0]) == sorted(shapes.masks(dataset)[0])


def test_what_is_lost_is_announced(tmp_path):
    source = tiny.put_instances(tmp_path)
    with pytest.raises(LossError, match=r"group regions \(iscrowd\): 1"):
        segbench.convert(source, tmp_path / "out", target_format="instance-png")
    report = segbench.convert(source, tmp_path / "out", target_format="instance-png", allow_loss=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    assert {k: counts[k] for k in ("crowd", "category_ids", "polygons", "stated")} == {
        "crowd": 1, "category_ids": 3, "polygons": 1, "stated": 3,
    }  # fmt: skip
    assert "ids" not in counts
    box = shapes.data_set((Segment(id=1, category_id=0, bbox=(1, 1, 2, 2), source_kind="box"),))
    report = segbench.convert(box, tmp_path / "x", target_format="instance-png", dry_run=True)
    assert {loss.feature: loss.count for loss in report.losses}["instances"] == 1


@pytest.mark.parametrize("name", ["a/b", "..", ".x", " a"])
def test_names_that_no_folder_has_are_refused(name, tmp_path):
    dataset = shapes.data_set()
    bad = Dataset(
        name="x", categories=Categories.from_id2label({0: name, 1: "b", 2: "c"}), image_ids=dataset.image_ids,
        load=dataset.__getitem__, tasks=("instance",),
    )  # fmt: skip
    with pytest.raises(DataError, match="categories"):
        instance_png.write(bad, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("masks", "picture", "message"),
    [
        ({"1": FIRST, "2": FIRST[:1]}, True, "mask: is 3×1 pixels, the mask before 3×2"),
        ({}, False, "has neither a mask nor a picture"),
    ],
)
def test_damage_is_named(masks, picture, message, tmp_path):
    with pytest.raises(DataError, match=f"image p1: {message}"):
        _ = segbench.open_dataset(put(tmp_path, masks, picture=picture))[0]


def test_lists_and_pictures_are_checked(tmp_path):
    root = put(tmp_path, {"cat/1": FIRST})
    place(root / "categories.txt", b"dog\n")
    with pytest.raises(DataError, match="categories.txt: lacks the category 'cat'"):
        segbench.open_dataset(root)
    place(root / "categories.txt", b"dog\ncat\n")
    assert segbench.open_dataset(root)[0].segments[0].category_id == 1
    place(root / "train/p1/images/2.png", b"")
    with pytest.raises(DataError, match="images: holds 2 pictures; a folder has one"):
        segbench.open_dataset(root, format="instance-png")
    with pytest.raises(DataError, match="holds no <picture>/masks"):
        instance_png.read(root / "train/p1")


def test_it_is_told_from_folders_of_label_maps(tmp_path):
    assert sniff(put(tmp_path / "a", split="")) == sniff(put(tmp_path / "b")) == "instance-png"
    assert sniff(tiny.put_labels(tmp_path / "c")) == "png"


def test_spoilt_files_are_refused_or_read(tmp_path):
    def put_all(root):
        place(root / "set/categories.txt", b"cat\ndog\n")
        return put(root / "set", {"cat/1": FIRST, "dog/2": SECOND})

    assert mutations.check(put_all, tmp_path, format_name="instance-png", n=200) > 20
