"""LabelMe: shapes and groups, masks, what is no region, and the way there and back."""

import base64

import numpy as np
import pytest
from formats import mutations, shapes, tiny

import segbench
from segbench.canonical.images import encode_labels
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import labelme, sniff

POLYGON = [[0.5, 0.25], [4, 0], [4, 3]]


def shape(label="cat", points=POLYGON, **fields):
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}} | fields


def mask_shape(**fields):
    png = base64.b64encode(encode_labels(np.uint8([[1, 0], [1, 1]]))).decode()
    return shape("dog", [[1, 1], [2, 2]], shape_type="mask", mask=png, **fields)


def content(*found, **fields):
    return {
        "version": "5.5.0", "flags": {"done": True}, "shapes": list(found), "imagePath": "1.png",
        "imageData": None, "imageHeight": 4, "imageWidth": 6, **fields,
    }  # fmt: skip


ALL = (
    shape(group_id=3, description="x"),
    shape("line", [[0, 0], [1, 1]], shape_type="line"),
    mask_shape(),
    shape("cat", [[5, 3], [3, 1]], shape_type="rectangle", group_id=3),
    shape("cat", [[2, 2], [2, 3]], shape_type="circle", flags={"iscrowd": True}),
    shape("__ignore__", [[0, 0], [1, 0], [1, 1], [0, 1]], shape_type="oriented_rectangle"),
    shape("dog", group_id=3, difficult=False),
)


def put(root, *found, **fields):
    tiny.put_pictures(root, {1: tiny.SIZES[1]})
    tiny.dump(root / "1.json", content(*(found or ALL), **fields))
    return root


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="labelme")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set"))
    assert (dataset.format, dataset.splits) == ("labelme", {"train": 1})
    assert dataset.id2label == {0: "cat", 1: "dog", 2: "line", 3: "__ignore__"}
    (sample,) = dataset
    assert [(dataset.id2label[s.category_id], s.iscrowd, s.ignore) for s in sample.segments] == [
        ("cat", False, False), ("dog", False, False), ("cat", True, False), ("__ignore__", False, True),
        ("dog", False, False),
    ]  # fmt: skip
    joined, mask, circle, *_ = sample.segments
    assert joined.polygons == ((0.5, 0.25, 4, 0, 4, 3), (3, 1, 5, 1, 5, 3, 3, 3))
    pixels = np.zeros((4, 6), np.uint8)
    pixels[1:3, 1:3] = [[1, 0], [1, 1]]
    np.testing.assert_array_equal(mask.to_rle(4, 6).to_mask(), pixels)
    assert len(circle.polygons[0]) == 2 * 12
    assert sample.image.shape == (3, 4, 6)


def test_it_comes_back_as_it_was(tmp_path):
    written = back(put(tmp_path / "set"), tmp_path)
    assert tiny.load(written / "1.json") == content(*ALL)
    assert (written / "labels.txt").read_text() == "cat\ndog\nline\n"


@pytest.mark.parametrize(
    "name", ["instance_segmentation/data_annotated", "semantic_segmentation/data_annotated", "primitives"]
)
def test_labelmes_examples_come_back_as_they_were(name, data_dir, tmp_path):
    source = data_dir / "labelme_examples/examples" / name
    written = back(source, tmp_path)
    for file in source.glob("*.json"):
        ours = tiny.load(written / file.name)
        assert ours | {"imageData": ""} == tiny.load(file) | {"imageData": ""}


def test_objects_are_those_of_labelmes_own_export(data_dir):
    """Polygons are equal to the last bit; the export leaves out what is labelled ``__ignore__``."""
    root = data_dir / "labelme_examples/examples/instance_segmentation"
    ours = segbench.open_dataset(root / "data_annotated")
    export = segbench.open_dataset(root / "data_dataset_coco/annotations.json")
    assert [c.name for c in ours.categories[:-1]] == [c.name for c in export.categories]
    for theirs in export:
        mine = ours.by_id(theirs.image_file.path.stem)
        assert [(s.category_id, s.polygons) for s in mine.segments if not s.ignore] == [
            (s.category_id, s.polygons) for s in theirs.segments
        ]


def test_every_kind_of_instance_is_written_to_the_pixel(tmp_path):
    dataset = shapes.data_set()
    labelme.write(dataset, tmp_path / "out")
    assert shapes.masks(segbench.open_dataset(tmp_path / "out")) == shapes.masks(dataset)
    kinds = [s["shape_type"] for s in tiny.load(tmp_path / "out/é0.json")["shapes"]]
    assert kinds == ["mask", "polygon", "polygon", "polygon", "mask", "mask"]


def test_crowds_scores_boxes_and_attributes_are_kept(tmp_path):
    fields = {"category_id": 1, "iscrowd": True, "score": 0.25, "attributes": {"a": [1]}}
    box = Segment(id=1, bbox=(2, 3, 4.5, 5), source_kind="box", **fields)
    labelme.write(shapes.data_set((box,)), tmp_path / "out")
    (segment,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (segment.iscrowd, segment.score) == (True, 0.25)
    assert segment.polygons == ((2, 3, 6.5, 3, 6.5, 8, 2, 8),)
    assert tiny.load(tmp_path / "out/é0.json")["shapes"][0]["attributes"] == {"a": [1]}


def test_what_was_changed_since_is_not_written_as_it_was(tmp_path):
    from dataclasses import replace

    (sample,) = segbench.open_dataset(put(tmp_path / "set", mask_shape()))
    (segment,) = sample.segments
    moved = replace(segment, rle=shapes.instances()[3].rle, category_id=0)
    labelme.write(shapes.data_set((moved,)), tmp_path / "out")
    (written,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert written.to_rle(*shapes.SIZE) == moved.rle


def test_splits_are_folders(tmp_path):
    dataset = shapes.data_set(splits={"train": 1, "val": 1})
    labelme.write(dataset, tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")
    assert read.splits == {"train": 1, "val": 1}
    assert read.image_ids == ["train/é0", "val/é1"]
    written = back(tmp_path / "out", tmp_path)
    assert sorted(p.relative_to(written).as_posix() for p in written.rglob("*.json")) == [
        "train/é0.json", "val/é1.json",
    ]  # fmt: skip


def test_folders_of_splits_may_hold_folders(tmp_path):
    content = tiny.instances()
    for image, folder in zip(content["images"], "xy", strict=True):
        image["file_name"] = f"{folder}/{image['file_name']}"
    source = tiny.put_instances(tmp_path / "in", content)
    for folder in "xy":
        tiny.put_pictures(tmp_path / "in/val" / folder)
    segbench.convert(source, tmp_path / "out", target_format="labelme", allow_loss=True)
    assert sniff(tmp_path / "out") == "labelme"
    assert segbench.open_dataset(tmp_path / "out").image_ids == ["val/x/1", "val/y/2"]


def test_the_picture_may_be_inside(tmp_path):
    root = put(tmp_path / "set")
    data = (root / "1.png").read_bytes()
    (root / "1.png").unlink()
    inside = content(*ALL, imagePath="..\\x\\1.png", imageData=base64.b64encode(data).decode())
    tiny.dump(root / "1.json", inside | {"imageHeight": None, "imageWidth": None})
    assert segbench.open_dataset(root)[0].image_file.data == data
    assert (back(root, tmp_path) / "1.png").read_bytes() == data


def test_ids_are_announced(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    with pytest.raises(LossError, match="segment ids of the source: 3"):
        segbench.convert(source, tmp_path / "out", target_format="labelme")


def test_a_file_is_a_data_set(tmp_path):
    source = put(tmp_path / "set") / "1.json"
    assert sniff(source) == sniff(source.parent) == "labelme"
    assert segbench.open_dataset(source).image_ids == ["1"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (shape(points=[[1, 2], [3]]), r"shapes\[0\].points: has \[3\], which is no point"),
        (shape(points=[]), r"shapes\[0\].points: is no list of points"),
        (shape(points=[[1, 1e9]]), r"shapes\[0\].points: has"),
        (shape(shape_type="circle"), r"shapes\[0\]: has the shape_type 'circle' and 3 points"),
        (shape(shape_type="blob"), r"shapes\[0\]: has the shape_type 'blob'"),
        (mask_shape() | {"mask": None}, r"shapes\[0\].mask: is no base64 text"),
        (mask_shape() | {"mask": "iVBO"}, "image 1: mask: is no PNG"),
        (shape(label=5), r"shapes\[0\].label: is missing, or no text"),
        (shape(score="x"), r"shapes\[0\].score: is no finite number"),
    ],
)
def test_shapes_are_checked(found, message, tmp_path):
    with pytest.raises(
        DataError, match=rf"1.json: image 1: {message}".replace("image 1: image 1", "image 1")
    ):
        _ = segbench.open_dataset(put(tmp_path / "set", found))[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"imageHeight": 0}, "imageHeight: the image is 6×0 pixels"),
        ({"imageHeight": "4"}, "imageHeight: the size of the image is no pair of integers"),
        ({"imagePath": None}, "imagePath: is missing, or no path"),
        ({"shapes": {}}, "shapes: is missing, or no list"),
    ],
)
def test_files_are_checked(fields, message, tmp_path):
    with pytest.raises(DataError, match=f"1.json: image 1: {message}"):
        _ = segbench.open_dataset(put(tmp_path / "set", **fields))[0]


def test_a_label_that_labels_txt_lacks_is_refused(tmp_path):
    root = put(tmp_path / "set")
    (root / "labels.txt").write_text("cat\ndogs\n")
    with pytest.raises(DataError, match="label: is 'dog', which is no label. Did you mean 'dogs'"):
        _ = segbench.open_dataset(root)[0]


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="labelme") > 10
