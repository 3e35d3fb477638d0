"""Names that come from data never lead out of their folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.canonical.paths import check_name, inside
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
