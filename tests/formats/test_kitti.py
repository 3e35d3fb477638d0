"""KITTI's maps: label and object in one value, crowds where no object is told, results as its README says."""

import numpy as np
import pytest
from formats import shapes, tiny

import segbench
from segbench.canonical.images import decode_labels, decode_segment_map, encode_image, encode_labels
from segbench.canonical.place import place
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import open_predictions, sniff

CAR, PERSON, ROAD, STATIC, BUILDING = 26, 24, 7, 4, 11
SEMANTIC = np.uint8([[CAR, CAR, CAR, 0], [PERSON, ROAD, STATIC, BUILDING], [CAR, ROAD, ROAD, BUILDING]])
NUMBERS = np.uint8([[1, 1, 255, 0], [0, 0, 0, 3], [0, 0, 0, 0]])
VALUES = SEMANTIC.astype(np.uint16) * 256 + NUMBERS
NAME = "000000_10"


def put(root, kinds=("instance", "semantic"), *, values=VALUES, semantic=SEMANTIC, split="training"):
    for kind in kinds:
        ids = values if kind == "instance" else semantic
        place(root / f"{split}/{kind}/{NAME}.png", encode_labels(ids))
    place(root / f"{split}/image_2/{NAME}.png", encode_image(np.zeros((3, *SEMANTIC.shape), np.uint8)))
    return root


def written(root, kind):
    return decode_labels((root / f"training/{kind}/{NAME}.png").read_bytes())


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="kitti")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_a_value_is_a_label_and_an_object(tmp_path):
    """Things of number 0 are crowds; numbers of stuff are kept; what no evaluation looks at is ignored."""
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits, dataset.image_ids) == ("kitti", {"training": 1}, [NAME])
    (sample,) = dataset
    found = {s.id: (dataset.id2label[s.category_id], s.iscrowd, s.ignore) for s in sample.segments}
    assert found == {
        26 * 256 + 1: ("car", False, False), 26 * 256 + 255: ("car", False, False),
        24 * 256: ("person", True, False), 26 * 256: ("car", True, False), 7 * 256: ("road", False, False),
        4 * 256: ("static", False, True), 11 * 256 + 3: ("building", False, False),
        11 * 256: ("building", False, False),
    }  # fmt: skip
    np.testing.assert_array_equal(sample.segment_map, VALUES)
    np.testing.assert_array_equal(sample.mask, np.where(np.isin(SEMANTIC, [0, STATIC]), 255, SEMANTIC))
    assert sample.image.shape == (3, *SEMANTIC.shape)


def test_all_maps_come_back_pixel_by_pixel(tmp_path):
    """What is written is taken apart as the README of the devkit does it."""
    root = back(put(tmp_path / "set"), tmp_path)
    both = written(root, "instance")
    np.testing.assert_array_equal(both // 256, SEMANTIC)
    np.testing.assert_array_equal(both % 256, NUMBERS)
    np.testing.assert_array_equal(written(root, "semantic"), SEMANTIC)
    colors = decode_segment_map((root / f"training/semantic_rgb/{NAME}.png").read_bytes())
    assert colors[0, 0] == 142 << 16
    assert not (root / "labels.json").exists()
    assert (root / f"training/image_2/{NAME}.png").is_file()


def test_maps_of_labels_come_back(tmp_path):
    source = put(tmp_path / "set", ["semantic"])
    assert segbench.open_dataset(source).tasks == ("semantic",)
    root = back(source, tmp_path)
    np.testing.assert_array_equal(written(root, "semantic"), SEMANTIC)
    assert not (root / "training/instance").exists()


def test_objects_can_be_read_as_instances(tmp_path):
    (sample,) = segbench.open_dataset(put(tmp_path), options={"instances": True})
    assert [(s.id // 256, s.id % 256, s.iscrowd) for s in sample.segments] == [
        (PERSON, 0, True), (CAR, 0, True), (CAR, 1, False), (CAR, 255, False),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="instances=true needs the annotation instance; here is semantic"):
        segbench.open_dataset(tmp_path, options={"instances": True, "annotation": "semantic"})


@pytest.mark.parametrize(("kind", "scored_only"), [("instance", False), ("semantic", True)])
def test_labels_that_are_not_scored_are_ignored_or_not(kind, scored_only, tmp_path):
    options = {"annotation": kind, "scored_only": scored_only}
    mask = segbench.open_dataset(put(tmp_path), options=options)[0].mask
    ignored = [0, STATIC] if scored_only else [0]
    np.testing.assert_array_equal(mask, np.where(np.isin(SEMANTIC, ignored), 255, SEMANTIC))


def test_instances_of_other_data_sets(tmp_path):
    """An object beyond the 255 that there are numbers for joins its class, and is announced."""
    source = tiny.put_instances(tmp_path)
    with pytest.raises(LossError, match="pixels that several objects cover: 4"):
        segbench.convert(source, tmp_path / "out", target_format="kitti")
    report = segbench.convert(source, tmp_path / "out", target_format="kitti", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses} == {
        "overlap": 4, "polygons": 1, "ids": 3, "stated": 3, "attributes": 1, "extra": 2, "about": 2,
    }  # fmt: skip
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert [c.name for c in read.categories] == ["cat", "dog", "grass"]
    for ours, theirs in zip(read, truth, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert [(s.id, s.iscrowd) for s in read[1].segments] == [(3 * 256, True)]
    many = shapes.data_set(
        tuple(
            shapes.Segment(
                id=i, category_id=0, source_kind="rle",
                rle=shapes.Rle.from_mask(np.eye(1, 620, i, dtype=np.uint8).reshape(shapes.SIZE)),
            )
            for i in range(1, 259)
        )
    )  # fmt: skip
    report = segbench.convert(many, tmp_path / "x", target_format="kitti", dry_run=True)
    assert {loss.feature: loss.count for loss in report.losses}["instances"] == 3


def test_results_are_masks_with_scores_or_maps(tmp_path):
    """``pred_list`` names masks of ``../pred_img``; a path out of the results is refused."""
    truth = segbench.open_dataset(put(tmp_path / "set"), options={"instances": True})
    place(tmp_path / "results/pred_img/a.png", encode_labels((VALUES == 26 * 256 + 1).astype(np.uint8)))
    text = tmp_path / f"results/pred_list/{NAME}.txt"
    place(text, b"../pred_img/a.png 026 0.976347\n")
    (sample,) = open_predictions(tmp_path / "results", truth, format="kitti")
    assert [(s.category_id, s.score) for s in sample.segments] == [(26, 0.976347)]
    np.testing.assert_array_equal(sample.segments[0].rle.to_mask(), VALUES == 26 * 256 + 1)
    text.write_text("../../a.png 26 1\n")
    with pytest.raises(DataError, match="leads out of its folder"):
        _ = open_predictions(tmp_path / "results", truth, format="kitti")[0]
    place(tmp_path / f"maps/{NAME}.png", encode_labels(VALUES))
    (sample,) = open_predictions(tmp_path / "maps", truth, format="kitti")
    np.testing.assert_array_equal(sample.segment_map, VALUES)


@pytest.mark.parametrize("kinds", [("instance",), ("semantic",)])
def test_it_is_recognised(kinds, tmp_path):
    assert sniff(put(tmp_path, kinds)) == "kitti"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": VALUES + np.uint16(16 * 256)}, "instance: has the value .*, which names no label"),
        ({"kinds": ["semantic"], "semantic": SEMANTIC + np.uint8(9)}, "semantic: has the value 35, which"),
    ],
)
def test_damage_is_named(change, message, tmp_path):
    with pytest.raises(DataError, match=f"{NAME}.png: image {NAME}: {message}"):
        _ = segbench.open_dataset(put(tmp_path, **change))[0]


def test_options_are_checked(tmp_path):
    with pytest.raises(UsageError, match="annotation must be one of instance, semantic, not 'instances'"):
        segbench.open_dataset(put(tmp_path), options={"annotation": "instances"})
    with pytest.raises(DataError, match="holds no <split>/semantic/"):
        segbench.open_dataset(put(tmp_path / "x", ["instance"]), options={"annotation": "semantic"})
