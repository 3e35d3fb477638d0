"""Folders of maps: listed by ending, by split and name, and sent to other processes."""

import pickle

import numpy as np
import pytest

from segbench.canonical.categories import Categories
from segbench.canonical.images import decode_label_runs, encode_labels
from segbench.canonical.place import place
from segbench.canonical.sample import Sample
from segbench.errors import DataError
from segbench.formats.folders import (
    Frame,
    find_ending,
    find_pictures,
    note_left_out,
    open_frames,
    read_list,
)  # fmt: skip


def read(frame):
    runs = decode_label_runs(frame.read("ids"), **frame.where("ids"))
    return Sample(image_id=frame.name, height=runs.shape[0], width=runs.shape[1], load_mask=runs.to_map)


def data_set(root, names=("val/b", "train/z", "val/a")):
    files = {}
    for i, name in enumerate(names):
        files[name] = root / f"{name}_ids.png"
        place(files[name], encode_labels(np.full((2, 3), i, np.uint8)))
    frames = [
        Frame(name=name.rpartition("/")[2], split=name.split("/", 1)[0], files={"ids": files[name]})
        for name in names
    ]
    categories = Categories.from_id2label({0: "a", 1: "b", 2: "c"})
    return open_frames(frames, read, path=root, format="x", categories=categories, tasks=("semantic",))


def test_frames_stand_by_split_and_name(tmp_path):
    dataset = data_set(tmp_path)
    assert dataset.image_ids == ["z", "a", "b"]
    assert dataset.splits == {"train": 1, "val": 2}
    assert [int(sample.mask[0, 0]) for sample in dataset] == [1, 2, 0]
    assert pickle.loads(pickle.dumps(dataset))[1].mask[0, 0] == 2


def test_names_stand_once(tmp_path):
    with pytest.raises(DataError, match="image a: image_id: this image id stands twice"):
        data_set(tmp_path, ("val/a", "val/a"))
    with pytest.raises(DataError, match="holds no images"):
        data_set(tmp_path, ())


def test_a_name_of_two_splits_is_told_apart_by_them(tmp_path):
    dataset = data_set(tmp_path, ("val/a", "train/a", "val/b"))
    assert dataset.image_ids == ["train/a", "val/a", "b"]
    assert [s.image_id for s in dataset] == dataset.image_ids
    assert [int(s.mask[0, 0]) for s in dataset] == [1, 0, 2]


def test_files_are_found_by_their_ending(tmp_path):
    for name in ("a/1_ids.png", "2_ids.png", "a/._3_ids.png", "a/1_other.png", "a/1_ids.txt"):
        place(tmp_path / name, b"")
    assert list(find_ending(tmp_path, "_ids.png")) == ["2", "a/1"]
    assert find_ending(tmp_path / "nowhere", ".png") == {}


def test_pictures_are_found_and_those_without_annotation_told(tmp_path):
    for name in ("1_left", "2_left", "3"):
        place(tmp_path / f"a/{name}.png", b"")
    pictures = find_pictures(tmp_path, "_left")
    assert {name: image.name for name, image in pictures.items()} == {
        "a/1": "a/1_left.png", "a/2": "a/2_left.png",
    }  # fmt: skip
    assert find_pictures(tmp_path / "nowhere") == {}
    assert note_left_out(pictures, ["a/1", "a/2"]) == ()
    (note,) = note_left_out(pictures, ["a/1"])
    assert note == "pictures without annotation, which are left out: 1 (a/2_left.png)"


def test_a_file_that_is_gone_is_named(tmp_path):
    dataset = data_set(tmp_path)
    (tmp_path / "val/a_ids.png").unlink()
    with pytest.raises(DataError, match="a_ids.png: image a: cannot read the file: No such file"):
        dataset.by_id("a")


def test_lists_hold_a_name_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("a 1\n\n  b\r\nc/d -1")
    assert list(read_list(tmp_path / "a.txt")) == ["a", "b", "c/d"]
    with pytest.raises(DataError, match="b.txt: cannot read the file"):
        list(read_list(tmp_path / "b.txt"))
