"""Pictures are linked to the original, or copied byte by byte."""

from __future__ import annotations

import os

import pytest
from canonical.make import image_file

from segbench.canonical.place import check_mode, place_image
from segbench.errors import UsageError


def test_a_link_is_the_file_itself(tmp_path):
    image = image_file(0, "a.png", tmp_path / "source")
    place_image(tmp_path / "out/x/a.png", image, "link")
    assert (tmp_path / "out/x/a.png").samefile(image.path)
    assert not (tmp_path / "out/x/a.png").is_symlink()


def test_a_link_to_a_link_is_one_to_the_file(tmp_path):
    image = image_file(0, "a.png", tmp_path / "blobs")
    (tmp_path / "b.png").symlink_to("blobs/a.png")
    place_image(tmp_path / "out.png", type(image)(name="b.png", path=tmp_path / "b.png"), "link")
    assert not (tmp_path / "out.png").is_symlink()
    assert (tmp_path / "out.png").stat().st_nlink == 2


def test_a_copy_is_another_file(tmp_path):
    image = image_file(0, "a.png", tmp_path / "source")
    place_image(tmp_path / "out.png", image, "copy")
    assert (tmp_path / "out.png").read_bytes() == image.read()
    assert (tmp_path / "out.png").stat().st_nlink == 1


def test_where_no_link_can_be_made_it_is_a_copy(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    image = image_file(0, "a.png", tmp_path / "source")
    place_image(tmp_path / "out.png", image, "link")
    assert (tmp_path / "out.png").read_bytes() == image.read()


def test_a_picture_in_memory_is_written(tmp_path):
    image = image_file(0)
    place_image(tmp_path / "out/a.png", image, "link")
    assert (tmp_path / "out/a.png").read_bytes() == image.data


def test_unknown_modes_are_refused():
    with pytest.raises(UsageError, match="link, copy, none, not 'move'"):
        check_mode("move")
