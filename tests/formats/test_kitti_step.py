"""KITTI-STEP: class and number in three bytes, tracks over frames, data sets that are no videos."""

import numpy as np
import pytest
from formats import tiny

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_colors, encode_image
from segbench.canonical.place import place
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import load_format, sniff
from segbench.formats.value_maps import ZERO_ID

ROAD, PERSON, CAR, TRUCK, VOID = 0, 11, 13, 14, 255
PIXELS = np.uint8([[[ROAD, 0, 0], [CAR, 0, 5], [CAR, 3, 231]], [[PERSON, 0, 0], [VOID, 0, 0], [TRUCK, 0, 0]]])
"""999 is 3 * 256 + 231."""


def put(root, pixels=PIXELS, frames=("train/0002/000007", "train/0002/000008", "val/0006/000000")):
    for frame in frames:
        place(root / f"panoptic_maps/{frame}.png", encode_image(pixels.transpose(2, 0, 1)))
        place(root / f"images/{frame}.png", encode_image(np.zeros((3, *pixels.shape[:2]), np.uint8)))
    place(root / "images/test/0000/000000.png", encode_image(np.zeros((3, 2, 2), np.uint8)))
    return root


def panoptic_ids(data):
    """As ``_decode_panoptic_map`` of deeplab2's ``build_step_data.py`` reads a map."""
    pixels = decode_colors(data).astype(np.int32)
    return pixels[:, :, 0] * 1000 + pixels[:, :, 1] * 256 + pixels[:, :, 2]


def test_objects_are_those_of_deeplab2(tmp_path):
    """The class 0 is road, not void; a thing of number 0 is a crowd; objects have their id as track."""
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits, dataset.notes) == ("kitti-step", {"train": 2, "val": 1}, ())
    assert dataset.image_ids == ["0002/000007", "0002/000008", "0006/000000"]
    assert [(c.name, c.isthing) for c in dataset.categories][10:14] == [
        ("sky", False), ("person", True), ("rider", False), ("car", True),
    ]  # fmt: skip
    sample = dataset[1]
    assert (sample.video_id, sample.frame) == ("0002", 8)
    assert [(s.id, s.category_id, s.iscrowd, s.track_id) for s in sample.segments] == [
        (ZERO_ID, ROAD, False, None), (11_000, PERSON, True, None), (13_005, CAR, False, 13_005),
        (13_999, CAR, False, 13_999), (14_000, TRUCK, False, None),
    ]  # fmt: skip
    np.testing.assert_array_equal(sample.mask, [[ROAD, CAR, CAR], [PERSON, 255, TRUCK]])
    assert sample.image.shape == (3, 2, 3)


def test_all_comes_back_pixel_by_pixel(tmp_path):
    source = put(tmp_path / "set")
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="kitti-step")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    assert [[s.track_id for s in x.segments] for x in first] == [
        [s.track_id for s in x.segments] for x in last
    ]
    data = (tmp_path / "back/panoptic_maps/val/0006/000000.png").read_bytes()
    np.testing.assert_array_equal(decode_colors(data), PIXELS)
    assert panoptic_ids(data).tolist() == [[0, 13_005, 13_999], [11_000, 255_000, 14_000]]
    assert not (tmp_path / "back/labels.json").exists()


def test_the_classes_of_motchallenge_are_chosen_by_name(tmp_path):
    pixels = np.where(PIXELS[:, :, :1] == VOID, PIXELS, np.uint8([4, 0, 1]))
    (sample,) = segbench.open_dataset(
        put(tmp_path, pixels, ["train/0009/000001"]), options={"motchallenge": True}
    )
    assert [(s.id, s.category_id) for s in sample.segments] == [(4001, 4)]
    assert segbench.open_dataset(tmp_path, options={"motchallenge": True}).id2label[4] == "person"


def video(tracks, names=("car", "sky"), videos=("bear", "bear"), frames=(0, 1)):
    """Two frames of an object each, of these tracks."""
    samples = [
        Sample(
            image_id=f"{i}", height=2, width=3, video_id=videos[i], frame=frames[i],
            segments=(Segment(id=7, category_id=0, track_id=track),),
            load_segment_map=lambda: np.full((2, 3), 7, np.int32),
        )
        for i, track in enumerate(tracks)
    ]  # fmt: skip
    return Dataset(
        name="x", categories=Categories([Category(0, names[0], isthing=True), Category(1, names[1])]),
        image_ids=[s.image_id for s in samples], load=samples.__getitem__, tasks=("panoptic",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tracks", "read", "lost"),
    [
        ((5, 5), [13_005, 13_005], 2),
        ((13_005, 13_005), [13_005, 13_005], 0),
        ((70_000, 70_000), [13_001, 13_001], 2),
        ((None, None), [13_001, 13_001], 0),
    ],
)
def test_tracks_become_numbers_of_their_class(tracks, read, lost, tmp_path):
    dataset = video(tracks)
    report = segbench.convert(dataset, tmp_path / "out", target_format="kitti-step", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses}.get("tracks", 0) == lost
    again = segbench.open_dataset(tmp_path / "out")
    assert again.image_ids == ["bear/000000", "bear/000001"]
    assert [s.segments[0].track_id for s in again] == read


def test_a_place_in_a_video_that_is_none_here_is_announced(tmp_path):
    dataset = video((None, None), videos=("a/b", "c"), frames=(3, None))
    report = segbench.convert(dataset, tmp_path / "out", target_format="kitti-step", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses}["tracks"] == 2
    assert segbench.open_dataset(tmp_path / "out").image_ids == ["1/000000", "a-b/000003"]
    with pytest.raises(DataError, match="its file would be called 'train/bear/000001'"):
        load_format("kitti-step").write(video((1, 1), frames=(1, 1)), tmp_path / "twice")


def test_data_that_is_no_video_becomes_videos_of_one_frame(tmp_path):
    source = tiny.put_panoptic(tmp_path)
    with pytest.raises(LossError):
        segbench.convert(source, tmp_path / "out", target_format="kitti-step")
    segbench.convert(source, tmp_path / "out", target_format="kitti-step", allow_loss=True)
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert read.image_ids == ["1/000000", "2/000000"]
    assert [(c.name, c.key, c.isthing) for c in read.categories] == [
        ("cat", 3, True), ("dog", 7, True), ("grass", 90, False),
    ]  # fmt: skip
    for ours, theirs in zip(read, truth, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert ours.image.shape == theirs.image.shape


def test_predictions_stand_as_the_truth_does(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth"))
    record = segbench.score(truth, put(tmp_path / "predicted"), task="panoptic")
    assert record.metrics["pq"].value == 1
    assert sniff(tmp_path / "truth") == "kitti-step"


@pytest.mark.parametrize(
    ("pixel", "message"),
    [([19, 0, 0], "has the value 19000, which names no label"), ([13, 3, 232], "G, B: has the object 1000")],
)
def test_damage_is_named(pixel, message, tmp_path):
    pixels = PIXELS.copy()
    pixels[0, 0] = pixel
    with pytest.raises(DataError, match=f"000007.png: image 0002/000007: .*{message}"):
        _ = segbench.open_dataset(put(tmp_path, pixels))[0]
    with pytest.raises(DataError, match="holds no panoptic_maps/"):
        segbench.open_dataset(tmp_path / "images", format="kitti-step")


def test_void_may_have_a_number(tmp_path):
    pixels = replace_void(PIXELS)
    np.testing.assert_array_equal(
        segbench.open_dataset(put(tmp_path, pixels))[0].segment_map == 0, pixels[:, :, 0] == VOID
    )


def replace_void(pixels):
    changed = pixels.copy()
    changed[pixels[:, :, 0] == VOID] = [VOID, 255, 255]
    return changed
