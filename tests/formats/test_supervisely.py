"""Supervisely: bitmaps, polygons with holes, tags, what is no region, and the way there and back."""

import base64
import zlib

import cv2
import numpy as np
import pytest
from formats import shapes, tiny
from formats.spoilt import bomb
from hypothesis import given
from hypothesis import strategies as st

import segbench
from segbench.canonical.images import encode_labels
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import patches, sniff, supervisely
from segbench.formats.fill_poly import fill_poly
from segbench.formats.patches import to_base64

RING = (  # from the documentation of the SDK: 3 × 3 pixels, the one in the middle outside
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa44sKHhISMDuxpTYrr03F6g"
    "DIOnq5/LOqeEJgDM5ht6"
)
META = {
    "classes": [
        {"title": "cat", "shape": "any", "color": "#0A0B0C", "geometry_config": {}, "id": 40, "hotkey": "c"},
        {
            "title": "dog",
            "shape": "polygon",
            "color": "#FF0000",
            "geometry_config": {},
            "id": 7,
            "hotkey": "",
        },
    ],
    "tags": [
        {"name": "iscrowd", "value_type": "none", "color": "#FFFFFF"},
        {"name": "ignore", "value_type": "none", "color": "#FFFFFF"},
        {"name": "confidence", "value_type": "any_number", "color": "#FFFFFF", "id": 3},
    ],
    "projectType": "images",
}


def thing(title="cat", shape="bitmap", **fields):
    return {
        "classTitle": title,
        "description": "",
        "tags": [],
        "geometryType": shape,
        "shape": shape,
    } | fields


def bitmap(origin=(1, 1), data=RING, **fields):
    return thing(bitmap={"data": data, "origin": list(origin)}, **fields)


def polygon(exterior, *interior, **fields):
    points = {"exterior": exterior, "interior": list(interior)}
    return thing(fields.pop("title", "dog"), "polygon", points=points, **fields)


SQUARE = [[0, 0], [4, 0], [4, 3], [0, 3]]
ALL = (
    polygon([[0.6, 0.2], [2, 0], [2, 2]], id=90, instance="a"),
    thing("cat", "line", points={"exterior": [[0, 0], [1, 1]], "interior": []}),
    bitmap(id=5, tags=[{"name": "iscrowd", "id": 1}, {"name": "confidence", "value": 0.5}]),
    polygon([[5, 3], [3, 3], [4, 2]], id=91, instance="a"),
    thing("cat", "rectangle", id=6, points={"exterior": [[4, 3], [2, 1]], "interior": []}, tags=["ignore"]),
    thing("cat", "point", points={"exterior": [[0, 0]], "interior": []}),
    polygon(SQUARE, [[1, 1], [3, 1], [3, 2], [1, 2]], id=8),
    thing("cat", "multipolygon", id=9, parts=[{"exterior": SQUARE}, {"exterior": [[5, 0]], "interior": []}]),
)


def put(root, *found, meta=META, **fields):
    tiny.put_pictures(root / "ds" / "img", {1: tiny.SIZES[1]})
    said = {"description": "", "tags": [{"name": "day"}], "customBigData": {}, "imageId": 3}
    content = said | {"size": {"height": 4, "width": 6}, "objects": list(found or ALL)} | fields
    tiny.dump(root / "ds" / "ann" / "1.png.json", content)
    tiny.dump(root / "meta.json", meta)
    return root


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="supervisely")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set"))
    assert (dataset.format, dataset.splits, dataset.image_ids) == ("supervisely", {"ds": 1}, ["ds/1"])
    assert [(c.name, c.key, c.color) for c in dataset.categories] == [
        ("cat", 40, (10, 11, 12)), ("dog", 7, (255, 0, 0)),
    ]  # fmt: skip
    (sample,) = dataset
    assert [(s.id, s.category_id, s.iscrowd, s.ignore, s.score) for s in sample.segments] == [
        (90, 1, False, False, None), (5, 0, True, False, 0.5), (6, 0, False, True, None),
        (8, 1, False, False, None), (9, 0, False, False, None),
    ]  # fmt: skip
    joined, ring, box, hole, parts = sample.segments
    assert box.bbox == (2, 1, 3, 3)
    pixels = [
        [[int(v) for v in row] for row in s.to_rle(4, 6).to_mask()] for s in (joined, ring, hole, parts)
    ]
    assert pixels == [
        [[1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 0, 1, 1, 1]],
        [[0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 0]],
        [[1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 0]],
        [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0]],
    ]  # fmt: skip


def test_it_comes_back_as_it_was(tmp_path):
    source = put(tmp_path / "set")
    written = back(source, tmp_path)
    for name in ("meta.json", "ds/ann/1.png.json"):
        assert tiny.load(written / name) == tiny.load(source / name)
    assert (written / "ds/img/1.png").read_bytes() == (source / "ds/img/1.png").read_bytes()


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_polygons_are_filled_as_opencv_fills_them(data, height, width):
    corner = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    rings = data.draw(st.lists(st.lists(corner, min_size=1, max_size=9), min_size=1, max_size=3))
    expected = np.zeros((height, width), np.uint8)
    cv2.fillPoly(expected, [np.array(ring, np.int32) for ring in rings], 1)
    np.testing.assert_array_equal(fill_poly([np.array(ring) for ring in rings], (height, width)), expected)


@given(st.data(), st.integers(1, 20), st.integers(1, 20))
def test_polygons_that_leave_the_picture_are_filled_as_on_a_larger_one(data, height, width):
    corner = st.tuples(st.integers(-9, width + 9), st.integers(-9, height + 9))
    ring = np.array(data.draw(st.lists(corner, min_size=1, max_size=9)))
    larger = np.zeros((height + 20, width + 20), np.uint8)
    cv2.fillPoly(larger, [(ring + 10).astype(np.int32)], 1)
    np.testing.assert_array_equal(
        fill_poly([ring], (height, width)), larger[10 : 10 + height, 10 : 10 + width]
    )


def test_a_polygon_far_beyond_the_picture_takes_no_memory():
    ring = np.array([[-(10**8), -(10**8)], [10**8, -(10**8)], [10**8, 10**8], [-(10**8), 10**8]])
    assert fill_poly([ring], (3, 5)).all()


def as_the_sdk_reads(item, size):
    """The pixels of an object, as ``supervisely`` 6.74 reads them."""
    mask = np.zeros(size, np.uint8)
    if "bitmap" in item:
        packed = zlib.decompress(base64.b64decode(item["bitmap"]["data"]))
        decoded = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_UNCHANGED)
        patch = decoded if decoded.ndim == 2 else decoded[:, :, 3]
        x, y = item["bitmap"]["origin"]
        mask[y : y + patch.shape[0], x : x + patch.shape[1]] = patch != 0
        return mask
    (x0, y0), (x1, y1) = item["points"]["exterior"]
    mask[y0 : y1 + 1, x0 : x1 + 1] = 1
    return mask


def test_every_kind_of_instance_is_written_to_the_pixel(tmp_path):
    dataset = shapes.data_set()
    supervisely.write(dataset, tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")
    assert shapes.masks(read) == shapes.masks(dataset)
    objects = tiny.load(tmp_path / "out/train/ann/é0.png.json")["objects"]
    assert [o["geometryType"] for o in objects] == ["bitmap"] * 5
    for item, segment in zip(objects, dataset[0].segments, strict=True):
        np.testing.assert_array_equal(
            as_the_sdk_reads(item, shapes.SIZE), segment.to_rle(*shapes.SIZE).to_mask()
        )


def test_crowds_scores_boxes_and_attributes_are_kept(tmp_path):
    fields = {"category_id": 1, "iscrowd": True, "score": 0.25, "attributes": {"a": [1]}}
    box = Segment(id=7, bbox=(2, 3, 4, 5), source_kind="box", **fields)
    report = count_losses(shapes.data_set((box,)), tmp_path)
    assert "stated" not in report
    (segment,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (segment.id, segment.iscrowd, segment.score, segment.bbox) == (7, True, 0.25, (2, 3, 4, 5))
    assert segment.attributes["a"] == [1]
    meta = tiny.load(tmp_path / "out/meta.json")
    assert [(t["name"], t["value_type"]) for t in meta["tags"]] == [
        ("iscrowd", "none"), ("confidence", "any_number"), ("segbench", "any_string"),
    ]  # fmt: skip


def count_losses(dataset, tmp_path):
    report = segbench.convert(dataset, tmp_path / "out", target_format="supervisely", allow_loss=True)
    return {loss.feature: loss.count for loss in report.losses}


def test_a_box_of_fractions_is_announced(tmp_path):
    box = Segment(id=1, category_id=0, bbox=(2.5, 3, 4, 5.25), source_kind="box")
    assert count_losses(shapes.data_set((box,)), tmp_path)["stated"] == 1
    (segment,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert segment.bbox == (2, 3, 5, 6)  # every pixel that it touches


def test_polygons_of_other_formats_become_bitmaps_and_are_announced(tmp_path):
    assert count_losses(shapes.data_set(), tmp_path)["polygons"] == 2


def test_what_was_changed_since_is_not_written_as_it_was(tmp_path):
    from dataclasses import replace

    (sample,) = segbench.open_dataset(put(tmp_path / "set", bitmap(id=4)))
    moved = replace(sample.segments[0], rle=shapes.instances()[3].rle)
    supervisely.write(shapes.data_set((moved,)), tmp_path / "out")
    (written,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (written.id, written.to_rle(*shapes.SIZE)) == (4, moved.rle)


def test_objects_of_renamed_classes_keep_their_points(tmp_path):
    source = put(tmp_path / "set", polygon(SQUARE, classId=7))
    labels = tmp_path / "labels.toml"
    labels.write_text('drop = ["cat"]\n[[category]]\nname = "hound"\nfrom = ["dog"]\n')
    segbench.convert(source, tmp_path / "out", target_format="supervisely", labels=labels, allow_loss=True)
    (item,) = tiny.load(tmp_path / "out/ds/ann/1.png.json")["objects"]
    assert (item["classTitle"], item["points"]["exterior"], "classId" in item) == ("hound", SQUARE, False)


def test_a_class_becomes_one_of_any_shape_where_it_has_to(tmp_path):
    from dataclasses import replace

    dataset = segbench.open_dataset(put(tmp_path / "set", polygon(SQUARE, id=3)))
    (segment,) = dataset[0].segments
    sample = replace(dataset[0], segments=(replace(segment, rle=None, bbox=(0, 0, 2, 2), source_kind="box"),))
    changed = segbench.canonical.dataset.Dataset(
        name="x", categories=dataset.categories, image_ids=["ds/1"], load=[sample].__getitem__,
        tasks=("instance",), extra=dataset.extra,
    )  # fmt: skip
    supervisely.write(changed, tmp_path / "out")
    assert [c["shape"] for c in tiny.load(tmp_path / "out/meta.json")["classes"]] == ["any", "any"]


def test_geometries_may_stand_in_the_class_alone(tmp_path):
    bare = {k: v for k, v in polygon(SQUARE).items() if k not in ("geometryType", "shape")}
    (segment,) = segbench.open_dataset(put(tmp_path / "set", bare))[0].segments
    assert segment.to_rle(4, 6).area == 20


def test_data_sets_are_splits_and_may_be_nested(tmp_path):
    root = put(tmp_path / "set", bitmap())
    (root / "ds").rename(root / "train")
    nested = put(tmp_path / "other", bitmap(), bitmap((0, 0))) / "ds"
    (root / "train/datasets").mkdir()
    nested.rename(root / "train/datasets/night")
    dataset = segbench.open_dataset(root)
    assert dataset.splits == {"train": 2}
    assert dataset.image_ids == ["train/1", "train/night/1"]
    written = back(root, tmp_path)
    assert (written / "train/datasets/night/ann/1.png.json").is_file()
    assert (written / "train/datasets/night/img/1.png").is_file()


def test_pictures_may_be_missing_and_names_have_their_suffix_where_they_must(tmp_path):
    root = put(tmp_path / "set", bitmap())
    content = tiny.load(root / "ds/ann/1.png.json")
    tiny.dump(root / "ds/ann/1.jpg.json", content)
    dataset = segbench.open_dataset(root)
    assert dataset.image_ids == ["ds/1", "ds/1.png"]
    assert [s.image_file is None for s in dataset] == [True, False]
    segbench.convert(root, tmp_path / "back", target_format="supervisely", images="none")
    assert sorted(p.name for p in (tmp_path / "back/ds/ann").iterdir()) == ["1.jpg.json", "1.png.json"]
    assert segbench.open_dataset(tmp_path / "back").fingerprint == dataset.fingerprint


def test_bitmaps_of_grey_and_of_no_zlib_are_read(tmp_path):
    grey = to_base64(zlib.compress(encode_labels(np.uint8([[0, 1], [255, 0]]))))
    plain = to_base64(segbench.canonical.images.encode_image(np.uint8([[[0, 9]], [[0, 0]], [[0, 0]]])))
    sample = segbench.open_dataset(put(tmp_path / "set", bitmap((5, 0), grey), bitmap((-1, 2), plain)))[0]
    masks = [s.to_rle(4, 6).to_mask() for s in sample.segments]
    assert [np.argwhere(m).tolist() for m in masks] == [[[1, 5]], [[2, 0]]]


def test_rest_of_an_image_is_kept_in_its_custom_data(tmp_path):
    content = tiny.instances()
    content["images"][0]["flickr_url"] = "x"
    source = tiny.put_instances(tmp_path / "in", content)
    segbench.convert(source, tmp_path / "out", target_format="supervisely", allow_loss=True)
    sample = segbench.open_dataset(tmp_path / "out")[0]
    assert sample.extra["image"]["flickr_url"] == "x" if "image" in sample.extra else "x" in str(sample.extra)


def test_losses_are_announced(tmp_path):
    source = tiny.put_instances(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "out", target_format="supervisely", dry_run=True)
    assert [(loss.feature, loss.count) for loss in report.losses if loss.grave] == []
    no_pixel = Segment(id=1, category_id=0)
    with pytest.raises(LossError, match="objects told apart: 1"):
        segbench.convert(shapes.data_set((no_pixel,)), tmp_path / "out", target_format="supervisely")
    panoptic = tiny.put_panoptic(tmp_path / "panoptic")
    segbench.convert(panoptic, tmp_path / "out", target_format="supervisely", allow_loss=True)
    assert sniff(tmp_path / "out") == "supervisely"


def packed(data):
    return to_base64(zlib.compress(data))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (bitmap(data=5), r"objects\[0\].bitmap.data: is no base64 text"),
        (bitmap(data="AAAA"), r"objects\[0\].bitmap.data: is no readable image"),
        (bitmap(data=packed(b"")), r"objects\[0\].bitmap.data: is no PNG"),
        (bitmap(data=to_base64(zlib.compress(b"x" * 99)[:-5])), r"objects\[0\].bitmap.data: ends too early"),
        (bitmap(data=packed(bytes(300_000))), r"objects\[0\].bitmap.data: unpacks to more than 100000 bytes"),
        (bitmap(data=packed(bomb())), "declares 60000×60000 pixels"),
        (bitmap(origin=(1,)), r"objects\[0\].bitmap.origin: has \[1\], which is no point"),
        (thing(bitmap=None), r"objects\[0\].bitmap: is missing, or no object"),
        (polygon([[1, 2], [3]]), r"objects\[0\].points.exterior: has \[3\], which is no point"),
        (polygon(SQUARE, [[1, "x"]]), r"objects\[0\].points.interior\[0\]: has \[1, 'x'\]"),
        (thing(shape="polygon"), r"objects\[0\].points: is missing, or no object"),
        (thing(shape="rectangle", points={"exterior": [[0, 0]]}), r"exterior: a rectangle has 1 point"),
        (thing(shape="multipolygon", parts=[5]), r"objects\[0\].parts\[0\]: is no object"),
        (bitmap(classTitle="cow"), r"objects\[0\].classTitle: is 'cow', which meta.json lacks"),
        (bitmap(tags=5), r"objects\[0\].tags: is missing, or no list"),
        (bitmap(tags=[{}]), r"objects\[0\].tags: has a tag without a name"),
        (bitmap(tags=[{"name": "confidence", "value": [1]}]), r"tags.confidence: is no finite number"),
        (
            bitmap(tags=[{"name": "segbench", "value": "[]"}]),
            r"tags: the tag 'segbench' holds no JSON object",
        ),
    ],
)
def test_objects_are_checked(found, message, tmp_path, monkeypatch):
    monkeypatch.setattr(patches, "MAX_TEXT", 100_000)
    with pytest.raises(DataError, match=rf"1.png.json: image ds/1: .*{message}"):
        _ = segbench.open_dataset(put(tmp_path / "set", found))[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": {"height": 0, "width": 6}}, "size: the image is 6×0 pixels"),
        ({"size": 5}, "size: is missing, or no object"),
        ({"objects": {}}, "objects: is missing, or no list"),
    ],
)
def test_files_are_checked(fields, message, tmp_path):
    with pytest.raises(DataError, match=f"1.png.json: image ds/1: {message}"):
        _ = segbench.open_dataset(put(tmp_path / "set", **fields))[0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([{"title": 5}], r"meta.json: classes\[0\].title: is missing, or no text"),
        ([{"title": "a"}, {"title": "a"}], r"meta.json: classes\[1\].title: 'a' stands twice"),
        (None, "meta.json: classes: is missing, or no list"),
    ],
)
def test_classes_are_checked(classes, message, tmp_path):
    with pytest.raises(DataError, match=message):
        segbench.open_dataset(put(tmp_path / "set", meta={"classes": classes}))
