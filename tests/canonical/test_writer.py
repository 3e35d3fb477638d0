"""The writer: both layouts, whole or not at all, and nothing lost on the way there and back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from canonical.make import (
    HEIGHT,
    WIDTH,
    categories,
    dataset,
    image_file,
    labels,
    layouts,
    mixed,
    opened,
    round_trip,
    semantic,
)

from segbench.canonical import row_writer, writer
from segbench.canonical.pen import Pen
from segbench.canonical.reader import read_dataset
from segbench.canonical.sample import ImageFile
from segbench.canonical.writer import write_dataset
from segbench.errors import DataError, UsageError


def test_what_the_files_beside_say(tmp_path):
    source = {"options": {"a": 1}, "files": {"a.json": "0f"}}
    fingerprint = write_dataset(mixed(format="coco"), tmp_path / "out", source=source)
    description = json.loads((tmp_path / "out/dataset.json").read_text(encoding="utf-8"))
    assert description["format_version"] == 1
    assert description["layout"] == "folder"
    assert description["splits"] == {"train": 2, "val": 1}
    assert description["overlap_policy"] == "area"
    assert description["source"] == {"format": "coco", **source}
    assert description["fingerprint"] == fingerprint
    assert description["categories"] == categories().to_json()
    id2label = json.loads((tmp_path / "out/id2label.json").read_text(encoding="utf-8"))
    assert id2label == {"0": "cat", "1": "Straße 路", "2": "unknown"}


@layouts
def test_masks_of_few_categories_have_8_bits(tmp_path, packed):
    found = round_trip(dataset([semantic()], n=3), tmp_path / "out", packed=packed)
    assert found[0].mask.dtype == np.uint8
    if not packed:
        data = (tmp_path / "out/train/masks/s.png").read_bytes()
        assert (data[24], data[25], opened(data).mode) == (8, 0, "L")


@layouts
def test_masks_of_more_than_255_categories_have_16_bits(tmp_path, packed):
    given = dataset([semantic(n=300, ignore=65_535)], n=300)
    found = round_trip(given, tmp_path / "out", packed=packed)
    assert (found[0].mask.dtype, found[0].mask[0, 0], found.ignore_index) == (np.uint16, 65_535, 65_535)
    assert np.array_equal(found[0].mask, labels(0, 300, 65_535))
    if not packed:
        data = (tmp_path / "out/train/masks/s.png").read_bytes()
        assert (data[24], data[25], opened(data).mode) == (16, 0, "I;16")


def test_an_id_that_does_not_fit_the_mask_is_refused(tmp_path):
    wide = np.full((HEIGHT, WIDTH), 300, np.uint16)
    with pytest.raises(DataError, match="image s: mask: holds the id 300, which does not fit uint8"):
        write_dataset(dataset([semantic(load_mask=lambda: wide)]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_links_are_links_and_the_original_is_untouched(tmp_path):
    given = mixed(tmp_path / "source")
    before = {s.image_id: (s.image_file.path.stat().st_mtime_ns, s.image_file.read()) for s in given}
    write_dataset(given, tmp_path / "link")
    write_dataset(given, tmp_path / "copy", images="copy")
    for sample in given:
        split = "val" if sample.image_id == "s" else "train"
        name = f"{split}/images/{sample.image_file.name}"
        assert (tmp_path / "link" / name).samefile(sample.image_file.path)
        assert not (tmp_path / "copy" / name).samefile(sample.image_file.path)
        assert (tmp_path / "copy" / name).read_bytes() == before[sample.image_id][1]
        stat = sample.image_file.path.stat()
        assert (stat.st_mtime_ns, sample.image_file.read()) == before[sample.image_id]


def test_a_data_set_that_is_replaced_leaves_the_originals(tmp_path):
    given = mixed(tmp_path / "source")
    for images in ("link", "none", "link"):
        write_dataset(given, tmp_path / "out", images=images)
    assert read_dataset(tmp_path / "out")[0].image_file.read() == given[0].image_file.path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "source"]


def test_the_source_is_never_replaced_by_what_is_made_from_it(tmp_path):
    write_dataset(mixed(), tmp_path / "all/data")
    data = read_dataset(tmp_path / "all/data")
    for target in (tmp_path / "all/data", tmp_path / "all", tmp_path / "all/x/../data"):
        with pytest.raises(UsageError, match="which it is made from; choose another target"):
            write_dataset(data, target)
    write_dataset(data, tmp_path / "all/data/inside")
    assert len(read_dataset(tmp_path / "all/data/inside")) == 3


def named(*names):
    return dataset(
        [semantic(str(i), image_file=image_file(i, name)) for i, name in enumerate(names)],
    )


@pytest.mark.parametrize("second", ["a.png", "A.png", "./a.png"])
def test_names_that_collide_are_refused(tmp_path, second):
    with pytest.raises(DataError, match=r"image 1: file_name: two images are called 'images/[aA]\.png'"):
        write_dataset(named("a.png", second), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_names_that_differ_in_the_composition_of_an_accent_are_refused(tmp_path):
    with pytest.raises(DataError, match="image 1: file_name: two images are called"):
        write_dataset(named("\u00e9.png", "e\u0301.png"), tmp_path / "out")


def test_names_that_differ_in_the_suffix_alone_keep_their_masks_apart(tmp_path):
    found = round_trip(named("a.png", "a.bmp", "a.bmp.png"), tmp_path / "out")
    assert [np.array_equal(s.mask, labels(0)) for s in found] == [True] * 3
    masks = sorted(p.name for p in (tmp_path / "out/train/masks").iterdir())
    assert masks == ["a.bmp.png", "a.bmp.png.png", "a.png"]


@layouts
@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png", "C:\\a.png", ""])
def test_names_that_lead_out_are_refused(tmp_path, packed, name):
    with pytest.raises(DataError, match=r"x\.json: image 0: file_name: the path .* leads out"):
        write_dataset(dataset([named(name)[0]], path=tmp_path / "x.json"), tmp_path / "d/out", packed=packed)
    assert list((tmp_path / "d").iterdir()) == []


@layouts
@pytest.mark.parametrize("split", ["../up", "a/b", "", ".", "./a"])
def test_a_split_is_one_folder(tmp_path, packed, split):
    with pytest.raises(DataError, match="split: "):
        write_dataset(dataset([semantic()], splits={split: 1}), tmp_path / "d/out", packed=packed)
    assert list((tmp_path / "d").iterdir()) == []


@layouts
@pytest.mark.parametrize("split", ["val-unseen", "val[1]", "größe *", "2017"])
def test_splits_are_told_apart_whatever_their_names(tmp_path, packed, split):
    given = dataset([semantic("a"), semantic("b", 1), semantic("c", 2)], splits={"val": 1, split: 2})
    found = round_trip(given, tmp_path / "out", packed=packed)
    assert [s.image_id for s in found.split(split)] == ["b", "c"]
    assert [s.image_id for s in found.split("val")] == ["a"]


@layouts
@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            image_file(0, "b.png", height=5, width=6),
            r"b\.png: image s: the image is 6×5 pixels, its annotation 17×12",
        ),
        (ImageFile(name="b.png", data=b"no"), r"b\.png: image s: is no readable image"),
        (ImageFile(name="b.png"), r"b\.png: image s: there is no image file"),
        (None, r"x\.json: image s: image: there is no picture of it; pass images='none'"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path, packed, file, message):
    data = dataset([semantic("a"), semantic("s", image_file=file)], path=tmp_path / "x.json")
    with pytest.raises(DataError, match=message):
        write_dataset(data, tmp_path / "d/out", packed=packed)
    assert list((tmp_path / "d").iterdir()) == []


def test_pictures_are_left_out_when_asked(tmp_path):
    data = dataset([semantic("a/b:1", image_file=None)])
    write_dataset(data, tmp_path / "out", images="none")
    assert (tmp_path / "out/train/masks/a/b:1.png").is_file()
    assert not (tmp_path / "out/train/images").exists()
    with pytest.raises(UsageError, match="link, copy, none"):
        write_dataset(data, tmp_path / "out", images="move")


def test_shards_are_numbered_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "SHARD_BYTES", 2_000)
    monkeypatch.setattr(row_writer, "ROW_GROUP", 2)
    given = dataset([semantic(str(i), i) for i in range(9)], splits={"train": 7, "val": 2})
    found = round_trip(given, tmp_path / "out", packed=True)
    files = sorted(p.name for p in (tmp_path / "out/data").iterdir())
    assert files == [
        "train-00000-of-00004.parquet",
        "train-00001-of-00004.parquet",
        "train-00002-of-00004.parquet",
        "train-00003-of-00004.parquet",
        "val-00000-of-00001.parquet",
    ]
    assert [s.image_id for s in found] == [str(i) for i in range(9)]
    assert [np.array_equal(a.mask, b.mask) for a, b in zip(found, given, strict=True)] == [True] * 9
    assert found.by_id("6").image_file.read() == given[6].image_file.read()


@layouts
def test_row_groups_are_small_and_do_not_change_the_fingerprint(tmp_path, packed, monkeypatch):
    given = dataset([semantic(str(i), i) for i in range(7)])
    monkeypatch.setattr(row_writer, "ROW_GROUP", 3)
    found = round_trip(given, tmp_path / "out", packed=packed)
    file = next((tmp_path / "out").rglob("*.parquet"))
    assert pq.ParquetFile(file).metadata.num_row_groups == 3
    for i in (6, 0, 3, 5, 2, 1, 4):
        assert np.array_equal(found[i].mask, given[i].mask)
    pq.write_table(pq.read_table(file), file, compression="none", row_group_size=1)
    again = read_dataset(tmp_path / "out")
    assert [s.record_sha256 for s in again] == [s.record_sha256 for s in given]


def test_progress_sees_every_sample(tmp_path):
    seen = []

    def bar(ticks):
        assert len(ticks) == 3
        for tick in ticks:
            seen.append(tick)
            yield tick
        seen.append("end")

    pen = Pen(bar, 3)
    write_dataset(mixed(), tmp_path / "out", pen=pen)
    pen.end()
    assert seen == [0, 1, 2, "end"]
    assert pen.n_segments == sum(len(sample.segments) for sample in mixed())
