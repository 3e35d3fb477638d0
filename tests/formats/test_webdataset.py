"""WebDataset: all that the canonical form holds comes back; hostile archives are refused."""

import io
import json
import tarfile

import numpy as np
import pytest
from formats import mutations, shapes, tiny

import segbench
from segbench.canonical.images import encode_image, encode_labels
from segbench.errors import DataError, UsageError
from segbench.formats import sniff, tar_shards, webdataset, webdataset_write

RED = encode_image(np.full((3, 4, 6), 9, np.uint8))
MASK = encode_labels(tiny.masks()[1])


def info(name, data=b"", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in fields.items():
        setattr(member, key, value)
    return member, data


def put_tar(file, *members):
    """A tar of ``(TarInfo, bytes)`` or ``(name, bytes)``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for head, data in members:
            member = info(head, data)[0] if isinstance(head, str) else head
            archive.addfile(member, io.BytesIO(data))
    return file


def put_foreign(root, ending="seg.png", n=2):
    masks = list(tiny.masks().values())
    pictures = [encode_image(np.full((3, *m.shape), i, np.uint8)) for i, m in enumerate(masks)]
    for split in ("train", "val"):
        members = [
            member
            for i in range(n)
            for member in (
                (f"{split}/{i}.jpg", pictures[i]),
                (f"{split}/{i}.{ending}", encode_labels(masks[i])),
                (f"{split}/{i}.json", json.dumps({"a": i}).encode()),
            )
        ]
        put_tar(root / f"{split}-000000.tar", *members)
    tiny.dump(root / "id2label.json", {"0": "road", "1": "tree", "2": "sky"})
    return root


SOURCES = {
    "labels": tiny.put_labels,
    "instances": tiny.put_instances,
    "panoptic": tiny.put_panoptic,
}


@pytest.mark.parametrize("name", SOURCES)
def test_all_comes_back(name, tmp_path):
    source = SOURCES[name](tmp_path / "set")
    report = segbench.convert(source, tmp_path / "tars", target_format="webdataset")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "tars"))
    assert (last.format, last.tasks, last.splits) == ("webdataset", first.tasks, first.splits)
    assert first.fingerprint == last.fingerprint
    assert (first.categories, first.extra, first.image_ids) == (last.categories, last.extra, last.image_ids)
    for a, b in zip(first, last, strict=True):
        assert a.record_sha256 == b.record_sha256
        assert (a.extra, a.source_path) == (b.extra, b.source_path)
        assert a.image_file.name == b.image_file.name
        assert a.image_file.read() == b.image_file.read()
        np.testing.assert_array_equal(a.mask, b.mask)
    segbench.convert(tmp_path / "tars", tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "again", target_format="webdataset")
    files = sorted(f.name for f in (tmp_path / "tars").iterdir())
    assert files == sorted(f.name for f in (tmp_path / "again").iterdir())
    for file in files:
        assert (tmp_path / "tars" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_every_kind_of_instance_comes_back(tmp_path):
    dataset = shapes.data_set(splits={"train": 1, "my val": 1})
    webdataset.write(dataset, tmp_path / "out")
    last = segbench.open_dataset(tmp_path / "out")
    assert last.splits == {"train": 1, "my val": 1}
    assert shapes.masks(last) == shapes.masks(dataset)
    assert [s.record_sha256 for s in last] == [s.record_sha256 for s in dataset]


@pytest.mark.parametrize(
    "name",
    [
        "coco_tiny/annotations/instances_val2017.json",
        "lightly_coco128/panoptic_segmentation/annotations/panoptic_train2017.json",
    ],
)
def test_real_data_comes_back(name, data_dir, tmp_path):
    segbench.convert(data_dir / name, tmp_path / "tars", target_format="webdataset", images="none")
    first, last = (segbench.open_dataset(path) for path in (data_dir / name, tmp_path / "tars"))
    assert first.fingerprint == last.fingerprint


def test_webdataset_reads_what_we_write(tmp_path):
    wds = pytest.importorskip("webdataset")
    from webdataset import tariterators

    segbench.convert(tiny.put_panoptic(tmp_path / "set"), tmp_path / "out", target_format="webdataset")
    dataset = segbench.open_dataset(tmp_path / "out")
    files = [
        {"url": str(file), "stream": file.open("rb")} for file in sorted((tmp_path / "out").glob("*.tar"))
    ]
    members = tariterators.tar_file_expander(files)
    samples = list(tariterators.group_by_keys(members))
    for file in files:
        file["stream"].close()
    assert [s["__key__"] for s in samples] == dataset.image_ids == ["1", "2"]
    for theirs, ours in zip(samples, dataset, strict=True):
        assert theirs["png"] == ours.image_file.read()
        mask = wds.autodecode.imagehandler("l8")("mask.png", theirs["mask.png"])
        np.testing.assert_array_equal(mask, ours.mask)
        assert json.loads(theirs["json"])["image_id"] == ours.image_id


@pytest.mark.parametrize("ending", ["seg.png", "mask.png", "label.png", "annotation.png", "png"])
def test_shards_of_others_are_read(ending, tmp_path):
    dataset = segbench.open_dataset(put_foreign(tmp_path / "set", ending))
    assert (dataset.format, dataset.splits) == ("webdataset", {"train": 2, "val": 2})
    assert dataset.image_ids == ["train/0", "train/1", "val/0", "val/1"]
    for i, mask in enumerate([*tiny.masks().values()] * 2):
        np.testing.assert_array_equal(dataset[i].mask, mask)
        assert dataset[i].image[0, 0, 0] == i % 2
        assert dataset[i].extra == {"webdataset": {"a": i % 2}}
    assert len(segbench.open_dataset(tmp_path / "set/val-000000.tar")) == 2


def test_unusual_endings_are_named_and_ids_are_guessed(tmp_path):
    file = put_tar(tmp_path / "a.tar", ("x.rgb.png", RED), ("x.classes.png", MASK))
    with pytest.raises(
        DataError, match=r"image x: has no mask among its members rgb.png, classes.png; name one"
    ):
        segbench.open_dataset(file, format="webdataset")
    options = {"image": "rgb.png", "mask": "classes.png"}
    dataset = segbench.open_dataset(file, format="webdataset", options=options)
    assert dataset.notes == ("no id2label was given: 2 categories, as many as the largest id says",)
    assert dataset[0].image.shape == (3, 4, 6)
    alone = segbench.open_dataset(put_tar(tmp_path / "b.tar", ("x.png", MASK)))
    assert alone[0].image_file is None
    np.testing.assert_array_equal(alone[0].mask, tiny.masks()[1])


def test_shards_are_of_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(webdataset_write, "SHARD_BYTES", 30_000)
    monkeypatch.setattr(webdataset_write, "SHARD_SAMPLES", 3)
    tiny.put_masks(tmp_path / "set", {f"{i:02d}": np.full((9, 9), i % 3, np.uint8) for i in range(8)})
    (tmp_path / "set/07.png").write_bytes(
        encode_labels(np.random.default_rng(0).integers(0, 3, (400, 400), np.uint8))
    )
    segbench.convert(tmp_path / "set", tmp_path / "out", target_format="webdataset", images="none")
    files = sorted((tmp_path / "out").glob("*.tar"))
    assert [file.name for file in files] == [f"train-00000{i}.tar" for i in range(4)]
    assert [len(tar_shards.read_shard(file)) for file in files] == [3, 3, 1, 1]
    assert (
        segbench.open_dataset(tmp_path / "out").fingerprint
        == segbench.open_dataset(tmp_path / "set").fingerprint
    )


def test_image_ids_that_are_no_names_come_back(tmp_path):
    ids = ["a.b", "A.B", "é/ü", "_x", "000000001", "Case", "case", "a b"]
    content = {**tiny.instances(), "annotations": [], "images": [
        {"id": name, "height": 2, "width": 3, "file_name": f"{i}.png"} for i, name in enumerate(ids)
    ]}  # fmt: skip
    source = tiny.dump(tmp_path / "instances_val.json", content)
    segbench.convert(source, tmp_path / "out", target_format="webdataset", images="none")
    last = segbench.open_dataset(tmp_path / "out")
    assert sorted(last.image_ids) == sorted(ids)
    assert segbench.open_dataset(source).fingerprint == last.fingerprint


def test_keys_are_unique_in_all_shards(tmp_path):
    """Tools unpack all shards into one folder, which may ignore case, or how accents are composed."""
    ids = {"train": ["case", "\u00e9"], "val": ["CASE", "e\u0301"]}
    for split, names in ids.items():
        images = [{"id": i, "height": 2, "width": 3, "file_name": f"{n}.png"} for n, i in enumerate(names)]
        content = {**tiny.instances(), "annotations": [], "images": images}
        tiny.dump(tmp_path / f"in/annotations/instances_{split}.json", content)
    segbench.convert(tmp_path / "in", tmp_path / "out", target_format="webdataset", images="none")
    keys = [tar_shards.read_shard(file).keys for file in sorted((tmp_path / "out").glob("*.tar"))]
    assert keys == [["case", "\u00e9"], ["000000002", "000000003"]]
    assert [*segbench.open_dataset(tmp_path / "out").image_ids] == ids["train"] + ids["val"]


def test_ours_is_read_without_options_and_missing_shards_are_named(tmp_path):
    segbench.convert(tiny.put_labels(tmp_path / "set"), tmp_path / "out", target_format="webdataset")
    with pytest.raises(UsageError, match="info.json says what the ids of .* mean"):
        segbench.open_dataset(tmp_path / "out", options={"num_classes": 3})
    assert len(segbench.open_dataset(tmp_path / "out/train-000000.tar")) == 2
    (tmp_path / "out/train-000000.tar").unlink()
    with pytest.raises(DataError, match=r"train-000000.tar: is missing, and info.json names it"):
        segbench.open_dataset(tmp_path / "out")


def huge(file):
    """A member that states 8 GB."""
    member, _ = info("a.jpg")
    member.size = 8 << 30
    file.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(2048))


def sparse_bomb(file):
    """A member of a gigabyte that says it is all holes."""
    member, _ = info("a.mask.png")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 0
    head = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    head[483:495] = b"77777777777\0"
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    file.write_bytes(bytes(head) + bytes(2048))


def damaged_header(file):
    put_tar(file, ("a.jpg", RED), ("a.mask.png", MASK), ("b.jpg", RED))
    data = bytearray(file.read_bytes())
    data[1024 + 3] ^= 255
    file.write_bytes(data)


def after_the_end(file):
    put_tar(file, ("a.jpg", RED), ("a.mask.png", MASK))
    file.write_bytes(2 * file.read_bytes())


def cut(file):
    put_tar(file, ("a.jpg", RED), ("a.mask.png", MASK))
    file.write_bytes(file.read_bytes()[:1100])


def packed(file):
    import gzip

    put_tar(file, ("a.jpg", RED))
    file.write_bytes(gzip.compress(file.read_bytes()))


NO_FILE = "is a link, a device or a sparse file"
HOSTILE = {
    "climbs": ([("../a.mask.png", MASK)], "'../a.mask.png' leads out of its folder"),
    "absolute": ([("/etc/a.mask.png", MASK)], "'/etc/a.mask.png' leads out of its folder"),
    "drive": ([("C:/a.mask.png", MASK)], "leads out of its folder"),
    "link": ([info("a.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")], NO_FILE),
    "hard link": ([info("a.png", type=tarfile.LNKTYPE, linkname="b")], NO_FILE),
    "device": ([info("a.mask.png", type=tarfile.CHRTYPE)], NO_FILE),
    "duplicate": ([("a.mask.png", MASK), ("a.mask.png", MASK)], "image a: has two members 'a.mask.png'"),
    "duplicate by case": ([("a.mask.png", MASK), ("a.MASK.png", MASK)], "has two members 'a.MASK.png'"),
    "key in two places": ([("a.png", MASK), ("b.png", MASK), ("a.jpg", RED)], "image a: members of"),
    "huge": (huge, "states 8589934592 bytes, more than the archive has"),
    "sparse": (sparse_bomb, f"{NO_FILE}|no readable tar"),
    "damaged header": (damaged_header, "no member begins at byte 1024"),
    "after the end": (after_the_end, "goes on after its end"),
    "cut": (cut, "is no readable tar, or damaged|no member begins at byte 1024"),
    "compressed": (packed, "it is compressed: unpack it to a plain .tar first"),
    "no samples": ([("README", b"x")], "holds no images"),
    "mask missing": ([("a.jpg", RED)], "image a: has no mask among its members jpg"),
    "json is none": ([("a.png", MASK), ("a.json", b"[")], "image a: json: is not valid JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_nothing_is_written(name, tmp_path):
    members, message = HOSTILE[name]
    file = tmp_path / "a.tar"
    members(file) if callable(members) else put_tar(file, *members)
    with pytest.raises(DataError, match=message):
        segbench.convert(file, tmp_path / "out", source_format="webdataset", images="none")
    assert list(tmp_path.iterdir()) == [file]


def test_a_large_member_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_shards, "MAX_MEMBER", 10)
    with pytest.raises(DataError, match=r"a.tar: member 'a.mask.png': has \d+ bytes; at most 10 are read"):
        tar_shards.read_shard(put_tar(tmp_path / "a.tar", ("a.mask.png", MASK)))


def put_ours(root, make):
    segbench.convert(make(root / "set"), root / "out", target_format="webdataset")
    return root / "out"


MADE = {
    "foreign": lambda root: put_foreign(root / "set"),
    "instances": lambda root: put_ours(root, tiny.put_instances),
    "panoptic": lambda root: put_ours(root, tiny.put_panoptic),
}


@pytest.mark.parametrize("name", MADE)
def test_spoilt_archives_are_refused_with_an_error_of_our_own(name, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    refused = mutations.check(
        MADE[name], tmp_path, format_name="webdataset", n=70, suffixes=(".tar", "info.json")
    )
    assert refused > 15


@pytest.mark.parametrize("make", [tiny.put_instances, tiny.put_panoptic])
def test_spoilt_records_are_refused_with_an_error_of_our_own(make, tmp_path, monkeypatch):
    """The JSON of one sample spoilt, and the tar written again."""
    import random

    monkeypatch.setattr("os.fsync", lambda _: None)
    folder = put_ours(tmp_path / "set", make)
    with tarfile.open(folder / "val-000000.tar") as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive]
    refused = 0
    for seed in range(100):
        rng = random.Random(seed)
        spoilt = [
            (name, mutations.spoil_json(json.loads(data), rng) if name == "1.json" else data)
            for name, data in members
        ]
        put_tar(folder / "val-000000.tar", *spoilt)
        try:
            segbench.convert(folder, tmp_path / "target", overwrite=True, images="none")
        except DataError:
            refused += 1
    assert refused > 30


def test_other_tars_are_not_taken_for_it(tmp_path):
    put_tar(tmp_path / "a.tar", ("a.txt", b"x"))
    with pytest.raises(DataError, match="is in no format that is known"):
        sniff(tmp_path / "a.tar")
