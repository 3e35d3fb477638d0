"""BDD100K: words of class, flags and object, its own way to read them restated, and its five tasks."""

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.dataset import concat
from segbench.canonical.images import decode_labels, encode_image, encode_labels, encode_words
from segbench.canonical.place import place
from segbench.errors import DataError, LossError, UsageError
from segbench.formats import load_format, open_predictions, sniff
from segbench.formats.bdd100k_labels import TASKS
from segbench.formats.value_maps import ZERO_ID
from segbench.kernels import LabelRuns

NAME = "7d2f7975-e0c1c5a7"


def word(key, number, flags=0):
    return key << 24 | flags << 16 | number


PIXELS = np.uint32([
    [0, word(3, 1), word(3, 300, 8), word(3, 300, 8)],
    [word(1, 2, 3), word(8, 65_535, 4 + 2), word(3, 1), word(200 % 7, 7, 15)],
])  # fmt: skip
PANOPTIC = np.uint32([[word(7, 7), word(35, 31), word(35, 32)], [word(30, 30), 0, word(7, 7)]])


def put(root, task="ins_seg", words=PIXELS, name=NAME, split="val"):
    words = LabelRuns.of(words)
    place(root / f"labels/{task}/bitmasks/{split}/{name}.png", encode_words(words))
    folder = "seg_track_20" if task == "seg_track_20" else "10k"
    place(root / f"images/{folder}/{split}/{name}.png", encode_image(np.zeros((3, *words.shape), np.uint8)))
    return root


def put_masks(root, ids, task="sem_seg"):
    place(root / f"labels/{task}/masks/train/{NAME}.png", encode_labels(ids))
    folder = "100k" if task == "drivable" else "10k"
    place(root / f"images/{folder}/train/{NAME}.png", encode_image(np.zeros((3, *ids.shape), np.uint8)))
    return root


def parse_bitmask(file):
    """As bdd100k's ``parse_bitmask`` takes a file apart, with what it asserts."""
    with Image.open(file) as picture:
        assert picture.mode == "RGBA"
        pixels = np.array(picture).astype(np.int32)
    classes, flags, numbers = pixels[:, :, 0], pixels[:, :, 1], (pixels[:, :, 2] << 8) + pixels[:, :, 3]
    found = {}
    for number in np.unique(numbers[numbers >= 1]).tolist():
        (flag,), (key,) = np.unique(flags[numbers == number]), np.unique(classes[numbers == number])
        found[number] = (int(key), int(flag), (numbers == number).tolist())
    return found


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="bdd100k")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    assert first.categories == last.categories
    return tmp_path / "back"


def test_alpha_is_data(tmp_path):
    """Numbers of 16 bits stand in blue and alpha, flags in green; the background is no void."""
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits, dataset.tasks) == ("bdd100k", {"val": 1}, ("instance",))
    assert [(c.name, c.key, c.isthing) for c in dataset.categories][:3] == [
        ("pedestrian", 1, True), ("rider", 2, True), ("car", 3, True),
    ]  # fmt: skip
    (sample,) = dataset
    assert [(s.id, s.category_id, s.iscrowd, s.ignore, dict(s.attributes)) for s in sample.segments] == [
        (1, 2, False, False, {}), (2, 0, True, True, {}),
        (7, 3, True, True, {"occluded": True, "truncated": True}),
        (300, 2, False, False, {"truncated": True}), (65_535, 7, True, False, {"occluded": True}),
    ]  # fmt: skip
    for s in sample.segments:
        np.testing.assert_array_equal(s.rle.to_mask(), s.id == PIXELS & 0xFFFF)
    assert sample.image.shape == (3, 2, 4)


def test_objects_come_back_byte_by_byte(tmp_path):
    source = put(tmp_path / "set")
    root = back(source, tmp_path)
    file = f"labels/ins_seg/bitmasks/val/{NAME}.png"
    assert parse_bitmask(root / file) == parse_bitmask(source / file)
    assert (root / f"images/10k/val/{NAME}.png").is_file()
    assert not (root / "config.toml").exists()


def test_whole_pictures_come_back(tmp_path):
    source = put(tmp_path / "set", "pan_seg", PANOPTIC)
    (sample,) = dataset = segbench.open_dataset(source)
    assert dataset.tasks == ("panoptic", "semantic")
    assert [(s.id, dataset.id2label[s.category_id]) for s in sample.segments] == [
        (7, "road"), (30, "sky"), (31, "car"), (32, "car"),
    ]  # fmt: skip
    assert [c.isthing for c in dataset.categories] == [False] * 30 + [True] * 10
    np.testing.assert_array_equal(sample.segment_map, PANOPTIC & 0xFFFF)
    root = back(source, tmp_path)
    assert parse_bitmask(root / f"labels/pan_seg/bitmasks/val/{NAME}.png")[31][0] == 35


def test_videos_keep_their_tracks(tmp_path):
    for i in (1, 2):
        put(tmp_path / "set", "seg_track_20", name=f"{NAME}/{NAME}-{i:07d}")
    dataset = segbench.open_dataset(tmp_path / "set")
    assert [(x.video_id, x.frame) for x in dataset] == [(NAME, 0), (NAME, 1)]
    assert [s.track_id for s in dataset[1].segments] == [1, 2, 7, 300, 65_535]
    root = back(tmp_path / "set", tmp_path)
    assert (root / f"labels/seg_track_20/bitmasks/val/{NAME}/{NAME}-0000002.png").is_file()
    assert (root / f"images/seg_track_20/val/{NAME}/{NAME}-0000002.png").is_file()
    again = segbench.open_dataset(root)
    assert again.image_ids == dataset.image_ids
    assert [s.track_id for s in again[1].segments] == [1, 2, 7, 300, 65_535]


def test_an_object_of_number_0_keeps_it(tmp_path):
    """bdd100k's own sample of videos has one; its ``to_coco`` reads it, its evaluation does not."""
    put(tmp_path / "set", "seg_track_20", np.uint32([[word(3, 0), word(1, 5), 0]]), f"{NAME}/{NAME}-0000001")
    (sample,) = segbench.open_dataset(tmp_path / "set")
    assert [(s.id, s.track_id, s.category_id) for s in sample.segments] == [(5, 5, 0), (ZERO_ID, 0, 2)]
    root = back(tmp_path / "set", tmp_path)
    file = f"labels/seg_track_20/bitmasks/val/{NAME}/{NAME}-0000001.png"
    assert (root / file).read_bytes() == (tmp_path / "set" / file).read_bytes()


@pytest.mark.parametrize(("task", "void", "names"), [("sem_seg", 255, 19), ("drivable", 2, 2)])
def test_label_maps_come_back(task, void, names, tmp_path):
    ids = np.uint8([[0, 1, void], [1, 1, 0]])
    source = put_masks(tmp_path / "set", ids, task)
    (sample,) = dataset = segbench.open_dataset(source)
    assert len(dataset.categories) == names
    np.testing.assert_array_equal(sample.mask, np.where(ids == void, 255, ids))
    root = back(source, tmp_path)
    data = (root / f"labels/{task}/masks/train/{NAME}.png").read_bytes()
    np.testing.assert_array_equal(decode_labels(data), ids)


def test_instances_of_other_data_sets(tmp_path):
    """Flags hold crowds, ``config.toml`` names and kinds."""
    content = tiny.instances()
    content["annotations"][1] |= {"id": 70_000, "ignore": 1}
    content["categories"][1] |= {"isthing": 1, "name": 'a "dog"\t\x7f'}
    source = tiny.put_instances(tmp_path, content)
    with pytest.raises(LossError, match="pixels that several objects cover: 4"):
        segbench.convert(source, tmp_path / "out", target_format="bdd100k")
    report = segbench.convert(source, tmp_path / "out", target_format="bdd100k", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses} == {
        "overlap": 4, "polygons": 1, "ids": 1, "category_ids": 3, "category_fields": 3, "stated": 3,
        "attributes": 2, "extra": 2, "about": 2,
    }  # fmt: skip
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert [(c.name, c.isthing) for c in read.categories] == [(c.name, c.isthing) for c in truth.categories]
    assert [(s.id, s.iscrowd, s.ignore) for x in read for s in x.segments] == [
        (1, False, True), (11, False, False), (13, True, False),
    ]  # fmt: skip


def test_a_data_set_is_of_videos_or_not(tmp_path):
    put(tmp_path / "ins_seg", split="train")
    put(tmp_path / "seg_track_20", "seg_track_20", name=f"{NAME}/{NAME}-0000001")
    parts = [segbench.open_dataset(tmp_path / task) for task in ("ins_seg", "seg_track_20")]
    with pytest.raises(DataError, match="video_id: is in a video, or is not, unlike the first image"):
        load_format("bdd100k").write(concat(parts, "x", tmp_path), tmp_path / "out")


def test_predictions_are_label_maps(tmp_path):
    ids = np.uint8([[0, 1, 255]])
    truth = segbench.open_dataset(put_masks(tmp_path / "set", ids))
    place(tmp_path / f"pred/{NAME}.png", encode_labels(ids))
    (sample,) = open_predictions(tmp_path / "pred", truth, format="bdd100k")
    np.testing.assert_array_equal(sample.mask, ids)


def test_predictions_are_bitmasks_with_scores(tmp_path):
    """Of objects those that the JSON lists; on bdd100k's own samples AP and PQ are what its tests assert."""
    truth = segbench.open_dataset(put(tmp_path / "set"))
    place(tmp_path / f"pred/{NAME}.png", encode_words(LabelRuns.of(PIXELS)))
    rows = [{"name": f"{NAME}.png", "labels": [{"index": 300, "score": 0.5}, {"index": 1, "score": 1}]}]
    tiny.dump(tmp_path / "pred/scores.json", rows)
    (sample,) = open_predictions(tmp_path / "pred", truth, format="bdd100k")
    assert [(s.id, s.score) for s in sample.segments] == [(1, 1.0), (300, 0.5)]
    np.testing.assert_array_equal(sample.segments[1].rle.to_mask(), PIXELS & 0xFFFF == 300)
    record = segbench.score(truth, tmp_path / "pred", task="instance", predictions_format="bdd100k")
    assert record.metrics["ap"].value == pytest.approx(1)
    rows[0]["labels"][0]["score"] = "high"
    tiny.dump(tmp_path / "pred/scores.json", rows)
    with pytest.raises(DataError, match=r"scores.json: frames\[0\].labels\[0\]: has no index and score"):
        open_predictions(tmp_path / "pred", truth, format="bdd100k")


def test_predictions_of_whole_pictures_are_bitmasks(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "set", "pan_seg", PANOPTIC))
    place(tmp_path / f"pred/val/{NAME}.png", encode_words(LabelRuns.of(PANOPTIC)))
    record = segbench.score(truth, tmp_path / "pred", task="panoptic", predictions_format="bdd100k")
    assert record.metrics["pq"].value == 1
    place(tmp_path / f"pred/val/{NAME}.png", encode_image(np.zeros((3, 2, 3), np.uint8)))
    with pytest.raises(DataError, match="has 3 channels where a label map|there is no prediction"):
        _ = open_predictions(tmp_path / "pred", truth, format="bdd100k")[0]


@pytest.mark.parametrize("task", ["ins_seg", "pan_seg", "seg_track_20", "sem_seg"])
def test_it_is_recognised(task, tmp_path):
    if task == "sem_seg":
        put_masks(tmp_path, np.zeros((1, 2), np.uint8))
    else:
        put(tmp_path, task)
    assert sniff(tmp_path) == "bdd100k"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([word(9, 1)], "R: has the class 9, which is none"),
        ([word(3, 1), word(4, 1)], "R, G: has the object 1 of two classes or flags"),
        ([word(3, 1), word(3, 1, 1)], "R, G: has the object 1 of two classes or flags"),
        ([word(3, 1, 16)], "G: has the flags 16, of which 15 is the largest"),
    ],
)
def test_damage_is_named(words, message, tmp_path):
    with pytest.raises(DataError, match=f"{NAME}.png: image {NAME}: {message}"):
        _ = segbench.open_dataset(put(tmp_path, words=np.uint32([words])))[0]
    place(tmp_path / f"labels/ins_seg/bitmasks/val/{NAME}.png", encode_image(np.zeros((3, 2, 2), np.uint8)))
    with pytest.raises(DataError, match="mask: is no RGBA picture"):
        _ = segbench.open_dataset(tmp_path)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is not valid TOML"),
        ("scalabel = 5", "scalabel.categories: is missing, or no list"),
        ("[[scalabel.categories]]\nisThing = true", "scalabel.categories: None: has no name"),
        ('[[scalabel.categories]]\nname = "a"\ncolor = [1, 2]', r"color: is no \[r, g, b\]"),
        ("[scalabel]\ncategories = [5]", "holds what is no table"),
    ],
)
def test_the_configuration_is_checked(text, message, tmp_path):
    place(put(tmp_path) / "config.toml", text.encode())
    with pytest.raises(DataError, match=f"config.toml: .*{message}"):
        segbench.open_dataset(tmp_path)


def test_categories_may_stand_below_others(tmp_path):
    text = '[[scalabel.categories]]\nname = "human"\n[[scalabel.categories.subcategories]]\nname = "person"\n'
    place(put(tmp_path) / "config.toml", f'{text}[[scalabel.categories]]\nname = "road"\n'.encode())
    assert segbench.open_dataset(tmp_path).id2label == {0: "person", 1: "road"}


def test_options_are_checked(tmp_path):
    with pytest.raises(UsageError, match=f"annotation must be one of {', '.join(TASKS)}, not 'inseg'"):
        segbench.open_dataset(put(tmp_path), options={"annotation": "inseg"})
    with pytest.raises(DataError, match="holds no labels/sem_seg/masks/<split>/"):
        segbench.open_dataset(tmp_path, options={"annotation": "sem_seg"})
