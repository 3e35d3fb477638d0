"""The reader: a damaged data set is refused, and the message names the file."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from canonical.make import dataset, label_png, labels, layouts, mixed, semantic

from segbench.canonical import row_writer
from segbench.canonical.dataset import is_canonical
from segbench.canonical.reader import read_dataset
from segbench.canonical.writer import write_dataset
from segbench.errors import DataError


@pytest.fixture
def root(tmp_path):
    write_dataset(mixed(), tmp_path / "d")
    return tmp_path / "d"


@pytest.fixture
def packed(tmp_path):
    write_dataset(mixed(), tmp_path / "d", packed=True)
    return tmp_path / "d"


def describe(root, **changes):
    """Change dataset.json; None removes a field."""
    file = root / "dataset.json"
    found = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps({k: v for k, v in found.items() if v is not None}), encoding="utf-8")


def edit(file, column, value):
    """Change a column of the first row of a Parquet file."""
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


def test_a_data_set_is_recognised(root, tmp_path):
    assert is_canonical(root)
    assert not is_canonical(tmp_path)
    (root / "id2label.json").unlink()
    assert not is_canonical(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"), ("[]", "is no JSON object"), ("\udcff", "is not JSON"),
        ("{}", "format version None"),
        ('{"format_version": 2}', "format_version: is of format version 2; this segbench reads 1"),
    ],
)  # fmt: skip
def test_a_damaged_description_is_refused(root, text, message):
    (root / "dataset.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=rf"dataset\.json: .*{message}"):
        read_dataset(root)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("splits", None), ("splits", [1]), ("layout", "zip"), ("categories", [{"id": 1, "name": "a"}]),
        ("categories", [{"label": "a"}]), ("ignore_index", "255"), ("fingerprint", None),
        ("tasks", "semantic"),
        ("splits", {"../train": 2, "val": 1}),
    ],
)  # fmt: skip
def test_a_field_that_is_missing_or_wrong_is_named(root, field, value):
    describe(root, **{field: value})
    with pytest.raises(DataError, match=rf"dataset\.json: {field}: "):
        read_dataset(root)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.dataset\.json: cannot read it: No such file"):
        read_dataset(tmp_path / "nowhere")


@pytest.mark.parametrize("splits", [{"train": 3, "val": 1}, {"train": 1, "val": 2}])
def test_another_number_of_rows_is_refused(root, splits):
    describe(root, splits=splits)
    with pytest.raises(DataError, match=rf"split 'train' has 2 rows, dataset\.json says {splits['train']}"):
        read_dataset(root)


@pytest.mark.parametrize("keep", [0, 7, 900])
def test_a_damaged_table_is_refused(root, keep):
    file = root / "train/metadata.parquet"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train.metadata\.parquet: cannot read the Parquet file"):
        read_dataset(root)


def test_damage_inside_a_table_is_refused_when_it_is_met(root):
    file = root / "val/metadata.parquet"
    data = bytearray(file.read_bytes())
    data[4:-1000] = bytes(len(data) - 1004)
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"val.metadata\.parquet: "):
        list(read_dataset(root))


def test_a_missing_table_or_column_is_refused(root):
    file = root / "train/metadata.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["segments", "frame"]), file)
    with pytest.raises(DataError, match=r"train.metadata\.parquet: lacks the columns frame, segments"):
        read_dataset(root)
    file.unlink()
    with pytest.raises(DataError, match=r"train.metadata\.parquet: cannot read the Parquet file"):
        read_dataset(root)


@pytest.mark.parametrize("n_shards", [0, 2])
def test_shards_that_are_missing_are_refused(packed, n_shards):
    shard = packed / "data/train-00000-of-00001.parquet"
    if n_shards:
        shard.rename(packed / f"data/train-00000-of-0000{n_shards}.parquet")
    else:
        shard.unlink()
    with pytest.raises(DataError, match=rf"data: split 'train': {min(n_shards, 1)} shards are there"):
        read_dataset(packed)


def test_a_damaged_shard_is_refused(packed):
    (packed / "data/val-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"val-00000-of-00001\.parquet: cannot read"):
        read_dataset(packed)


def test_a_missing_mask_is_named_with_its_image(root):
    (root / "val/masks/s.png").unlink()
    with pytest.raises(DataError, match=r"val.masks.s\.png: image s: cannot read the file: No such file"):
        _ = read_dataset(root)[2].mask


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "mask: is no PNG"), (label_png(labels(0))[:60], "mask: cannot decode"),
        (label_png(labels(0).T.copy()), "is 12×17 pixels, the image 17×12"),
    ],
)  # fmt: skip
def test_a_damaged_mask_is_named_with_its_image(root, data, message):
    (root / "val/masks/s.png").write_bytes(data)
    with pytest.raises(DataError, match=rf"val.masks.s\.png: image s: {message}"):
        _ = read_dataset(root)[2].mask


def test_a_damaged_mask_of_a_shard_is_named_with_its_image(packed):
    file = packed / "data/val-00000-of-00001.parquet"
    edit(file, "mask", {"bytes": b"no", "path": "s.png"})
    with pytest.raises(DataError, match=rf"{file.name}: image s: mask: is no PNG"):
        _ = read_dataset(packed)[2].mask


def test_a_missing_image_is_named(root):
    (root / "val/images/s.png").unlink()
    sample = read_dataset(root)[2]
    assert sample.mask.shape == (12, 17)
    with pytest.raises(DataError, match=r"val.images.s\.png: image s: cannot read the file: No such file"):
        _ = sample.image


def segment_row(root, **changes):
    row = pq.read_table(root / "train/metadata.parquet").to_pylist()[0]["segments"][0]
    return [{**row, **changes}]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("extra", "{", "image i: "),
        ("file_name", "images/../../../a.png", "image i: file_name: the path"),
        ("segments", {"rle": b"~"}, "image i: segment 901: rle: "),
        ("segments", {"rle": b"1"}, "image i: segment 901: rle: "),
        ("segments", {"attributes": "{"}, "image i: "),
    ],
)
def test_a_damaged_row_is_refused_with_its_image(root, column, value, message):
    file = root / "train/metadata.parquet"
    edit(file, column, segment_row(root, **value) if isinstance(value, dict) else value)
    with pytest.raises(DataError, match=rf"train.metadata\.parquet: {message}"):
        read_dataset(root)[0]


def test_a_data_set_whose_files_are_links_is_read(root, tmp_path):
    """The cache of the Hugging Face Hub is made of links."""
    for i, file in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
        blob = tmp_path / f"blobs/{i}"
        blob.parent.mkdir(exist_ok=True)
        file.rename(blob)
        file.symlink_to(blob)
    found = read_dataset(root)
    assert [s.image.shape for s in found] == [(3, 12, 17)] * 3
    assert [np.array_equal(a.mask, b.mask) for a, b in zip(found, mixed(), strict=True)] == [True] * 3


@layouts
def test_threads_read_any_row(tmp_path, packed, monkeypatch):
    monkeypatch.setattr(row_writer, "ROW_GROUP", 2)
    given = dataset([semantic(str(i), i) for i in range(12)])
    write_dataset(given, tmp_path / "d", packed=packed)
    found = read_dataset(tmp_path / "d")
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 5)).tolist()
    with ThreadPoolExecutor(4) as pool:
        samples = list(pool.map(found.__getitem__, order))
    assert [s.image_id for s in samples] == [str(i) for i in order]
    assert all(np.array_equal(s.mask, given[i].mask) for s, i in zip(samples, order, strict=True))


def test_the_row_groups_used_last_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(row_writer, "ROW_GROUP", 1)
    write_dataset(dataset([semantic(str(i), i) for i in range(3)]), tmp_path / "d")
    found = read_dataset(tmp_path / "d")
    read = []
    read_row_group = pq.ParquetFile.read_row_group

    def counted(file, index):
        read.append(index)
        return read_row_group(file, index)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    for index in (0, 1, 0, 2, 0, 1):
        assert found[index].image_id == str(index)
    assert read == [0, 1, 2, 1]


@layouts
def test_it_can_be_sent_to_other_processes(tmp_path, packed):
    write_dataset(mixed(), tmp_path / "d", packed=packed)
    found = read_dataset(tmp_path / "d")
    again = pickle.loads(pickle.dumps(found))
    assert [s.record_sha256 for s in again] == [s.record_sha256 for s in found]
    assert pickle.loads(pickle.dumps(found[1])).segment_map.shape == (12, 17)


def test_iteration_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(row_writer, "ROW_GROUP", 10)
    n, shape = 120, (200, 200)

    def big(i):
        mask = np.random.default_rng(i).integers(0, 3, shape).astype(np.uint8)
        return semantic(str(i), height=200, width=200, load_mask=lambda: mask, image_file=None)

    write_dataset(dataset([big(i) for i in range(n)]), tmp_path / "d", images="none", packed=True)
    found = read_dataset(tmp_path / "d")
    sizes = [
        len(r["mask"]["bytes"]) for r in pq.read_table(next((tmp_path / "d/data").iterdir())).to_pylist()
    ]
    tracemalloc.start()
    assert sum(sample.mask.shape == shape for sample in found) == n
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < sum(sizes) / 3
