"""Mapillary Vistas: values and labels of its config, both versions, its panoptic JSON."""

from dataclasses import replace

import numpy as np
import pytest
from formats import mutations, shapes, tiny

import segbench
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_labels, encode_image, encode_labels, encode_segment_map
from segbench.canonical.place import place
from segbench.canonical.rle import Rle
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import mapillary, sniff
from segbench.formats.value_maps import ZERO_ID

VALUES = np.uint16([[0, 1, 256, 256], [512, 512 + 255, 768, 769]])
LABELS = np.uint8([[0, 0, 1, 1], [2, 2, 3, 3]])
ROWS = [
    ("animal--bird", True, True), ("nature--sky", False, True), ("object--car", True, True),
    ("void--unlabeled", False, False),
]  # fmt: skip


def config(rows=ROWS):
    return {
        "version": "1.2", "mapping": "public", "labels": [
            {"name": n, "readable": n.title(), "instances": i, "evaluate": e, "color": [k, 9, 0]}
            for k, (n, i, e) in enumerate(rows)
        ],
    }  # fmt: skip


def put(root, values=VALUES, labels=LABELS, *, part="", rows=ROWS):
    for kind, ids in (("instances", values), ("labels", labels)):
        if ids is not None:
            place(root / f"training/{part}{kind}/a_B.png", encode_labels(ids))
    place(root / "training/images/a_B.png", encode_image(np.zeros((3, *LABELS.shape), np.uint8)))
    tiny.dump(root / (f"config_{part[:-1]}.json" if part else "config.json"), config(rows))
    return root


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="mapillary")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def written(root, kind):
    return decode_labels((root / f"training/{kind}/a_B.png").read_bytes())


@pytest.mark.parametrize("part", ["", "v1.2/", "v2.0/"])
def test_values_are_classes_and_objects(part, tmp_path):
    """The value 0 is a bird, not void; 16 bits stay 16 bits."""
    dataset = segbench.open_dataset(put(tmp_path, part=part))
    assert (dataset.format, dataset.splits, dataset.image_ids) == ("mapillary", {"training": 1}, ["a_B"])
    assert [(c.name, c.key, c.isthing, c.color) for c in dataset.categories] == [
        (n, k, i, (k, 9, 0)) for k, (n, i, _) in enumerate(ROWS[:3])
    ]  # fmt: skip
    (sample,) = dataset
    assert [(s.id, s.category_id) for s in sample.segments] == [
        (ZERO_ID, 0), (1, 0), (256, 1), (512, 2), (767, 2),
    ]  # fmt: skip
    np.testing.assert_array_equal(sample.mask, np.where(LABELS == 3, 255, LABELS))
    assert sample.image.shape == (3, 2, 4)


def test_all_comes_back_pixel_by_pixel(tmp_path):
    source = put(tmp_path / "set", np.where(VALUES == 769, 768, VALUES))
    root = back(source, tmp_path)
    np.testing.assert_array_equal(written(root, "instances"), np.where(VALUES == 769, 768, VALUES))
    np.testing.assert_array_equal(written(root, "labels"), LABELS)
    assert tiny.load(root / "config.json") == config()


def test_labels_alone_come_back(tmp_path):
    source = put(tmp_path / "set", None)
    assert segbench.open_dataset(source).tasks == ("semantic",)
    root = back(source, tmp_path)
    np.testing.assert_array_equal(written(root, "labels"), LABELS)
    assert not (root / "training/instances").exists()


def test_void_may_be_any_class(tmp_path):
    rows, shifted = [ROWS[3], *ROWS[:3]], np.repeat(VALUES[:1] + np.uint16(256), 2, 0)
    source = put(tmp_path / "set", shifted, None, rows=rows)
    root = back(source, tmp_path)
    np.testing.assert_array_equal(written(root, "instances"), shifted)
    assert tiny.load(root / "config.json") == config(rows)


@pytest.mark.parametrize("version", ["v1.2", "v2.0"])
def test_mmsegmentations_samples(version, data_dir, tmp_path):
    file = next((data_dir / f"mmseg_testdata/tests/data/pseudo_mapillary_dataset/{version}").glob("*.png"))
    rows = [(f"class--{i}", False, True) for i in range(123)] + [ROWS[3]]
    root = put(tmp_path / "set", None, None, part=f"{version}/", rows=rows)
    place(root / f"training/{version}/labels/a_B.png", file.read_bytes())
    segbench.convert(root, tmp_path / "out", target_format="mapillary", images="none")
    np.testing.assert_array_equal(written(tmp_path / "out", "labels"), decode_labels(file.read_bytes()))


def test_panoptic_is_read_by_name(tmp_path):
    root = put(tmp_path)
    ids = np.int32([[5, 5, 7, 0]] * 2)
    place(root / "training/panoptic/a_B.png", encode_segment_map(ids))
    content = {
        "images": [{"id": "a_B", "file_name": "a_B.png", "height": 2, "width": 4}],
        "categories": [{"id": 1, "name": "bird", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}],
        "annotations": [
            {"image_id": "a_B", "file_name": "a_B.png", "segments_info": [
                {"id": 5, "category_id": 1, "iscrowd": 0, "area": 4, "bbox": [0, 0, 2, 2]},
                {"id": 7, "category_id": 2, "iscrowd": 0, "area": 2, "bbox": [2, 0, 1, 2]},
            ]}
        ],
    }  # fmt: skip
    tiny.dump(root / "training/panoptic/panoptic_2018.json", content)
    dataset = segbench.open_dataset(root, options={"annotation": "panoptic"})
    assert dataset.splits == {"training": 1}
    np.testing.assert_array_equal(dataset[0].segment_map, ids)
    assert dataset[0].image.shape == (3, 2, 4)


def test_objects_can_be_read_as_instances(tmp_path):
    (sample,) = segbench.open_dataset(put(tmp_path), options={"instances": True})
    assert [s.id for s in sample.segments] == [ZERO_ID, 1, 512, 767]
    np.testing.assert_array_equal(sample.segments[0].rle.to_mask(), VALUES == 0)
    with pytest.raises(UsageError, match="instances=true needs the annotation instances; here are labels"):
        segbench.open_dataset(tmp_path, options={"instances": True, "annotation": "labels"})


def test_instances_of_other_data_sets(tmp_path):
    source = tiny.put_instances(tmp_path)
    with pytest.raises(LossError, match="pixels that several objects cover: 4"):
        segbench.convert(source, tmp_path / "out", target_format="mapillary")
    report = segbench.convert(source, tmp_path / "out", target_format="mapillary", allow_loss=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    expected = {"overlap": 4, "crowd": 1, "ids": 1, "category_ids": 3, "polygons": 1, "stated": 3}
    assert {k: counts[k] for k in expected} == expected
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert read.splits == {"val": 2}
    for ours, theirs in zip(read, truth, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert [s.id for s in read[0].segments] == [11, 256]


def test_there_is_room_for_256_objects_and_255_classes(tmp_path):
    segment = shapes.instances()[0]
    rles = [Rle.from_mask(np.eye(1, 620, i, dtype=np.uint8).reshape(shapes.SIZE)) for i in range(258)]
    dataset = shapes.data_set(tuple(replace(segment, id=70_000 + i, rle=r) for i, r in enumerate(rles)))
    report = segbench.convert(dataset, tmp_path / "x", target_format="mapillary", dry_run=True)
    assert {loss.feature: loss.count for loss in report.losses}["instances"] == 2
    many = Dataset(
        name="x", categories=Categories.from_id2label({i: f"c{i}" for i in range(300)}),
        image_ids=dataset.image_ids, load=dataset.__getitem__, tasks=("instance",),
    )  # fmt: skip
    report = segbench.convert(many, tmp_path / "x", target_format="mapillary", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses}["wide_ids"] == 45
    assert len(segbench.open_dataset(tmp_path / "x").categories) == 255


@pytest.mark.parametrize("name", ["cat", "void--unlabeled"])
def test_names_stand_once(name, tmp_path):
    dataset, categories = shapes.data_set(), Categories.from_id2label({0: "cat", 1: name, 2: "x"})
    twice = Dataset(
        name="x", categories=categories, image_ids=dataset.image_ids,
        load=dataset.__getitem__, tasks=("instance",),
    )  # fmt: skip
    with pytest.raises(DataError, match=f"categories: '{name}' stands twice, or is void"):
        mapillary.write(twice, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_predictions_are_labels(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "set"))
    place(tmp_path / "pred/a_B.png", encode_labels(LABELS))
    (sample,) = mapillary.read_predictions(tmp_path / "pred", truth)
    np.testing.assert_array_equal(sample.mask, truth[0].mask)


def test_it_is_recognised(tmp_path):
    assert sniff(put(tmp_path / "a")) == sniff(put(tmp_path / "b", part="v2.0/")) == "mapillary"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": VALUES + np.uint16(256)}, "instances: has the value 1024, which names no label"),
        ({"values": None, "labels": LABELS + np.uint8(1)}, "mask: has the value 4, which is none of"),
    ],
)
def test_damage_is_named(change, message, tmp_path):
    with pytest.raises(DataError, match=f"a_B.png: image a_B: {message}"):
        _ = segbench.open_dataset(put(tmp_path, **change))[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"labels": 5}, "labels: is missing, or no list"),
        ({"labels": []}, "labels: has 0 labels; 1 to 256 fit 8 bits"),
        ({"labels": [{"name": "a"}]}, r"labels\[0\].instances: is missing, or no bool"),
        (
            {"labels": [{"name": "a", "instances": True, "color": [1, 2]}]},
            r"labels\[0\].color: is no \[r, g, b\]",
        ),
        (config([ROWS[0], ROWS[0]]), "labels: a name stands twice"),
    ],
)
def test_the_config_is_checked(content, message, tmp_path):
    root = put(tmp_path)
    tiny.dump(root / "config.json", content)
    with pytest.raises(DataError, match=f"config.json: {message}"):
        segbench.open_dataset(root)


def test_options_are_checked(tmp_path):
    with pytest.raises(UsageError, match="version must be one of v2.0, v1.2, not 'v2'. Did you mean 'v2.0'"):
        segbench.open_dataset(put(tmp_path), options={"version": "v2"})
    with pytest.raises(DataError, match="holds no <split>/panoptic/"):
        segbench.open_dataset(tmp_path, options={"annotation": "panoptic"})
    (tmp_path / "config.json").unlink()
    with pytest.raises(DataError, match="there is no config.json, which names the labels"):
        segbench.open_dataset(tmp_path, format="mapillary")


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="mapillary", n=200) > 20
