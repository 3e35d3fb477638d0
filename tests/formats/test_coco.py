"""COCO instances and results: what is read, kept, written, and what pycocotools makes of it."""

import contextlib
import errno
import io
import json
import os

import numpy as np
import pytest
from formats import tiny
from pycocotools.coco import COCO

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UsageError
from segbench.formats import coco, open_predictions


def rewrite(content, tmp_path, name="instances_val.json"):
    """Write a JSON, open it, write it again, and return what stands there."""
    source = tiny.dump(tmp_path / "in" / name, content)
    coco.write(segbench.open_dataset(source, format="coco"), tmp_path / "out" / name)
    return tiny.load(tmp_path / "out" / name)


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(tiny.put_instances(tmp_path))
    assert dataset.format == "coco"
    assert dataset.tasks == ("instance",)
    assert dataset.splits == {"val": 2}
    assert dataset.image_ids == ["1", "2"]
    assert dataset.id2label == {0: "cat", 1: "dog", 2: "grass"}
    assert [c.source_id for c in dataset.categories] == [3, 7, 90]
    assert dataset.extra["licenses"] == [{"id": 4, "name": "CC BY"}]
    first, second = dataset
    polygon, pixels = first.segments
    assert polygon.polygons == (
        (0.1, 0.2, 2.5, 0.0, 2.5, 3.0, 0.0, 3.0),
        (4.0, 0.0, 6.0, 0.0, 6.0, 2.0, 4.0, 2.0),
    )
    assert (polygon.source_area, polygon.bbox) == (7.5, (0, 0, 2.5, 3))
    assert polygon.attributes == {"attributes": {"é": "ß"}}
    assert [s.source_kind for s in (*first.segments, *second.segments)] == ["polygon", "rle", "runs"]
    assert [s.iscrowd for s in second.segments] == [True]
    assert first.extra == {"license": 4}
    np.testing.assert_array_equal(pixels.to_rle(4, 6).to_mask(), tiny.square((4, 6), 1, 1, 4, 4))
    assert first.image.shape == (3, 4, 6)


def test_it_comes_back_as_it_was(tmp_path):
    assert rewrite(tiny.instances(), tmp_path) == tiny.instances()


def test_annotations_may_come_before_images_and_categories(tmp_path):
    content = dict(reversed(tiny.instances().items()))
    assert list(content)[1] == "annotations"
    assert rewrite(content, tmp_path) == tiny.instances()


@pytest.mark.parametrize(
    "field",
    [
        {"id": 2**40 + 1},
        {"bbox": None},
        {"segmentation": []},
        {"score": 0.25},
        {"ignore": 1},
        {"ignore": 0},
        {"area": 0},
        {"area": 1e-7},
        {"track_id": 5, "occluded": True, "nested": {"a": [None, "x"]}},
        {"segmentation": [[0, 0, 3, 3]]},
    ],
)
def test_fields_of_an_annotation_are_kept(field, tmp_path):
    content = tiny.instances()
    content["annotations"][0] |= field
    written = rewrite(content, tmp_path)["annotations"][0]
    assert {key: written.get(key) for key in field} == (
        field if field != {"bbox": None} else {"bbox": [0, 0, 6, 3]}
    )


def test_fields_of_images_categories_and_the_file_are_kept(tmp_path):
    content = tiny.instances()
    content["images"][0] |= {"coco_url": "http://é", "date_captured": None, "neg_category_ids": [90, 3]}
    content["images"][1]["not_exhaustive_category_ids"] = []
    content["categories"][0] |= {"synset": "cat.n.01", "frequency": "f", "color": [1, 2, 3], "isthing": 1}
    content["categories"][1] |= {"supercategory": None, "color": "red", "keypoints": ["nose"]}
    content |= {"type": "instances", "videos": [{"id": 1}], "empty": []}
    written = rewrite(content, tmp_path)
    assert written == content
    dataset = segbench.open_dataset(tmp_path / "in/instances_val.json")
    assert dataset[0].neg_category_ids == (2, 0)
    assert dataset[0].not_exhaustive_category_ids is None
    assert dataset[1].not_exhaustive_category_ids == ()
    assert dataset.categories[0].color == (1, 2, 3)
    assert [c.frequency for c in dataset.categories] == ["f", None, None]
    assert dataset.categories[1].color is None


def test_an_image_without_annotations_and_a_file_without_annotations_are_kept(tmp_path):
    content = tiny.instances()
    content["annotations"] = content["annotations"][:1]
    dataset = segbench.open_dataset(tiny.dump(tmp_path / "a.json", content))
    assert [len(sample.segments) for sample in dataset] == [1, 0]
    assert dataset.splits == {"train": 2}
    content["annotations"] = []
    assert rewrite(content, tmp_path)["images"] == content["images"]


@pytest.mark.parametrize(
    "ids", [["a", "é/1"], ["1", "2"], ["01", "2"], [2**33, 2**62], [-5, 0], ["中", "文"], [7.0, 3]]
)
def test_image_ids_keep_their_kind(ids, tmp_path):
    content = tiny.instances()
    for image, image_id in zip(content["images"], ids, strict=True):
        image["id"] = image_id
    for annotation in content["annotations"]:
        annotation["image_id"] = ids[annotation["image_id"] - 1]
    written = rewrite(content, tmp_path)
    assert tiny.by_id(written) == tiny.by_id(content)
    segbench.convert(tmp_path / "in/instances_val.json", tmp_path / "c", images="none")
    segbench.convert(tmp_path / "c", tmp_path / "again.json", target_format="coco")
    assert tiny.by_id(tiny.load(tmp_path / "again.json")) == tiny.by_id(content)


def test_images_come_in_the_order_of_numpy_unique():
    for ids in ([10, 9, 2**40, -1], ["b", "a10", "a9", "é"]):
        assert [ids[i] for i in coco.numpy_order(ids)] == np.unique(ids).tolist()


def test_unicode_and_nested_file_names(tmp_path):
    content = tiny.instances()
    name = "Straße/日本/écluse 1.png"
    content["images"][0]["file_name"] = name
    content["images"][1]["file_name"] = name.replace("1.png", "2.png")
    for image in content["images"]:
        file = tmp_path / "set/images" / image["file_name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_image(np.zeros((3, image["height"], image["width"]), np.uint8)))
    segbench.convert(tiny.dump(tmp_path / "set/é_val.json", content), tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="coco")
    assert tiny.load(tmp_path / "back/annotations/instances_val.json") == content
    assert (tmp_path / "back/val" / name).is_file()


def test_repeated_annotation_ids_are_noted_and_renumbered(tmp_path):
    content = tiny.instances()
    content["annotations"][2]["id"] = 11
    source = tiny.dump(tmp_path / "a.json", content)
    assert "1 annotation ids repeat" in segbench.open_dataset(source).notes[0]
    written = rewrite(content, tmp_path)["annotations"]
    assert [(row["id"], row["source_id"]) for row in written] == [(1, 11), (2, 12), (3, 11)]


def test_what_is_no_json_is_not_written(tmp_path):
    content = tiny.instances()
    content["annotations"][0]["note"] = float("nan")
    with pytest.raises(DataError, match=r"image 1: annotation 11: holds NaN"):
        rewrite(content, tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_segment_of_memory_gets_area_and_box(tmp_path):
    segments = (
        Segment(
            id=1, category_id=0, polygons=((0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0),), source_kind="polygon"
        ),
        Segment(id=2, category_id=0, bbox=(1.0, 1.0, 2.0, 2.5), source_kind="box", score=0.5),
        Segment(id=3, category_id=0, ignore=True),
    )
    sample = Sample(image_id="7", height=4, width=4, segments=segments, overlap=True)
    dataset = Dataset(
        name="memory",
        categories=Categories([Category(0, "thing")]),
        image_ids=["7"],
        load=lambda _: sample,
        tasks=["instance"],
    )
    coco.write(dataset, tmp_path / "a.json")
    content = tiny.load(tmp_path / "a.json")
    assert content["images"] == [{"id": 7, "height": 4, "width": 4}]
    drawn, box, nothing = content["annotations"]
    assert (drawn["area"], drawn["bbox"]) == (4, [0, 0, 2, 2])
    assert (box["area"], box["bbox"]) == (5, [1, 1, 2, 2.5])
    assert "segmentation" not in box
    assert (nothing["area"], nothing["segmentation"], nothing["ignore"]) == (0, [], 1)
    assert "ignore" not in drawn


# Results


def open_results(tmp_path, rows):
    truth = segbench.open_dataset(tiny.put_instances(tmp_path))
    return open_predictions(tiny.dump(tmp_path / "results.json", rows), truth)


def test_results_are_put_into_the_order_of_the_truth(tmp_path):
    predictions = open_results(tmp_path, list(reversed(tiny.results())))
    assert predictions.image_ids == ["1", "2"]
    assert [s.id for s in predictions[0].segments] == [
        1,
        2,
    ]  # their place in the file, as loadRes numbers them
    assert [s.category_id for s in predictions[0].segments] == [1, 0]
    assert [s.score for s in predictions[0].segments] == [0.5, 0.5]
    assert predictions[1].segments == ()
    assert predictions.notes == ()


@pytest.mark.parametrize("image_id", [2, "2", 2.0])
def test_results_with_boxes_alone_or_beside_masks(image_id, tmp_path):
    mask = tiny.rle(tiny.square(tiny.SIZES[2], 0, 0, 2, 2))
    box = {"image_id": image_id, "category_id": 3, "bbox": [1, 2, 3, 4.5], "score": 1}
    predictions = open_results(tmp_path, [box, box | {"segmentation": mask}, box | {"category_id": 4}])
    alone, both = predictions[1].segments
    assert (alone.source_kind, alone.bbox, alone.rle) == ("box", (1, 2, 3, 4.5), None)
    assert (both.source_kind, both.rle.area) == ("rle", 4)
    assert predictions.notes == ("1 predictions of categories that the truth lacks are left out",)


def test_a_truth_without_categories_takes_no_results(tmp_path):
    content = tiny.instances() | {"annotations": [], "categories": []}
    truth = segbench.open_dataset(tiny.put_instances(tmp_path, content))
    predictions = open_predictions(tiny.dump(tmp_path / "results.json", tiny.results()), truth)
    assert predictions.notes == ("2 predictions of categories that the truth lacks are left out",)


def test_no_results_are_results(tmp_path):
    assert all(sample.segments == () for sample in open_results(tmp_path, []))


# The folder that COCO publishes


def put_layout(root):
    for split, first in (("train", 1), ("val", 5)):
        content = tiny.instances()
        content["info"]["split"] = split
        tiny.put_pictures(root / split, {first: (4, 6), first + 1: (5, 5)})
        for image, image_id in zip(content["images"], (first, first + 1), strict=True):
            image |= {"id": image_id, "file_name": f"{image_id}.png"}
        for annotation in content["annotations"]:
            annotation["image_id"] += first - 1
            annotation["id"] += 10 * first
        tiny.dump(root / f"annotations/instances_{split}.json", content)
    return root


def test_a_layout_with_splits_comes_back_as_it_was(tmp_path):
    source = put_layout(tmp_path / "set")
    dataset = segbench.open_dataset(source)
    assert dataset.splits == {"train": 2, "val": 2}
    assert dataset.format == "coco"
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="coco", images="copy")
    files = [sorted(p.relative_to(r).as_posix() for p in r.rglob("*.*")) for r in (source, tmp_path / "back")]
    assert files[0] == files[1]
    for split in ("train", "val"):
        name = f"annotations/instances_{split}.json"
        assert tiny.load(tmp_path / "back" / name) == tiny.load(source / name)
        assert segbench.open_dataset(source, split=split).image_ids == [
            str(image["id"]) for image in tiny.load(source / name)["images"]
        ]


def test_a_layout_into_one_file_needs_one_split(tmp_path):
    source = put_layout(tmp_path / "set")
    with pytest.raises(UsageError, match="choose one of train, val"):
        segbench.convert(source, tmp_path / "all.json", target_format="coco")
    segbench.convert(source, tmp_path / "val.json", target_format="coco", splits=["val"])
    expected = tiny.load(source / "annotations/instances_val.json")
    assert tiny.load(tmp_path / "val.json") == expected
    assert not list(tmp_path.glob(".*"))


def test_an_image_id_in_two_splits_names_both_files(tmp_path):
    source = put_layout(tmp_path / "set")
    content = tiny.load(source / "annotations/instances_train.json")
    tiny.dump(source / "annotations/instances_val.json", content)
    with pytest.raises(DataError, match=r"instances_val.json: image 1: images: .*instances_train.json too"):
        segbench.open_dataset(source)


def test_splits_of_other_categories_are_refused(tmp_path):
    source = put_layout(tmp_path / "set")
    content = tiny.load(source / "annotations/instances_val.json")
    content["categories"][0]["name"] = "lion"
    tiny.dump(source / "annotations/instances_val.json", content)
    with pytest.raises(DataError, match="instances_val.json: has other categories"):
        segbench.open_dataset(source)


@pytest.mark.parametrize(
    "place", [".", "images", "val", "images/val", "../val", "../images", "../images/val"]
)
def test_pictures_are_found(place, tmp_path):
    tiny.put_pictures(tmp_path / "annotations" / place)
    file = tiny.dump(tmp_path / "annotations/instances_val.json", tiny.instances())
    assert segbench.open_dataset(file)[0].image.shape == (3, 4, 6)


def test_pictures_are_found_where_they_are_named(tmp_path):
    tiny.put_pictures(tmp_path / "elsewhere")
    file = tiny.dump(tmp_path / "a/instances_val.json", tiny.instances())
    assert segbench.open_dataset(file)[0].image_file is None
    dataset = segbench.open_dataset(file, options={"images": tmp_path / "elsewhere"})
    assert dataset[1].image.shape == (3, 5, 5)
    with pytest.raises(DataError, match="nowhere: the folder of pictures is no folder"):
        segbench.open_dataset(file, options={"images": str(tmp_path / "nowhere")})


def test_two_pictures_of_one_name_are_refused(tmp_path):
    content = tiny.instances()
    content["images"][1]["file_name"] = "A.png"
    content["images"][0]["file_name"] = "a.png"
    for name, size in (("a.png", (4, 6)), ("A.png", (5, 5))):
        file = tmp_path / "val" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(encode_image(np.zeros((3, *size), np.uint8)))
    source = tiny.dump(tmp_path / "instances_val.json", content)
    with pytest.raises(DataError, match="two images are called 'A.png'"):
        segbench.convert(source, tmp_path / "out", target_format="coco")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_vanished_is_named(tmp_path):
    source = tiny.put_instances(tmp_path)
    (tmp_path / "val/2.png").unlink()
    with pytest.raises(DataError, match=r"val/2.png: image 2: image: cannot take over the picture: No such"):
        segbench.convert(source, tmp_path / "out", target_format="coco")
    assert not (tmp_path / "out").exists()
    segbench.convert(source, tmp_path / "out", target_format="coco", images="none")


def test_a_full_disk_is_no_fault_of_a_picture(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))

    source = tiny.put_instances(tmp_path)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        segbench.convert(source, tmp_path / "out", target_format="coco", images="copy")
    assert raised.value.filename.startswith(str(tmp_path / ".out."))
    assert not (tmp_path / "out").exists()


# What pycocotools makes of it


def load_with_pycocotools(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_pycocotools_reads_what_we_write_and_draws_what_we_draw(data_dir, tmp_path):
    source = data_dir / "coco_tiny/annotations/instances_val2017.json"
    segbench.convert(source, tmp_path / "canonical", images="none", packed=True)
    segbench.convert(tmp_path / "canonical", tmp_path / "back.json", target_format="coco")
    theirs = load_with_pycocotools(tmp_path / "back.json")
    dataset = segbench.open_dataset(tmp_path / "back.json")
    for sample in list(dataset)[::4]:
        for segment in sample.segments:
            expected = theirs.annToMask(theirs.anns[segment.id])
            np.testing.assert_array_equal(segment.to_rle(sample.height, sample.width).to_mask(), expected)


def test_pycocotools_reads_instances_made_of_a_segment_map(tmp_path):
    source = tiny.put_panoptic(tmp_path)
    segbench.convert(source, tmp_path / "back.json", target_format="coco", allow_loss=True)
    theirs = load_with_pycocotools(tmp_path / "back.json")
    maps = tiny.segment_maps()
    for annotation, (image_id, segment_id) in zip(
        theirs.dataset["annotations"], [(1, 5), (2, 300)], strict=True
    ):
        assert annotation["image_id"] == image_id
        assert annotation["iscrowd"] == int(segment_id == 300)
        np.testing.assert_array_equal(theirs.annToMask(annotation), maps[image_id] == segment_id)
    assert [a["id"] for a in theirs.dataset["annotations"]] == [1, 2] or "source_id" not in annotation


@pytest.mark.parametrize("first", [True, False])
def test_the_first_result_decides_whether_boxes_beside_masks_are_read(tmp_path, first):
    rle = Rle.from_mask(np.eye(4, 6, dtype=np.uint8))
    counts = {"size": [4, 6], "counts": rle.counts.decode()}
    truth = {
        "images": [{"id": 1, "height": 4, "width": 6}],
        "annotations": [],
        "categories": [{"id": 1, "name": "a"}],
    }
    result = {"image_id": 1, "category_id": 1, "segmentation": counts, "score": 0.5}
    boxed = {**result, "bbox": [0, 0, 2, 3]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps([boxed, result] if first else [result, boxed]))
    found = open_predictions(tmp_path / "results.json", segbench.open_dataset(tmp_path / "truth.json"))
    boxes = [s.bbox for s in found[0].segments]
    assert boxes == ([(0.0, 0.0, 2.0, 3.0), None] if first else [None, None])
    assert "1 of 2 results have a bbox" in found.notes[0]
