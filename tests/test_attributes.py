"""Attributes of images in records: what is kept, and what leaderboards do with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from together import data, panoptic

import segbench
from segbench.attributes import MOST, AttributeColumns, attributes_of
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_labels
from segbench.leaderboard import build_leaderboard


def test_words_flags_and_whole_numbers_have_names():
    extra = {
        "license": 4, "width_m": 2.5, "empty": "", "long": "x" * 121, "none": None, "list": ["a"],
        "labelme": {"flags": {"rainy": True}, "version": "5", "place": {"city": "Ulm", "license": 7}},
        "deep": {"a": {"b": {"c": {"d": {"e": 1}}}}},
    }  # fmt: skip
    assert attributes_of("val/ulm/7", "v1", extra) == {
        "folder": "val/ulm", "video_id": "v1", "license": "4", "rainy": "True", "version": "5",
        "place.city": "Ulm", "place.license": "7",
    }  # fmt: skip
    assert attributes_of("7", None, {}) == {}
    assert attributes_of("aachen_000001_000019", None, {}) == {"city": "aachen"}


def test_who_annotated_an_image_is_not_published():
    extra = {
        "annotator": "kim", "completed_by": 7, "contact": "kim@example.org", "weather": "rainy",
        "label-studio": {"created_username": "kim", "owner": {"city": "Ulm"}, "user": {"id": 3}},
    }  # fmt: skip
    assert attributes_of("7", None, extra) == {"weather": "rainy"}


def test_columns_that_tell_no_images_apart_are_not_kept():
    columns = AttributeColumns()
    for i in range(3000):
        columns.add({"a": "x", "b": str(i % 7), "url": f"u{i}"} | ({"late": "y"} if i > 2990 else {}))
        assert len(columns._values) <= 3 + (i > 2990)
    found = columns.columns()
    assert found.keys() == {"a", "b", "late"}
    assert found["b"] == [str(i % 7) for i in range(3000)]
    assert found["late"] == [None] * 2991 + ["y"] * 9
    assert "url" not in columns._codes


def test_so_many_are_kept_at_most():
    columns = AttributeColumns()
    for _ in range(2):
        columns.add({f"a{i}": "x" for i in range(MOST + 5)})
    columns.add({})
    assert len(columns.columns()) == MOST
    assert columns.columns()["a0"] == ["x", "x", None]


def videos(side, make=panoptic):
    """Images of two videos, under two weathers, in two splits."""
    plain = data(side, make)

    def load(index):
        extra = {
            "bdd100k": {"attributes": {"weather": ["rainy", "clear", "clear"][index % 3]}},
            "url": str(index),
        }
        return replace(plain[index], video_id=f"v{index % 2}", extra=extra)

    return Dataset(
        name=side, categories=plain.categories, image_ids=plain.image_ids, load=load, tasks=plain.tasks,
        splits={"a": 4, "b": 2},
    )  # fmt: skip


def test_a_record_keeps_them_for_leaderboards(tmp_path):
    record = segbench.score(videos("truth"), videos("pred"), out=tmp_path / "r")
    found = segbench.read_record(record.path).images.sort_by("index")
    assert found.column("video_id").to_pylist() == ["v0", "v1"] * 3
    assert found.column("weather").to_pylist() == ["rainy", "clear", "clear"] * 2
    assert found.column("split").to_pylist() == ["a"] * 4 + ["b"] * 2
    assert "url" not in found.column_names
    [board] = build_leaderboard(
        tmp_path / "r", tmp_path / "o", formats=("md",), n_boot=100, cluster="video_id"
    ).boards
    assert (board.n_units, board.cluster) == (2, "video_id")
    with pytest.raises(segbench.UsageError, match="no attribute 'wether'.*Did you mean 'weather'"):
        build_leaderboard(tmp_path / "r", tmp_path / "o", formats=("md",), n_boot=100, cluster="wether")


def test_they_move_no_score_and_no_run_id(tmp_path):
    one = segbench.score(videos("truth"), videos("pred"), out=tmp_path)
    two = segbench.score(data("truth"), data("pred"))
    assert [one.to_dict()[key] for key in ("metrics", "per_class")] == [
        two.to_dict()[key] for key in ("metrics", "per_class")
    ]
    assert {check.verdict for check in segbench.verify(one.path)} == {"ok"}


def test_coco_says_the_same_read_in_columns_and_image_by_image(tmp_path):
    images = [
        {"id": i, "height": 8, "width": 8, "video_id": i // 3, "file_name": f"{i}.jpg"} for i in range(6)
    ]
    boxes = [{"image_id": i, "category_id": 1, "bbox": [0, 0, 4, 4]} for i in range(6)]
    truth = [{**box, "id": box["image_id"] + 1, "area": 16, "iscrowd": 0} for box in boxes]
    content = {"images": images, "annotations": truth, "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "truth.json").write_text(json.dumps(content))
    (tmp_path / "pred.json").write_text(json.dumps([{**box, "score": 0.5} for box in boxes]))
    record = segbench.score(tmp_path / "truth.json", tmp_path / "pred.json", protocol="coco-bbox")
    assert record.images.column("video_id").to_pylist() == ["0", "0", "0", "1", "1", "1"]
    plain = segbench.open_dataset(tmp_path / "truth.json")
    assert [dict(plain.about(i)) for i in range(6)] == [dict(plain[i].extra) for i in range(6)]


def test_folders_of_label_maps(tmp_path):
    for side in ("truth", "pred"):
        for city in ("bonn", "ulm"):
            (tmp_path / side / city).mkdir(parents=True)
            for i in range(2):
                file = tmp_path / side / city / f"{i}.png"
                file.write_bytes(encode_labels(np.full((4, 4), i, np.uint8)))
    record = segbench.score(
        tmp_path / "truth", tmp_path / "pred", num_classes=2, truth_format="png", predictions_format="png"
    )
    assert record.images.column("folder").to_pylist() == ["bonn", "bonn", "ulm", "ulm"]
