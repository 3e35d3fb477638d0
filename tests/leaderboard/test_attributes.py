"""Attributes of images: files of them, and clusters by their values."""

from __future__ import annotations

import numpy as np
import pytest
from leaderboard.synth import make_record

from segbench.errors import DataError, UsageError
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.attributes import Attributes, clusters, read_attributes
from segbench.leaderboard.evidence import read_evidence

EVIDENCE = read_evidence(make_record("semantic", n_images=4))


def write(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "image_id,video_id,note\n00000,b,\n00001,a,x\n00002,b,\n00003,a,\n"),
        ("a.json", '{"00000": {"video_id": "b"}, "00001": {"video_id": "a", "note": "x"},'
                   ' "00002": {"video_id": "b"}, "00003": {"video_id": "a", "note": null}}'),
    ],
)  # fmt: skip
def test_files(tmp_path, name, text):
    found = read_attributes(write(tmp_path, name, text))
    assert found.of(["00001", "other"]) == {"video_id": ["a", None], "note": ["x", None]}
    np.testing.assert_array_equal(clusters("video_id", EVIDENCE, found, "streets"), [1, 0, 1, 0])
    with pytest.raises(DataError, match="note: 3 of 4 images of streets have none, the first of them 00000"):
        clusters("note", EVIDENCE, found, "streets")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "id,x\n1,2\n", "no column image_id"),
        ("a.csv", "image_id,x\n1,2\n1,3\n", "stands there twice"),
        ("a.csv", "image_id,x\n1\n", "line 2 has not as many cells"),
        ("a.csv", "image_id,x\n1,2,3\n", "line 2 has not as many cells"),
        ("a.json", "[", "is not JSON"),
        ("a.json", "[1]", "expected {image_id"),
    ],
)
def test_damaged_files(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_attributes(write(tmp_path, name, text))


def test_missing(tmp_path):
    with pytest.raises(DataError, match="cannot read attributes"):
        read_attributes(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="no attribute 'video'"):
        clusters("video", EVIDENCE, Attributes(), "streets")


def test_a_board_by_clusters(tmp_path):
    for model in ("a", "b"):
        make_record("semantic", model, n_images=60).write(tmp_path / "r")
    rows = "".join(f"{i:05d},{i // 10}\n" for i in range(60))
    file = write(tmp_path, "videos.csv", "image_id,video_id\n" + rows)
    options = {"formats": ("md",), "n_boot": 200}
    plain = build_leaderboard(tmp_path / "r", tmp_path / "o", **options).boards[0]
    board = build_leaderboard(
        tmp_path / "r", tmp_path / "o", cluster="video_id", attributes=file, interval="bca", **options
    ).boards[0]
    assert (plain.n_units, plain.cluster, board.n_units, board.cluster) == (60, None, 6, "video_id")
    assert board.warnings[0].startswith("Only 6 clusters")
    assert board.rows[0].ci_low != plain.rows[0].ci_low
    assert board.rows[0].classes.keys() == {row["category_id"] for row in board.rows[0].record.per_class}
    assert all(one.low <= one.value <= one.high for one in plain.rows[0].classes.values())


def test_readers_are_told_what_was_asked_for(tmp_path):
    make_record("semantic", n_images=4).write(tmp_path / "r")
    file = write(tmp_path, "a.csv", "image_id,video\n00000,b\n00001,a\n00002,b\n00003,a\n")
    asked = {"cluster": "video", "attributes": file, "interval": "bca", "test": "permutation"}
    built = build_leaderboard(tmp_path / "r", tmp_path / "o", formats=("md", "html"), n_boot=100, **asked)
    markdown, page = (path.read_text(encoding="utf-8") for path in built.paths)
    assert "(paired permutation test over images drawn together by video, Holm" in markdown
    assert "95 % BCa intervals of 100 resamples" in markdown
    assert "100 resamples of the images drawn together by video" in page
    assert "(paired bootstrap, BCa, seed 0)" in page
