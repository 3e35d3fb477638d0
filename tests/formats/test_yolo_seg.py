"""YOLO-seg: lines and what they mean, data.yaml, seams, predictions, and the way there and back."""

import numpy as np
import pytest
import yaml
from formats import mutations, tiny
from hypothesis import given
from hypothesis import strategies as st

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import open_predictions, sniff, yolo_seg
from segbench.formats.drawn import drawn_segments
from segbench.formats.yolo_seg_lines import LineWriter, read_lines

NAMES = ["cat", "dog", "grass"]
LINES = {"train": {1: "0 0.1 0.2 0.5 0.2 0.5 0.75\n2 0.5 0.5 0.5 0.25\n"}, "val": {2: ""}}


def put(root, lines=LINES, **config):
    """``data.yaml``, ``images/<split>`` and ``labels/<split>``; returns the folder."""
    for split, files in lines.items():
        tiny.put_pictures(root / "images" / split, {i: tiny.SIZES[i] for i in files})
        (root / "labels" / split).mkdir(parents=True)
        for i, text in files.items():
            (root / "labels" / split / f"{i}.txt").write_text(text)
    content = {"path": ".", **{s: f"images/{s}" for s in lines}, "nc": len(NAMES), "names": NAMES} | config
    (root / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return root


def put_text(root, text):
    return put(root, {"train": {1: text}})


def masks(dataset):
    """``{image id: [(category, run lengths), …]}``, the mask of each object as drawn."""
    return {
        sample.image_id: [
            (s.category_id, rle.counts) for s, rle in drawn_segments(sample, dataset.categories)
        ]
        for sample in dataset
    }


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set"))
    assert (dataset.format, dataset.tasks, dataset.splits) == (
        "yolo-seg",
        ("instance",),
        {"train": 1, "val": 1},
    )
    assert dataset.id2label == dict(enumerate(NAMES))
    assert dataset.image_ids == ["train/1", "val/2"]
    first, second = dataset
    polygon, box = first.segments
    assert polygon.polygons == ((0.6, 0.8, 3, 0.8, 3, 3),)
    assert (polygon.id, polygon.category_id, polygon.score, polygon.source_kind) == (1, 0, None, "polygon")
    assert (box.bbox, box.source_kind) == ((1.5, 1.5, 3, 1), "box")
    assert (second.segments, second.kind) == ((), "instance")
    assert (first.height, first.width) == dataset.size(0) == (4, 6)
    assert first.image.shape == (3, 4, 6)


@pytest.mark.parametrize("where", [".", "data.yaml"])
def test_it_comes_back_as_it_was(where, tmp_path):
    source = put(tmp_path / "set", download="x.zip") / where
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="yolo-seg")
    assert [loss.feature for loss in report.losses] == ["about"]
    for split, files in LINES.items():
        for i, text in files.items():
            assert (tmp_path / f"back/labels/{split}/{i}.txt").read_text() == text
            picture = f"images/{split}/{i}.png"
            assert (tmp_path / "back" / picture).read_bytes() == (tmp_path / "set" / picture).read_bytes()
    config = yaml.safe_load((tmp_path / "back/data.yaml").read_text())
    assert config == {
        "path": ".", "train": "images/train", "val": "images/val", "nc": 3, "names": dict(enumerate(NAMES)),
        "download": "x.zip",
    }  # fmt: skip
    first, last = (segbench.open_dataset(path).fingerprint for path in (source, tmp_path / "back"))
    assert first == last == segbench.open_dataset(tmp_path / "canonical").fingerprint


def test_lightly_comes_back_as_it_was(data_dir, tmp_path):
    root = data_dir / "lightly_coco128"
    options = {"images": root / "images/train2017"}
    segbench.convert(root / "instance_segmentation", tmp_path / "canonical", options=options)
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="yolo-seg")
    files = sorted((root / "instance_segmentation/labels").rglob("*.txt"))
    assert len(files) == 100
    for file in files:
        rows = [
            [list(map(float, line.split())) for line in path.read_text().splitlines()]
            for path in (file, tmp_path / "back/labels/train" / file.name)
        ]
        assert rows[0] == rows[1]


def test_lightlys_objects_are_those_of_its_panoptic_truth(data_dir):
    """Not to the pixel: its labels have six digits and one outline an object."""
    root = data_dir / "lightly_coco128"
    options = {"images": root / "images/train2017"}
    labels = segbench.open_dataset(root / "instance_segmentation", options=options)
    panoptic = segbench.open_dataset(
        root / "panoptic_segmentation/annotations/panoptic_train2017.json", options=options
    )
    things = {c.source_id for c in panoptic.categories if c.isthing}
    assert {c.key for c in labels.categories} == things
    for sample in list(panoptic)[::10]:
        name = sample.image_file.name.removesuffix(".jpg")
        stated = sorted(panoptic.categories[s.category_id].key for s in sample.segments)
        stated = [key for key in stated if key in things]
        found = sorted(labels.categories[s.category_id].key for s in labels.by_id(name).segments)
        assert set(found) <= set(stated)


def test_holes_parts_and_overlaps_of_real_instances_are_kept_to_the_pixel(data_dir, tmp_path):
    """COCO's polygons of several parts, its run lengths with holes (ultralytics#1106, #1862)."""
    truth = segbench.open_dataset(data_dir / "coco_tiny")
    report = segbench.convert(truth, tmp_path / "out", target_format="yolo-seg", allow_loss=True)
    assert [loss.feature for loss in report.losses] == [
        "polygons", "crowd", "ids", "image_ids", "category_ids", "category_fields", "stated", "extra",
    ]  # fmt: skip
    written = segbench.open_dataset(tmp_path / "out")
    assert written.splits == {"val": len(truth)}
    for sample in truth:
        name = sample.image_file.name.removesuffix(".jpg")
        kept = [
            (s.category_id, rle.counts)
            for s, rle in drawn_segments(sample, truth.categories)
            if not s.iscrowd
        ]
        drawn = drawn_segments(written.by_id(name), written.categories)
        assert [(s.category_id, rle.counts) for s, rle in drawn] == kept


@pytest.mark.parametrize("folders", ["roboflow", "one folder", "list", "two folders"])
def test_pictures_are_found(folders, tmp_path):
    root = put(tmp_path / "set", {"train": LINES["train"]})
    if folders == "roboflow":
        (root / "train").mkdir()
        (root / "images/train").rename(root / "train/images")
        (root / "labels/train").rename(root / "train/labels")
        config = {"train": "../train/images", "val": "../valid/images"}
    elif folders == "one folder":
        config = {"path": "/content/somewhere", "train": "images"}
    elif folders == "list":
        (root / "train.txt").write_text("./images/train/1.png\n\n")
        config = {"train": "train.txt"}
    else:
        config = {"train": ["images/train", "images/more"]}
    (root / "data.yaml").write_text(yaml.safe_dump({**config, "names": NAMES}))
    (sample,) = segbench.open_dataset(root)
    assert len(sample.segments) == 2
    assert sample.image_id == ("train/1" if folders in ("one folder", "list") else "1")


def test_pictures_without_a_label_file_are_empty_unless_it_is_said_that_they_are_none(tmp_path):
    root = put(tmp_path / "set")
    (root / "labels/val/2.txt").unlink()
    dataset = segbench.open_dataset(root)
    assert dataset.notes == ("1 pictures have no label file, and count as without objects",)
    assert dataset.by_id("val/2").segments == ()
    config = yaml.safe_load((root / "data.yaml").read_text()) | {"skip_if_label_file_missing": True}
    (root / "data.yaml").write_text(yaml.safe_dump(config))
    assert segbench.open_dataset(root).image_ids == ["1"]


def ring_of(mask, **fields):
    return Segment(id=1, category_id=0, rle=Rle.from_mask(mask), source_kind="rle", **fields)


def data_set(mask, **fields):
    height, width = mask.shape
    segments = (ring_of(mask, **fields),)
    sample = Sample(image_id="a", height=height, width=width, segments=segments, overlap=True)
    categories = Categories([Category(0, "cat")])
    return Dataset(
        name="x", categories=categories, image_ids=["a"], load=lambda _: sample, tasks=("instance",)
    )


def with_holes():
    mask = np.zeros((20, 31), np.uint8)
    mask[2:12, 3:20] = 1
    mask[4:6, 5:9] = mask[8:10, 12:15] = 0
    mask[15:19, 22:30] = 1
    return mask


def test_holes_and_parts_are_tied_by_seams(tmp_path):
    mask = with_holes()
    yolo_seg.write(data_set(mask), tmp_path / "out")
    (line,) = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    (segment,) = read_lines(line, mask.shape, {0: 0})
    np.testing.assert_array_equal(segment.to_rle(*mask.shape).to_mask(), mask)


POINTS = st.lists(st.tuples(*[st.decimals(-1, 40, places=2)] * 2), min_size=1, max_size=7)


@given(st.lists(POINTS, min_size=1, max_size=3), st.tuples(st.integers(1, 39), st.integers(1, 39)))
def test_any_polygon_is_read_as_the_same_pixels(polygons, size):
    flat = tuple(tuple(float(v) for point in polygon for v in point) for polygon in polygons)
    segment = Segment(id=1, category_id=0, polygons=flat, source_kind="polygon")
    sample = Sample(image_id="a", height=size[0], width=size[1], segments=(segment,), overlap=True)
    rle = segment.to_rle(*size)
    line = LineWriter({0: 0}).line(segment, sample, rle)
    if line is None:
        assert rle.area == 0
        return
    (read,) = read_lines(line, size, {0: 0})
    assert read.to_rle(*size).counts == rle.counts


def test_what_has_no_pixel_is_announced(tmp_path):
    empty = data_set(np.zeros((4, 5), np.uint8))
    with pytest.raises(LossError, match="objects told apart: 1"):
        segbench.convert(empty, tmp_path / "out", target_format="yolo-seg")
    segbench.convert(empty, tmp_path / "out", target_format="yolo-seg", allow_loss=True)
    assert (tmp_path / "out/labels/train/a.txt").read_bytes() == b""


def test_sparse_ids_of_another_format_become_dense_and_own_ones_stay(tmp_path):
    """fiftyone#1939, #4162: COCO's ids 1 to 90 are no classes of YOLO."""
    options = {"target_format": "yolo-seg", "allow_loss": True}
    segbench.convert(tiny.put_instances(tmp_path / "coco"), tmp_path / "out", **options)
    config = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert config["names"] == {0: "cat", 1: "dog", 2: "grass"}
    own = put(tmp_path / "set", {"train": {1: "7 0 0 1 0 1 1\n"}}, names={7: "cat", 90: "dog"})
    segbench.convert(own, tmp_path / "back", **options)
    assert yaml.safe_load((tmp_path / "back/data.yaml").read_text())["names"] == {7: "cat", 90: "dog"}
    assert (tmp_path / "back/labels/train/1.txt").read_text() == "7 0 0 1 0 1 1\n"


@pytest.mark.parametrize("name", ["2017", "dev", "val2017"])
def test_splits_keep_their_names(name, tmp_path):
    sample = data_set(with_holes())[0]
    dataset = Dataset(name="x", categories=Categories([Category(0, "cat")]), image_ids=["a"],
                      load=lambda _: sample, tasks=("instance",), splits={name: 1})  # fmt: skip
    yolo_seg.write(dataset, tmp_path / "out")
    tiny.put_pictures(tmp_path / "out/images" / name, {})
    from segbench.canonical.images import encode_image

    (tmp_path / f"out/images/{name}/a.png").write_bytes(encode_image(np.zeros((3, 20, 31), np.uint8)))
    assert segbench.open_dataset(tmp_path / "out").splits == {"val" if name == "val2017" else name: 1}


# Predictions


def put_predictions(folder, **lines):
    folder.mkdir(parents=True)
    for name, text in lines.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_predictions_have_confidences_and_may_be_missing(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "set"))
    lines = "0 0.1 0.2 0.5 0.2 0.5 0.75 0.875\n2 0.5 0.5 0.5 0.25 0.5\n"
    folder = put_predictions(tmp_path / "runs/labels", **{"1": lines})
    assert sniff(tmp_path / "runs") == sniff(folder) == "yolo-seg"
    predictions = open_predictions(tmp_path / "runs", truth)
    assert [s.score for s in predictions[0].segments] == [0.875, 0.5]
    assert predictions[1].segments == ()
    scores = segbench.score(truth, folder, protocol="coco-bbox").metrics
    assert scores["ap"].value == pytest.approx(1)


@pytest.mark.parametrize(("ids", "expected"), [(None, ["dog"]), ("dense", ["dog"]), ("source", [])])
def test_classes_of_predictions_are_counted_from_zero_unless_the_truth_is_yolos(ids, expected, tmp_path):
    truth = segbench.open_dataset(tiny.put_instances(tmp_path))
    folder = put_predictions(tmp_path / "pred", **{"1": "1 0 0 1 0 1 1 0.5"})
    options = {} if ids is None else {"ids": ids}
    predictions = open_predictions(folder, truth, options=options)
    if not expected:
        with pytest.raises(
            DataError, match=r"pred/1.txt: image 1: line 1: has the class 1, which has no name"
        ):
            _ = predictions[0]
        return
    assert [truth.id2label[s.category_id] for s in predictions[0].segments] == expected


def test_predictions_are_found_by_the_names_of_pictures(data_dir, tmp_path):
    truth = segbench.open_dataset(data_dir / "coco_tiny")
    segbench.convert(truth, tmp_path / "out", target_format="yolo-seg", allow_loss=True)
    for file in (tmp_path / "out/labels/val2017").iterdir():
        lines = [f"{line} 0.5\n" for line in file.read_text().splitlines()]
        file.write_text("".join(lines))
    record = segbench.score(truth, tmp_path / "out/labels/val2017", protocol="coco-instance")
    assert record.metrics["ap"].value == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "1",
            "0 0.1 0.2 0.5 0.2 0.5 0.75",
            "pred/1.txt: image 1: line 1: lacks the confidence of a prediction",
        ),
        (
            "9",
            "0 0 0 1 0 1 1 1",
            "pred/9.txt: image 9: the prediction is for an image that the truth does not have",
        ),
    ],
)
def test_predictions_are_checked(name, text, message, tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "set", {"train": LINES["train"]}))
    folder = put_predictions(tmp_path / "pred", **{name: text})
    with pytest.raises(DataError, match=message):
        _ = open_predictions(folder, truth)[0]


# Damage


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.1 0.2", "has 3 numbers; a class and at least 4 are needed"),
        ("0 0.1 0.2 x 0.2 0.5 0.75", "has a word that is no number"),
        ("0 0.1 0.2 nan 0.2 0.5 0.75", "has a number that is not finite"),
        ("3 0.1 0.2 0.5 0.2 0.5 0.75", r"has the class 3, which has no name \(those are 0 to 2\)"),
        ("0.5 0.1 0.2 0.5 0.2 0.5 0.75", "has the class 0.5, which has no name"),
        ("0 10 20 50 20 50 75", "has a coordinate beyond 0 to 1"),
        ("0 -0.1 0.2 0.5 0.2 0.5 0.75", "has a coordinate beyond 0 to 1"),
    ],
)
def test_lines_are_checked(text, message, tmp_path):
    dataset = segbench.open_dataset(put_text(tmp_path / "set", f"0 0 0 1 0 1 1\n\n{text}\n"))
    with pytest.raises(DataError, match=rf"labels/train/1.txt: image 1: line 3: {message}"):
        _ = dataset[0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("names: [a]", "is in no format"),
        ("a: [", "is in no format"),
        ("train: images/train", "is in no format"),
        ("train: images/train\nnames: 5", "names: is neither a list"),
        ("train: images/train\nnames: {a: cat}", "names: has the class 'a'"),
        ("train: images/train\nnames: [[a]]", r"names: the name of 0 is no text: \['a'\]"),
        ("train: images/nothing\nnames: [a]", r"has no pictures where it says they are \(images/nothing\)"),
        ("train: {a: 1}\nnames: [a]", "train: is neither a folder nor a list of folders"),
        ("train: /etc\nnames: [a]", "names the folder '/etc', which is not below it"),
        ("train: ../../../etc\nnames: [a]", "names the folder '../../../etc', which is not below it"),
    ],
)
def test_configurations_are_checked(config, message, tmp_path):
    root = put(tmp_path / "set")
    (root / "data.yaml").write_text(config)
    with pytest.raises(DataError, match=message):
        segbench.open_dataset(root)


def test_a_yaml_whose_aliases_multiply_is_read_at_once(tmp_path):
    """Ten lists of ten aliases each would be ten thousand million texts."""
    root = put(tmp_path / "set")
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11)
    )
    (root / "data.yaml").write_text(bomb + (root / "data.yaml").read_text())
    assert segbench.open_dataset(root).extra["yolo"] == {"a0": ["x", "x"]}
    (root / "data.yaml").write_text(f"{bomb}train: images/train\nnames: [*a10]")
    with pytest.raises(DataError, match="the name of 0 is no text"):
        segbench.open_dataset(root)


def test_labels_without_a_picture_are_refused(tmp_path):
    root = put(tmp_path / "set")
    (root / "images/train/1.png").unlink()
    with pytest.raises(DataError, match="labels/train/1.txt: image 1: image: the label file has no picture"):
        segbench.open_dataset(root)


def test_two_label_files_of_one_name_are_refused(tmp_path):
    """make-sense#351: a.jpg and A.png would both be described in a.txt."""
    content = tiny.instances()
    content["images"][1]["file_name"] = "1.jpg"
    source = tiny.put_instances(tmp_path / "in", content)
    (tmp_path / "in/val/2.png").rename(tmp_path / "in/val/1.jpg")
    with pytest.raises(DataError, match=r"image 2: file_name: its file would be called 'val/1.txt'"):
        segbench.convert(source, tmp_path / "out", target_format="yolo-seg", allow_loss=True)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="yolo-seg") > 10
