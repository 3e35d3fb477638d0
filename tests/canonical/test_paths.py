"""Names that come from data never lead out of their folder; files are read whole, and found."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.paths import caseless, check_name, check_splits, files_below, inside, read_bytes
from segbench.errors import DataError


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a.png", "a.png"), ("a/b.png", "a/b.png"), ("./a//b.png", "a/b.png"), ("a\\b.png", "a/b.png"),
        ("..a/b..", "..a/b.."), ("ü 路.jpg", "ü 路.jpg"),
    ],
)  # fmt: skip
def test_good_names_are_made_uniform(name, clean):
    assert check_name(name) == clean


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "/", "..", "../a", "a/../b", "a/..", "/etc/passwd", "\\\\server\\a", "\\a", "a\\..\\b",
        "C:/a", "C:a", "./C:/a", "a\0b", "\ud800.png",
    ],
)  # fmt: skip
def test_names_that_lead_out_are_refused_with_the_place(name):
    with pytest.raises(DataError, match=r"a\.json: image 1: file_name: the path"):
        check_name(name, file="a.json", image_id=1, field="file_name")


@pytest.mark.parametrize("other", ["TRAIN/É.png", "Train/e\u0301.png", "train/E\u0301.PNG"])
def test_names_that_a_file_system_may_take_for_one(other):
    assert caseless("train/\u00e9.png") == caseless(other)
    assert caseless(other) != caseless("train/e.png")


def test_splits_that_differ_in_case_alone_are_refused():
    assert check_splits(["train", "val"]) == ["train", "val"]
    with pytest.raises(DataError, match="split: the splits 'val' and 'Val' differ in case alone"):
        check_splits(["val", "train", "Val"])


@given(st.text(st.sampled_from("./\\a:C~\0")))
def test_no_name_climbs(name):
    try:
        clean = check_name(name)
    except DataError:
        return
    assert not clean.startswith("/")
    assert ".." not in clean.split("/")
    assert check_name(clean) == clean


def test_links_are_the_users_own_and_followed(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/1").write_text("x")
    root = tmp_path / "snapshot"
    root.mkdir()
    (root / "a.png").symlink_to("../blobs/1")
    assert inside(root, "a.png").read_text() == "x"
    with pytest.raises(DataError):
        inside(root, "../blobs/1")


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 300_000])
def test_files_are_read_whole(tmp_path, size):
    data = bytes(i * i % 251 for i in range(size))
    (tmp_path / "a").write_bytes(data)
    assert read_bytes(tmp_path / "a") == data


def test_what_cannot_be_read_is_an_os_error(tmp_path):
    for file in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
            read_bytes(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read_to_its_end(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = bytes(200_000)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[data])
    writer.start()
    assert read_bytes(tmp_path / "pipe") == data
    writer.join()


def test_files_below_a_folder(tmp_path):
    for name in ("b.png", "a/c.png", "a/d/.e", "f/g"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    assert sorted(files_below(tmp_path)) == ["a/c.png", "a/d/.e", "b.png", "f/g"]


def test_links_to_files_are_files_and_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "a").touch()
    try:
        (tmp_path / "b").symlink_to(tmp_path / "a")
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("no links here")
    assert sorted(files_below(tmp_path)) == ["a", "b"]
