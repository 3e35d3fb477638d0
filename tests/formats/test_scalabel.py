"""Scalabel's JSON: run lengths, polygons with curves, flags, tracks, predictions; the mIoU of its tests."""

import json

import numpy as np
import pytest
from formats import tiny

import segbench
from segbench.canonical.images import encode_image
from segbench.canonical.place import place
from segbench.errors import DataError, UsageError
from segbench.formats import open_predictions, sniff

SIZE = (4, 6)
MASK = tiny.square(SIZE, 1, 1, 3, 4)


def label(number="7", category="car", **fields):
    return {"id": number, "category": category, "rle": tiny.rle(MASK), **fields}


def polygon(vertices, types=None, closed=True):
    return {"vertices": vertices, "types": types or "L" * len(vertices), "closed": closed}


def frame(*labels, name="a.jpg", **fields):
    return {"name": name, "size": {"height": 4, "width": 6}, "labels": list(labels), **fields}


def put(root, *frames, file="ins_seg_val.json", **fields):
    content = list(frames) or [frame(label())]
    return tiny.dump(root / file, {"frames": content, **fields} if fields else content)


def put_all(root):
    """In BDD100K's folders, with pictures, a video, a curve and a box."""
    curve = polygon([[0, 0], [2, 3], [4, 3], [5, 0], [5, 3], [0, 3]], "LCCLLL")
    rows = [
        frame(label(), label("x", "truck", rle=None, poly2d=[curve]), label("9", box2d={}, rle=None)),
        frame(label(score=0.5, attributes={"crowd": True, "occluded": True}), name="b.jpg"),
    ]
    put(root / "labels/ins_seg/rles", *rows)
    place(root / "images/10k/val/a.png", encode_image(np.zeros((3, *SIZE), np.uint8)))


def test_labels_are_segments(tmp_path):
    put_all(tmp_path)
    dataset = segbench.open_dataset(tmp_path)
    assert (dataset.format, dataset.splits, dataset.image_ids) == ("scalabel", {"val": 2}, ["a", "b"])
    assert [(c.name, c.key) for c in dataset.categories][:3] == [("pedestrian", 1), ("rider", 2), ("car", 3)]
    assert dataset.notes == ("labels without region (boxes, lines), which are left out: 1",)
    first, second = dataset
    assert [(s.id, s.source_id, s.category_id, s.source_kind) for s in first.segments] == [
        (7, None, 2, "rle"), (0, "x", 3, "polygon"),
    ]  # fmt: skip
    np.testing.assert_array_equal(first.segments[0].rle.to_mask(), MASK)
    assert first.image.shape == (3, *SIZE)
    (crowd,) = second.segments
    assert (crowd.iscrowd, crowd.ignore, crowd.score, crowd.attributes) == (
        True,
        False,
        0.5,
        {"occluded": True},
    )


def test_curves_are_followed(tmp_path):
    """From (0, 0) to (5, 0) by two handles: half way the curve is at 3/8 of these."""
    put_all(tmp_path)
    (outline,) = segbench.open_dataset(tmp_path)[0].segments[1].polygons
    points = np.reshape(outline, (-1, 2))
    assert points[:1].tolist() == [[0, 0]]
    assert points[8].tolist() == [(3 * 2 + 3 * 4 + 5) / 8, (3 * 3 + 3 * 3) / 8]
    assert points[16].tolist() == [5, 0]
    assert points[17:].tolist() == [[5, 3], [0, 3], [0, 0]]


def test_videos_have_tracks(tmp_path):
    rows = [frame(label("12"), label("3"), name=f"v-{i}.jpg", videoName="v", frameIndex=i) for i in range(2)]
    dataset = segbench.open_dataset(put(tmp_path, *rows))
    assert dataset.image_ids == ["v/v-0", "v/v-1"]
    assert [(s.video_id, s.frame, [x.track_id for x in s.segments]) for s in dataset] == [
        ("v", 0, [12, 3]), ("v", 1, [12, 3]),
    ]  # fmt: skip
    named = segbench.open_dataset(put(tmp_path, frame(label("b"), label("a"), videoName="v")))
    assert [(s.id, s.source_id, s.track_id) for s in named[0].segments] == [(1, "b", 2), (2, "a", 1)]


@pytest.mark.parametrize(
    ("category", "name", "ignored"),
    [
        ("person", "pedestrian", False),
        ("van", "car", False),
        ("trailer", "truck", True),
        ("bus", "bus", False),
    ],
)
def test_other_names_of_classes(category, name, ignored, tmp_path):
    """As ``bdd100k/configs/ins_seg.toml`` maps them."""
    dataset = segbench.open_dataset(put(tmp_path, frame(label(category=category), label("8", "rider"))))
    segment = dataset[0].segments[0]
    assert (dataset.id2label[segment.category_id], segment.ignore) == (name, ignored)


def test_the_configuration_names_categories(tmp_path):
    config = {
        "categories": [
            {"name": "human", "subcategories": [{"name": "car"}]}, {"name": "sky", "isThing": False},
        ],
        "imageSize": {"height": 4, "width": 6},
    }  # fmt: skip
    file = put(tmp_path, {"name": "a.jpg", "labels": [label()]}, config=config)
    dataset = segbench.open_dataset(file)
    assert [(c.name, c.isthing) for c in dataset.categories] == [("car", None), ("sky", False)]
    assert (dataset[0].height, dataset[0].width) == SIZE


def test_predictions_have_scores(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth"))
    predicted = put(tmp_path / "pred", frame(label("1", score=0.9), label("2", "bus", score=0.1)))
    (sample,) = open_predictions(predicted, truth)
    assert [(s.score, truth.id2label[s.category_id]) for s in sample.segments] == [(0.9, "car"), (0.1, "bus")]
    record = segbench.score(truth, predicted, task="instance")
    assert record.metrics["ap"].value == pytest.approx(1)
    with pytest.raises(DataError, match="image b: the prediction is for an image that the truth"):
        open_predictions(put(tmp_path / "other", frame(name="b.jpg")), truth, format="scalabel")


def test_scalabels_own_miou(data_dir):
    """The numbers that scalabel's tests assert, to their digits; classes that are absent are not averaged."""
    folder = data_dir / "scalabel_tests"
    expected = json.loads((folder / "expected.json").read_text())["sem_seg"]
    cases = folder / "tests/eval/testcases/sem_seg"
    record = segbench.score(cases / "sem_seg_sample.json", cases / "sem_seg_preds.json", task="semantic")
    ours = [record.metrics["miou"].value * 100, record.metrics["pixel_accuracy"].value * 100]
    np.testing.assert_allclose(ours, [expected["mIoU"], expected["pAcc"]], rtol=1e-9)


def test_it_is_recognised_and_only_read(tmp_path):
    put_all(tmp_path / "set")
    assert sniff(tmp_path / "set") == sniff(put(tmp_path)) == "scalabel"
    with pytest.raises(UsageError, match="scalabel is read only: write bdd100k"):
        segbench.convert(tmp_path / "set", tmp_path / "out", target_format="scalabel")
    segbench.convert(
        tmp_path / "set", tmp_path / "out", target_format="bdd100k", allow_loss=True, images="none"
    )
    assert [len(s.segments) for s in segbench.open_dataset(tmp_path / "out")] == [2, 1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rle": 5}, "rle: is no object"),
        ({"rle": {"counts": 5, "size": [4, 6]}}, "rle: has no counts"),
        ({"rle": {"counts": "0", "size": [4]}}, r"rle: is of size \[4\], the image of \[4, 6\]"),
        (
            {"rle": tiny.rle(tiny.square((2, 2), 0, 0, 1, 1))},
            r"rle: is of size \[2, 2\], the image of \[4, 6\]",
        ),
        ({"rle": {"counts": "07", "size": [4, 6]}}, ""),
        ({"rle": None, "poly2d": 5}, "poly2d: is missing, or no list"),
        (
            {"rle": None, "poly2d": [polygon([[0, 0]] * 3, "LC")]},
            "poly2d: has no type L or C for each vertex",
        ),
        ({"rle": None, "poly2d": [polygon([[0, 0]] * 4, "LLCL")]}, "poly2d: has a curve without two handles"),
        ({"rle": None, "poly2d": [polygon([[0, 0]] * 3), polygon([[0, 0]] * 3, closed=False)]}, "is a line"),
        ({"score": "x"}, "score: is no finite number"),
    ],
)
def test_damage_is_named(fields, message, tmp_path):
    with pytest.raises(DataError, match=rf"image a: frames\[0\].labels\[0\].*{message}"):
        _ = segbench.open_dataset(put(tmp_path, frame(label(**fields))), format="scalabel")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (5, "frames: is missing, or no list"),
        ([{"labels": []}], r"frames\[0\].name: is missing, or no name"),
        ([{"name": "a", "videoName": 5}], r"frames\[0\].videoName: is no name"),
        ([frame()], "holds no label with a region"),
        ({"frames": [frame()], "config": {"categories": [{"isThing": 1}]}}, "config.categories: has no name"),
    ],
)  # fmt: skip
def test_frames_are_checked(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        segbench.open_dataset(tiny.dump(tmp_path / "x.json", content), format="scalabel")
    with pytest.raises(DataError, match="holds no labels/"):
        segbench.open_dataset(tmp_path, format="scalabel")


def test_labels_of_other_classes_are_told(tmp_path):
    """As bdd100k passes over them: the task is that of the name, or the one that is asked for."""
    rows = frame(label(), label("8", "lane"), label("9", "sky"))
    dataset = segbench.open_dataset(put(tmp_path, rows))
    assert dataset.notes == ("labels of other categories, which are left out: 2 (lane, sky)",)
    assert len(dataset[0].segments) == 1
    other = segbench.open_dataset(put(tmp_path, rows, file="x.json"), options={"annotation": "sem_seg"})
    assert [other.id2label[s.category_id] for s in other[0].segments] == ["car", "sky"]
    with pytest.raises(UsageError, match="annotation must be one of pan_seg, .*, not 'semseg'"):
        segbench.open_dataset(tmp_path / "x.json", options={"annotation": "semseg"})


def test_unknown_categories_are_named(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth"))
    with pytest.raises(DataError, match="unknown category 'carr'. Did you mean 'car'"):
        _ = open_predictions(put(tmp_path / "pred", frame(label(category="carr"))), truth)[0]
