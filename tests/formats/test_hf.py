"""Hugging Face data sets: every layout that ``datasets`` writes is read to the pixel, lazily, without it."""

import io
import json
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats import tiny

import segbench
from segbench.canonical.images import encode_image, encode_labels, encode_segment_map
from segbench.errors import DataError, UsageError
from segbench.formats import hf_tables, sniff

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAMES = {"0": "road", "1": "tree", "2": "sky"}


def cell(data, path=None):
    return {"bytes": data, "path": path}


def table(n_rows=3, *, mask="annotation", **columns):
    """Rows of pictures whose first channel is their number, and masks of the ids 0, 1, 2 and 255."""
    rng = np.random.default_rng(0)
    masks = [rng.choice(np.uint8([0, 1, 2, 255]), (4 + i % 2, 6)) for i in range(n_rows)]
    rows = {
        "image": [cell(encode_image(np.full((3, *m.shape), i % 256, np.uint8))) for i, m in enumerate(masks)],
        mask: [cell(encode_labels(m), f"/home/someone/{i:03d}.png") for i, m in enumerate(masks)],
        **columns,
    }
    kinds = {"image": PICTURE, mask: PICTURE}
    schema = [(name, kinds.get(name) or pa.array(rows[name]).type) for name in rows]
    return pa.table(rows, pa.schema(schema)), masks


def put(root, rows=3, *, file="data/train-00000-of-00001.parquet", row_group_size=2, labels=NAMES, **columns):
    """A repository of one shard; returns its folder."""
    found, _ = table(rows, **columns)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(found, root / file, row_group_size=row_group_size)
    if labels is not None:
        tiny.dump(root / "id2label.json", labels)
    return root


def test_a_repository_of_parquet_is_read(tmp_path):
    root = put(tmp_path / "set", 5, scene=["a", "b", None, "d", "e"])
    put(root, 2, file="data/validation-00000-of-00001.parquet", scene=["x", "y"])
    dataset = segbench.open_dataset(root)
    assert (dataset.format, dataset.tasks) == ("hf", ("semantic",))
    assert dataset.splits == {"train": 5, "validation": 2}
    assert dataset.id2label == {0: "road", 1: "tree", 2: "sky"}
    assert dataset.image_ids[:2] == ["train/000", "train/001"]
    for index, mask in enumerate(table(5)[1]):
        sample = dataset[index]
        np.testing.assert_array_equal(sample.mask, mask)
        assert sample.image[0, 0, 0] == index
    assert [dataset[i].extra for i in (1, 2)] == [{"hf": {"scene": "b"}}, {}]


@pytest.mark.parametrize(
    "name",
    ["mask", "label", "Annotation", "segmentation", "semantic_segmentation", "mask_image", "gt", "whatever"],
)
def test_masks_are_found_by_the_usual_names_or_as_the_only_other_picture(name, tmp_path):
    root = put(tmp_path, mask=name)
    np.testing.assert_array_equal(segbench.open_dataset(root)[2].mask, table()[1][2])


def test_where_several_columns_may_be_masks_one_is_named(tmp_path):
    _, masks = table()
    root = put(tmp_path, label=[cell(encode_labels(m)) for m in masks])
    assert sniff(root) == "hf"
    with pytest.raises(DataError, match="masks in annotation, label; name one: --option mask=NAME"):
        segbench.open_dataset(root)
    dataset = segbench.open_dataset(root, options={"mask": "label"})
    np.testing.assert_array_equal(dataset[0].mask, masks[0])
    assert dataset.notes == ("the columns annotation are left out",)
    with pytest.raises(UsageError, match="there is no column 'labels'. Did you mean 'label'"):
        segbench.open_dataset(root, options={"mask": "labels"})


def test_masks_may_be_rows_of_numbers_with_class_labels(tmp_path):
    """As features ``Array2D`` and ``Sequence(Sequence(ClassLabel))`` are stored."""
    _, masks = table()
    rows = pa.table({"image": [cell(b"")] * 3, "seg": [m.tolist() for m in masks]})
    features = {"seg": {"feature": {"feature": {"names": ["a", "b", "c"], "_type": "ClassLabel"}}}}
    rows = rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(rows, tmp_path / "a.parquet")
    dataset = segbench.open_dataset(tmp_path / "a.parquet")
    assert dataset.id2label == {0: "a", 1: "b", 2: "c"}
    for sample, mask in zip(dataset, masks, strict=True):
        np.testing.assert_array_equal(sample.mask, mask)


def test_class_labels_of_the_card_name_the_ids_and_its_patterns_the_splits(tmp_path):
    root = put(tmp_path, file="part-a.parquet", labels=None)
    put(root, 2, file="extra/part-b.parquet", labels=None)
    (root / "README.md").write_text(
        """---
configs:
- config_name: default
  data_files:
  - split: train
    path: part-*.parquet
  - split: holdout
    path: ["extra/*.parquet"]
dataset_info:
  features:
  - name: annotation
    dtype:
      class_label:
        names: {'0': road, '2': sky, '1': tree, '10': car}
---
# A set
"""
    )
    dataset = segbench.open_dataset(root)
    assert dataset.splits == {"train": 3, "holdout": 2}
    assert list(dataset.id2label.values()) == ["road", "tree", "sky", "car"]


def test_one_of_several_configurations_is_named(tmp_path):
    root = put(tmp_path, file="indoor/train-00000-of-00001.parquet")
    put(root, 2, file="outdoor/test-00000-of-00001.parquet")
    assert sniff(root) == "hf"
    with pytest.raises(UsageError, match=r"several configurations \(indoor, outdoor\).*config=NAME"):
        segbench.open_dataset(root)
    assert segbench.open_dataset(root, options={"config": "outdoor"}).splits == {"test": 2}
    with pytest.raises(UsageError, match="no configuration 'outside'. Known: indoor, outdoor"):
        segbench.open_dataset(root, options={"config": "outside"})


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_image_folders_with_masks_are_read(suffix, tmp_path):
    root = tmp_path / "set"
    for split in ("train", "test"):
        tiny.put_pictures(root / split / "images")
        tiny.put_masks(root / split / "masks")
        rows = [
            {"file_name": f"images/{i}.png", "mask_file_name": f"masks/{i}.png", "note": "é"} for i in (1, 2)
        ]
        file = root / split / f"metadata.{suffix}"
        if suffix == "jsonl":
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif suffix == "csv":
            lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        else:
            pq.write_table(pa.Table.from_pylist(rows), file)
    tiny.dump(root / "id2label.json", NAMES)
    dataset = segbench.open_dataset(root)
    assert (dataset.format, dataset.splits) == ("hf", {"test": 2, "train": 2})
    sample = dataset.by_id("test/images/2")
    np.testing.assert_array_equal(sample.mask, tiny.masks()[2])
    assert (sample.image[0, 0, 0], sample.extra) == (20, {"hf": {"note": "é"}})


def test_panoptic_masks_have_segments(tmp_path):
    content, maps = tiny.panoptic(), tiny.segment_maps()
    rows = {
        "image_id": list(maps),
        "image": [cell(encode_image(np.zeros((3, *m.shape), np.uint8))) for m in maps.values()],
        "label": [cell(encode_segment_map(m)) for m in maps.values()],
        "segments_info": [a["segments_info"] for a in content["annotations"]],
    }
    pq.write_table(pa.table(rows), tmp_path / "validation.parquet")
    named = {str(c["id"]): {"name": c["name"], "isthing": c["isthing"]} for c in content["categories"]}
    tiny.dump(tmp_path / "id2label.json", named)
    dataset = segbench.open_dataset(tmp_path)
    truth = segbench.open_dataset(tiny.put_panoptic(tmp_path / "truth"))
    assert dataset.splits == {"validation": 2}
    assert [s.record_sha256 for s in dataset] == [s.record_sha256 for s in truth]
    assert [(c.name, c.key, c.isthing) for c in dataset.categories] == [
        (c.name, c.key, c.isthing) for c in truth.categories
    ]


def test_ids_are_guessed_with_a_note(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path, labels=None))
    assert len(dataset.categories) == 3
    assert dataset.notes == ("no id2label was given: 3 categories, as many as the largest id says",)
    options = {"num_classes": 7, "reduce_zero_label": True}
    reduced = segbench.open_dataset(tmp_path, options=options)
    mask = table()[1][0]
    np.testing.assert_array_equal(reduced[0].mask, np.where(mask == 255, 255, mask - np.uint8(1)))


def test_ids_of_rows_are_unique(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "a", id=[7, 8, 9]))
    assert dataset.image_ids == ["7", "8", "9"]
    assert segbench.open_dataset(put(tmp_path / "b", id=[7, 8, 8])).image_ids == ["000", "001", "002"]
    assert segbench.open_dataset(put(tmp_path / "c", key=["x", None, "y"])).image_ids[1] == "001"


def test_predictions_are_found_by_their_id(tmp_path):
    truth, backwards = put(tmp_path / "truth", id=[1, 2, 3]), tmp_path / "pred"
    rows = pq.read_table(truth / "data/train-00000-of-00001.parquet").take([2, 0, 1])
    backwards.mkdir()
    pq.write_table(rows, backwards / "a.parquet")
    record = segbench.score(truth, backwards, predictions_format="hf")
    assert record.metrics["miou"].value == 1
    pq.write_table(rows.slice(1), backwards / "a.parquet")
    with pytest.raises(DataError, match="image 3: there is no prediction for this image"):
        segbench.score(truth, backwards)


def test_it_becomes_the_canonical_form_which_datasets_opens(tmp_path):
    datasets = pytest.importorskip("datasets")
    root = put(tmp_path / "set", 4)
    segbench.convert(root, tmp_path / "out", packed=True)
    with pytest.raises(UsageError, match="hf is read only: --to segbench"):
        segbench.convert(root, tmp_path / "other", target_format="hf")
    first, last = segbench.open_dataset(root), segbench.open_dataset(tmp_path / "out")
    assert first.fingerprint == last.fingerprint
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"]
    np.testing.assert_array_equal(np.asarray(loaded[3]["mask"]), first[3].mask)


@pytest.mark.parametrize("packed", [False, True])
def test_the_canonical_form_is_one_too(packed, tmp_path):
    segbench.convert(put(tmp_path / "set", 4), tmp_path / "out", packed=packed)
    (tmp_path / "out/dataset.json").unlink()
    dataset = segbench.open_dataset(tmp_path / "out")
    assert (dataset.format, dataset.id2label) == ("hf", {0: "road", 1: "tree", 2: "sky"})
    for sample, mask in zip(dataset, table(4)[1], strict=True):
        np.testing.assert_array_equal(sample.mask, mask)


@pytest.mark.parametrize("way", ["save_to_disk", "to_parquet", "dict"])
def test_what_datasets_writes_is_what_datasets_reads(way, tmp_path):
    """Rows, pictures and names, held against ``datasets`` itself."""
    datasets = pytest.importorskip("datasets")
    found, _ = table(40)
    rows = datasets.Dataset.from_dict(
        {
            "picture": found["image"].to_pylist(),
            "mask": found["annotation"].to_pylist(),
            "n": list(range(40)),
        },
        features=datasets.Features(
            {"picture": datasets.Image(), "mask": datasets.Image(), "n": datasets.Value("int32")}
        ),
    )
    if way == "dict":
        rows = datasets.DatasetDict({"train": rows, "my split": rows.select([5, 3])})
        rows.save_to_disk(str(tmp_path / "set"))
        assert segbench.open_dataset(tmp_path / "set").splits == {"train": 40, "my split": 2}
        rows = rows["train"]
    elif way == "save_to_disk":
        rows = rows.shuffle(seed=1)
        rows.save_to_disk(str(tmp_path / "set"), num_shards=3)
    else:
        (tmp_path / "set").mkdir()
        rows.to_parquet(str(tmp_path / "set/test.parquet"), batch_size=7)
    ours = segbench.open_dataset(tmp_path / "set", options={"num_classes": 3})
    for index in random.Random(0).sample(range(40), 12):
        theirs = rows[index]
        np.testing.assert_array_equal(ours[index].mask, np.asarray(theirs["mask"]))
        np.testing.assert_array_equal(ours[index].image.transpose(1, 2, 0), np.asarray(theirs["picture"]))
        assert ours[index].extra["hf"]["n"] == theirs["n"]


def test_rows_are_read_a_few_at_a_time_in_any_order(tmp_path, monkeypatch):
    root = put(tmp_path, 200, row_group_size=90, n=list(range(200)))
    (file,) = root.glob("data/*")
    made = []
    batches = hf_tables.ParquetTable.rows

    def counted(self, start, columns):
        for row in batches(self, start, columns):
            made.append(row["n"])
            yield row

    monkeypatch.setattr(hf_tables.ParquetTable, "rows", counted)
    rows = hf_tables.Rows([hf_tables.ParquetTable(file)], ["n"])
    assert [rows[i][0]["n"] for i in range(200)] == list(range(200)) == made
    made.clear()
    order = [i for pair in zip(range(100), range(100, 200), strict=True) for i in pair]  # two threads
    assert [rows[i][0]["n"] for i in order] == order
    assert len(made) <= 200
    assert [rows[i][0]["n"] for i in (150, 3, 199, 0)] == [150, 3, 199, 0]


def test_datasets_is_not_needed(tmp_path):
    root = put(tmp_path)
    code = (
        "import sys, segbench; segbench.open_dataset(sys.argv[1])[0].mask; print('datasets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, root], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotation": [cell(None, "../x.png")]}, "a.parquet: image x: annotation: the path '../x.png'"),
        ({"annotation": [cell(None)]}, "there is no mask; open the splits that have one"),
        ({"annotation": [cell(b"GIF89a")]}, "is no PNG"),
        ({"annotation": [cell(encode_labels(np.uint8([[9]])))]}, "has the id 9, which is none of the 3"),
        ({"seg": [[[0, 1], [2]]]}, "is no rectangle of numbers"),
        ({"seg": [[[0, 70_000]]]}, "is no map of ids 0 to 65535"),
        ({"name": ["x"]}, "has no column of masks among image, name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, message, tmp_path):
    rows = {"image": [cell(None)], **change}
    kinds = {"image": PICTURE, "annotation": PICTURE}
    schema = pa.schema([(k, kinds.get(k) or pa.array(v).type) for k, v in rows.items()])
    pq.write_table(pa.table(rows, schema), tmp_path / "a.parquet")
    tiny.dump(tmp_path / "id2label.json", NAMES)
    with pytest.raises(DataError, match=message):
        assert segbench.open_dataset(tmp_path / "a.parquet", format="hf")[0].mask is None


def test_other_parquet_files_and_metadata_are_not_taken_for_it(tmp_path):
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    (tmp_path / "metadata.csv").write_text("file_name,text\na.png,x\n")
    for path in (tmp_path, tmp_path / "a.parquet"):
        with pytest.raises(DataError, match="is in no format that is known"):
            sniff(path)


def put_saved(root):
    """What ``save_to_disk`` writes, by hand."""
    found, _ = table()
    folder = root / "set"
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        with (
            pa.OSFile(str(folder / split / "data.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, found.schema) as out,
        ):
            out.write_table(found)
        tiny.dump(
            folder / split / "state.json", {"_data_files": [{"filename": "data.arrow"}], "_split": None}
        )
        tiny.dump(folder / split / "dataset_info.json", {"features": {"image": {"_type": "Image"}}})
    tiny.dump(folder / "id2label.json", NAMES)
    return tiny.dump(folder / "dataset_dict.json", {"splits": ["train", "test"]}).parent


def put_card(root):
    put(root / "set")
    card = "---\nconfigs:\n- config_name: default\n  data_files: {split: train, path: data/*}\n---\n"
    (root / "set/README.txt").write_text(card)
    (root / "set/README.txt").rename(root / "set/README.md")
    return root / "set"


def put_folder(root):
    tiny.put_pictures(root / "set/i")
    tiny.put_masks(root / "set/m")
    rows = [{"file_name": f"i/{i}.png", "mask_file_name": f"m/{i}.png"} for i in (1, 2)]
    (root / "set/metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tiny.dump(root / "set/id2label.json", NAMES)
    return root / "set"


def test_a_file_cut_while_it_is_read_is_named(tmp_path):
    root = put(tmp_path, 60, row_group_size=60)
    (file,) = root.glob("data/*")
    rows = hf_tables.Rows([hf_tables.ParquetTable(file)], ["image"])
    data = io.BytesIO(file.read_bytes())
    file.write_bytes(data.read()[:100])
    with pytest.raises(DataError, match="is no readable table, or damaged"):
        rows[0]
