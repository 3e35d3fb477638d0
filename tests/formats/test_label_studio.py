# ruff: noqa: E501 - a table, one case a line
"""Label Studio's JSON: regions, tasks, what is no region, predictions, and the way there and back."""

import numpy as np
import pytest
from formats import mutations, shapes, tiny
from hypothesis import given
from hypothesis import strategies as st

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import label_studio, sniff
from segbench.formats.brush import encode_brush
from segbench.formats.label_studio_regions import to_pixels
from segbench.formats.label_studio_write import _to_percent

CONFIG = """\
<View><Image name="image" value="$image"/>
<BrushLabels name="b" toName="image"><Label value="dog" background="#0a0b0c"/><Label value="cat &amp; co"/></BrushLabels>
<PolygonLabels name="p" toName="image"><Label value="cat &amp; co"/><Label value="cow" background="rgba(1,2,3,.5)"/></PolygonLabels></View>
"""
MASK = np.uint8([[0] * 6, [0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0] * 6])


def region(kind, given, label="cat & co", name="abc", size=tiny.SIZES[1], **fields):
    labels = {kind: [label]} if kind.endswith("labels") else {}
    return {
        "original_width": size[1], "original_height": size[0], "image_rotation": 0, "value": {**given, **labels},
        "id": name, "from_name": "b", "to_name": "image", "type": kind, "origin": "manual", **fields,
    }  # fmt: skip


def brush(mask=MASK, **fields):
    return region("brushlabels", {"format": "rle", "rle": list(encode_brush(mask))}, "dog", **fields)


POLYGON = region(
    "polygonlabels", {"points": [[10, 5.5], [66.6, 0], [66.6, 75]], "closed": True}, name="p1", score=0.5
)
ALL = [
    POLYGON,
    {"id": "k", "type": "keypointlabels", "value": {"x": 1, "y": 2, "keypointlabels": ["nose"]}},
    brush(name="b1", meta={"iscrowd": True, "text": ["x"]}),
    region("rectanglelabels", {"x": 50, "y": 25, "width": 25, "height": 50, "rotation": 0}, name="r1"),
    region("rectanglelabels", {"x": 50, "y": 25, "width": 25, "height": 50, "rotation": 90}, name="r2"),
    region("ellipselabels", {"x": 50, "y": 50, "radiusX": 20, "radiusY": 30, "rotation": 0}, name="e1"),
    region("polygon", {"points": [[0, 0], [50, 0], [50, 50]]}, name="two"),
    {"id": "two", "type": "labels", "value": {"points": [[0, 0]], "labels": ["cow"]}, "from_name": "l"},
    region("brush", {"format": "rle", "rle": [1]}, name="unnamed"),
    {"type": "choices", "value": {"choices": ["day"]}, "from_name": "c", "to_name": "image"},
]  # fmt: skip


def task(number, results, **fields):
    return {
        "id": number, "data": {"image": f"/data/upload/1/0a1b2c3d-{number}.png", "weather": "rain"},
        "annotations": [
            {"id": 7, "was_cancelled": True, "result": [POLYGON]},
            {"id": 8, "completed_by": 1, "ground_truth": False, "result": results, "lead_time": 1.5},
        ],
        "predictions": [], "meta": {}, "total_annotations": 2, **fields,
    }  # fmt: skip


def tasks():
    return [task(1, ALL), task(2, []), {"id": 5, "data": {"image": "s3://x/y/2.png"}, "annotations": []}]


def put(root, content=None):
    tiny.put_pictures(root / "images")
    (root / "images/1.png").rename(root / "images/0a1b2c3d-1.png")
    (root / "config.xml").write_text(CONFIG)
    tiny.dump(root / "tasks.json", tasks() if content is None else content)
    return root


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="label-studio")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_everything_is_read(tmp_path):
    source = put(tmp_path / "set")
    assert sniff(source) == sniff(source / "tasks.json") == "label-studio"
    dataset = segbench.open_dataset(source)
    assert dataset.id2label == {0: "dog", 1: "cat & co", 2: "cow"}
    assert dataset.categories[0].color == (10, 11, 12)
    assert dataset.image_ids == ["1", "2", "5"]
    assert dataset.notes == (
        "1 tasks have no annotation, and count as without objects",
        "2 tasks have several annotations; the ground truth counts, else the first that was not cancelled",
        "1 regions have no label, and are no objects",
    )
    sample = dataset[0]
    assert (sample.image.shape, dataset[1].segments, dataset[2].image.shape) == ((3, 4, 6), (), (3, 5, 5))
    polygon, mask, box, turned, ellipse, pair = sample.segments
    np.testing.assert_allclose(polygon.polygons, [[0.6, 0.22, 3.996, 0, 3.996, 3]])
    assert (polygon.source_id, polygon.score) == ("p1", 0.5)
    np.testing.assert_array_equal(mask.to_rle(4, 6).to_mask(), MASK)
    assert (mask.iscrowd, mask.category_id) == (True, 0)
    assert (box.bbox, box.source_kind) == ((3, 1, 1.5, 2), "box")
    np.testing.assert_allclose(np.reshape(turned.polygons, (-1, 2)), [[3, 1], [3, 2.5], [1, 2.5], [1, 1]])
    assert len(ellipse.polygons[0]) == 24
    assert dataset.id2label[pair.category_id] == "cow"


def test_it_comes_back_as_it_was(tmp_path):
    written = back(put(tmp_path / "set"), tmp_path)
    expected = tasks()
    expected[1]["data"] |= {"width": 5, "height": 5}  # no region says so, and the picture may be elsewhere
    expected[2]["data"] |= {"width": 5, "height": 5}
    assert tiny.load(written / "tasks.json") == expected
    assert (written / "config.xml").read_text() == CONFIG
    assert sorted(p.name for p in (written / "images").iterdir()) == [
        "0a1b2c3d-1.png",
        "0a1b2c3d-2.png",
        "2.png",
    ]


def test_the_ground_truth_counts(tmp_path):
    content = [task(1, [])]
    content[0]["annotations"].append({"id": 9, "ground_truth": True, "result": [brush()]})
    source = put(tmp_path / "set", content)
    assert len(segbench.open_dataset(source)[0].segments) == 1
    assert tiny.load(back(source, tmp_path) / "tasks.json") == content


@given(st.lists(st.floats(-50, 700), min_size=6, max_size=6), st.integers(1, 4000), st.integers(1, 4000))
def test_percent_is_read_as_the_same_pixels(points, height, width):
    """Exactly where these have up to ten decimals."""
    for decimals, tolerance in ((17, 6e-11), (10, 0), (2, 0)):
        wanted = np.round(points, decimals)
        percent = np.array(_to_percent(tuple(wanted.tolist()), (height, width))).reshape(-1, 2)
        read = to_pixels(percent, (height, width)).ravel()
        np.testing.assert_allclose(read, wanted, rtol=0, atol=tolerance)


def test_every_kind_of_instance_is_written_to_the_pixel(tmp_path):
    dataset = shapes.data_set()
    label_studio.write(dataset, tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")
    assert shapes.masks(read) == shapes.masks(dataset)
    assert read.image_ids == dataset.image_ids
    assert [s.id for s in read[0].segments] == [1, 2, 3, 4, 5]
    assert read[0].segments[1].polygons == dataset[0].segments[1].polygons
    content = tiny.load(tmp_path / "out/tasks.json")
    assert content[0]["data"] == {"image": "/data/local-files/?d=images/%C3%A90.png", "image_id": "é0"}
    kinds = [r["type"] for r in content[0]["annotations"][0]["result"]]
    assert kinds == ["brushlabels", "polygonlabels", *["brushlabels"] * 3]


def test_splits_and_ids_are_kept(tmp_path):
    label_studio.write(shapes.data_set(splits={"train": 1, "val": 1}), tmp_path / "out")
    read = segbench.open_dataset(tmp_path / "out")
    assert (read.splits, read.image_ids) == ({"train": 1, "val": 1}, ["é0", "é1"])
    assert read[1].image_file.name == "val/é1.png"
    again = back(tmp_path / "out", tmp_path)
    assert tiny.load(again / "tasks.json") == tiny.load(tmp_path / "out/tasks.json")


def test_crowds_scores_boxes_and_attributes_are_kept(tmp_path):
    fields = {"category_id": 1, "iscrowd": True, "ignore": True, "score": 0.1 + 0.2}
    box = Segment(id=9, bbox=(2, 3, 4.5, 5), source_kind="box", attributes={"a": [1, None]}, **fields)
    label_studio.write(shapes.data_set((box,)), tmp_path / "out")
    (segment,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (segment.id, segment.iscrowd, segment.ignore, segment.score) == (9, True, True, 0.1 + 0.2)
    assert (segment.bbox, segment.attributes["a"]) == ((2, 3, 4.5, 5), [1, None])


def test_coco_comes_back_but_for_what_was_announced(tmp_path):
    """Integer ids of images and of annotations are those of tasks and regions."""
    source = tiny.put_instances(tmp_path / "in")
    report = segbench.convert(source, tmp_path / "out", target_format="label-studio")
    assert [loss.feature for loss in report.losses] == [
        "polygons",
        "category_ids",
        "category_fields",
        "stated",
        "extra",
        "about",
    ]
    first, last = segbench.open_dataset(source), segbench.open_dataset(tmp_path / "out")
    assert shapes.masks(first) == shapes.masks(last)
    assert [[s.id for s in sample.segments] for sample in last] == [[11, 12], [13]]
    assert [t["id"] for t in tiny.load(tmp_path / "out/tasks.json")] == [1, 2]


def test_real_polygons_are_drawn_to_the_pixel(data_dir, tmp_path):
    """Percent of a polygon is read a last place off at times: where that moves a pixel, a brush is written."""
    source = segbench.open_dataset(data_dir / "coco_tiny")
    report = segbench.convert(source, tmp_path / "out", target_format="label-studio", images="none")
    read = segbench.open_dataset(tmp_path / "out")
    assert {s.image_id: m for s, m in zip(source, shapes.masks(source), strict=True)} == {
        s.image_id: m for s, m in zip(read, shapes.masks(read), strict=True)
    }
    kinds = [r["type"] for t in tiny.load(tmp_path / "out/tasks.json") for r in t["annotations"][0]["result"]]
    lost = {loss.feature: loss.count for loss in report.losses}["polygons"]
    assert (
        0 < lost == kinds.count("brushlabels") - sum(s.polygons is None for x in source for s in x.segments)
    )


def test_ids_that_would_change_are_announced(tmp_path):
    source = put(tmp_path / "set", [task(1, [brush(name="3"), brush(name="9")])])
    assert [s.id for s in segbench.open_dataset(source)[0].segments] == [3, 9]
    source = put(tmp_path / "both", [task(1, [brush(name="3"), brush(name="x")])])
    assert [(s.id, s.source_id) for s in segbench.open_dataset(source)[0].segments] == [(1, "3"), (2, "x")]
    dataset = shapes.data_set((Segment(id=7, source_id="x", category_id=0, bbox=(1, 1, 2, 2)),))
    with pytest.raises(LossError, match="segment ids of the source: 1"):
        segbench.convert(dataset, tmp_path / "out", target_format="label-studio")


def test_what_was_changed_since_is_not_written_as_it_was(tmp_path):
    from dataclasses import replace

    source = segbench.open_dataset(put(tmp_path / "set"))
    moved = replace(source[0].segments[1], rle=shapes.instances()[3].rle, category_id=2)
    label_studio.write(shapes.data_set((moved,)), tmp_path / "out")
    (written,) = segbench.open_dataset(tmp_path / "out")[0].segments
    assert (written.to_rle(*shapes.SIZE), written.category_id, written.source_id) == (moved.rle, 2, "b1")


def predictions(score=0.75, **fields):
    return [
        {
            "data": {"image": "x/1.png", "image_id": 1},
            "predictions": [{"model_version": "m", "score": score, "result": [brush(**fields)]}],
        }
    ]


def test_predictions_are_scored(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth", [task(1, [brush()]), task(2, [])]))
    file = tiny.dump(tmp_path / "p.json", predictions())
    found = segbench.formats.open_predictions(file, truth)
    assert [s.score for s in found[0].segments] == [0.75]
    assert (len(found), found[1].segments) == (2, ())
    record = segbench.score(tmp_path / "truth", file, out=None)
    assert record.metrics["ap"].value == pytest.approx(1)
    named = tiny.dump(tmp_path / "q.json", predictions(score=0.5))
    assert segbench.formats.open_predictions(named, truth)[0].segments[0].score == 0.5


def test_a_regions_score_goes_before_that_of_the_prediction(tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth", [task(1, [brush()])]))
    content = predictions()
    content[0]["predictions"][0]["result"][0]["score"] = 0.25
    found = segbench.formats.open_predictions(tiny.dump(tmp_path / "p.json", content), truth)
    assert found[0].segments[0].score == 0.25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (predictions(None), "image 1: predictions: a region has no score"),
        (
            [{"id": 3, "data": {}, "predictions": []}],
            "image 3: the prediction is for an image that the truth does not have",
        ),
        (predictions() * 2, "image 1: this image has two tasks"),
    ],
)
def test_predictions_are_checked(content, message, tmp_path):
    truth = segbench.open_dataset(put(tmp_path / "truth", [task(1, [brush()])]))
    with pytest.raises(DataError, match=message):
        _ = segbench.formats.open_predictions(tiny.dump(tmp_path / "p.json", content), truth)[0]


def test_a_file_of_predictions_alone_is_a_data_set_with_scores(tmp_path):
    dataset = segbench.open_dataset(tiny.dump(tmp_path / "p.json", predictions()))
    assert dataset.notes[0] == "no task has an annotation: predictions are read in their place"
    assert len(dataset[0].segments) == 1


def spoilt(**fields):
    return [task(1, [brush(**fields)])]


BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'>]><View>&a;</View>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"id": 1}], "image 1: data: is missing, or no object"),
        ([{"data": {"image_id": []}}], "data: image_id|image_id: is neither an integer nor a text"),
        ([{"data": {"split": "../x"}}], "data.split: "),
        ([{"id": 1, "data": {}, "annotations": 5}], "annotations: is missing, or no list"),
        ([task(1, [5])], "result\\[0\\]: is no object"),
        ([task(1, [brush()]), task(1, [])], "image 1: image_id: this image id stands twice"),
        (
            [{"data": {"image": "9.png"}, "annotations": []}],
            "image 1: data: has no region that states the size",
        ),
        (spoilt(original_width=None), "original_width: the size of the image is no pair of integers"),
        (
            spoilt(original_width=10**6, original_height=10**6),
            "original_width: the image is 1000000×1000000 pixels",
        ),
        (spoilt(original_width=7), r"result\[0\].value.rle: has 96 values; an image of 7×4 has 112"),
        ([task(1, [brush(), brush(original_width=7)])], r"result\[1\]: states another size"),
        (spoilt(image_rotation=90), "image_rotation: was drawn on a picture that had been turned"),
        (
            spoilt(value={"rle": [0, 256], "brushlabels": ["dog"]}),
            r"result\[0\].value.rle: bytes must be in range",
        ),
        (spoilt(value={"rle": ["x"], "brushlabels": ["dog"]}), r"result\[0\].value.rle: is no list of bytes"),
        (spoilt(value={"rle": [], "brushlabels": ["dog"]}), r"result\[0\].value.rle: ends too early"),
        (
            spoilt(type="polygonlabels", value={"points": [[1]], "polygonlabels": ["dog"]}),
            "which is no point",
        ),
        (
            spoilt(type="rectanglelabels", value={"x": 1, "y": "2", "rectanglelabels": ["dog"]}),
            "value.y: is no finite number",
        ),
        (spoilt(type="bitmasklabels"), r"result\[0\].type: has the type 'bitmasklabels', which is not read"),
        (spoilt(score="x"), r"result\[0\].score: is no finite number"),
        (spoilt(value={"rle": [], "brushlabels": ["dogs"]}), "the label 'dogs' is not in config.xml"),
    ],
)
def test_damage_is_named(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        segbench.convert(
            put(tmp_path / "set", content), tmp_path / "out", source_format="label-studio", images="none"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [(BOMB, "document type or entities"), ("<View>", "no well-formed XML"), ("\0", "no well-formed XML")],
)
def test_a_damaged_configuration_is_refused(text, message, tmp_path):
    source = put(tmp_path / "set")
    (source / "config.xml").write_text(text)
    with pytest.raises(DataError, match=f"config.xml: .*{message}"):
        segbench.open_dataset(source)


def test_two_categories_of_one_name_are_refused(tmp_path):
    dataset = shapes.data_set()
    dataset.categories = Categories([Category(0, "a"), Category(1, "b"), Category(2, "a")])
    with pytest.raises(DataError, match="categories 0 and 2 are both called 'a'"):
        label_studio.write(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_spoilt_files_are_refused_or_read(tmp_path):
    assert mutations.check(lambda root: put(root / "set"), tmp_path, format_name="label-studio", n=200) > 40
