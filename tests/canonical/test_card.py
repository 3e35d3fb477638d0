"""Hugging Face ``datasets`` opens both layouts, offline."""

from __future__ import annotations

import os

import numpy as np
import pytest
from canonical.make import (
    INSTANCES,
    dataset,
    instances,
    labels,
    layouts,
    mixed,
    segment_map,
    semantic,
)

from segbench.canonical.card import card
from segbench.canonical.writer import write_dataset

os.environ["HF_HUB_OFFLINE"] = "1"  # read when datasets is imported


@pytest.fixture
def load(tmp_path, monkeypatch):
    hf = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    hf.disable_progress_bars()

    def opened(root, split, *, decode=True):
        found = hf.load_dataset(str(root), split=split, cache_dir=str(tmp_path / "cache"))
        return found if decode else found.cast_column("image", hf.Image(decode=False))

    return opened


@layouts
def test_images_masks_and_segments_come_back(tmp_path, packed, load):
    given = mixed(tmp_path / "source")
    write_dataset(given, tmp_path / "out", packed=packed)
    for split, samples in (("train", given[:2]), ("val", given[2:])):
        rows = load(tmp_path / "out", split)
        assert rows["image_id"][:] == [s.image_id for s in samples]
        for row, sample in zip(rows, samples, strict=True):
            assert np.array_equal(np.asarray(row["image"]), sample.image.transpose(1, 2, 0))
            assert row["mask"].mode == "L"
            assert np.array_equal(np.asarray(row["mask"]), sample.mask)
            assert [s["id"] for s in row["segments"]] == [s.id for s in sample.segments]
    row = load(tmp_path / "out", "train")[0]
    assert row["segments"][0]["source_polygons"] == [list(p) for p in INSTANCES[0].polygons]
    assert row["segments"][1]["rle"] == INSTANCES[1].rle.counts
    assert row["segments"][3]["bbox"] == [0.5, 0.5, 3.0, 3.0]


@layouts
def test_the_bytes_of_images_come_back_unchanged(tmp_path, packed, load):
    given = mixed(tmp_path / "source")
    write_dataset(given, tmp_path / "out", packed=packed)
    for row, sample in zip(load(tmp_path / "out", "train", decode=False), given, strict=False):
        data = row["image"]["bytes"]
        if data is None:
            with open(row["image"]["path"], "rb") as file:  # noqa: PTH123 - it may be a URL
                data = file.read()
        assert data == sample.image_file.read()


@layouts
def test_16_bit_masks_come_back(tmp_path, packed, load):
    write_dataset(dataset([semantic(n=300, ignore=65_535)], n=300), tmp_path / "out", packed=packed)
    mask = load(tmp_path / "out", "train")[0]["mask"]
    assert mask.mode == "I;16"
    assert np.array_equal(np.asarray(mask), labels(0, 300, 65_535))


def test_segment_maps_come_back_from_shards(tmp_path, load):
    write_dataset(mixed(), tmp_path / "out", packed=True)
    row = load(tmp_path / "out", "train")[1]
    assert np.array_equal(np.asarray(row["segment_map"]).astype(int) @ [1, 256, 65_536], segment_map())


@layouts
@pytest.mark.parametrize("split", ["2017", "no", "val-unseen", "val[1]", "größe *"])
def test_splits_of_any_name_come_back(tmp_path, packed, split, load):
    given = dataset([semantic("a"), semantic("b", 1), instances("c")], splits={"val": 1, split: 2})
    write_dataset(given, tmp_path / "out", packed=packed)
    label = {"val-unseen": "val_unseen", "val[1]": "val_1_", "größe *": "gr__e__"}.get(split, split)
    assert load(tmp_path / "out", "val")["image_id"][:] == ["a"]
    assert load(tmp_path / "out", label)["image_id"][:] == ["b", "c"]


def description(**changes):
    return {
        "name": "a", "tasks": ["semantic"], "layout": "folder", "categories": [{"name": "cat"}],
        "splits": {"a": 1}, "ignore_index": 255, "source": {"format": "coco"}, "fingerprint": "0f", **changes,
    }  # fmt: skip


def test_the_card_escapes_what_comes_from_data():
    text = card(description(name="<b>*x*</b>\n# y", categories=[{"name": "a|b"}, {"name": "c"}]))
    assert "\\<b\\>\\*x\\*\\</b\\> \\# y" in text
    assert "**Categories** (2): a\\|b, c" in text


def test_splits_that_datasets_would_call_the_same_are_told_apart():
    text = card(description(splits={"a-b": 1, "a_b": 2, 'a"b': 3}))
    assert [line.split(": ")[1] for line in text.splitlines() if "- split" in line] == [
        '"a_b"',
        '"a_b_"',
        '"a_b__"',
    ]
