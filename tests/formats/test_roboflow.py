"""Roboflow's exports: the category of the project, ids that start anew, and masks with a list of values."""

import numpy as np
import pytest
from formats import tiny

import segbench
from segbench.canonical.images import encode_labels
from segbench.errors import DataError, UsageError
from segbench.formats import sniff

CATEGORIES = [
    {"id": 0, "name": "animals", "supercategory": "none"},
    {"id": 1, "name": "cat", "supercategory": "animals"},
    {"id": 2, "name": "dog", "supercategory": "animals"},
]
CLASSES = "Pixel Value, Class\n0, background\n2, dog\n7, cat\n"


def annotation(number, image, category, mask):
    return {
        "id": number, "image_id": image, "category_id": category, "iscrowd": 0, "area": int(mask.sum()),
        "bbox": [0, 0, 2, 2], "segmentation": tiny.rle(mask),
    }  # fmt: skip


def content(*more, categories=CATEGORIES):
    images = [
        {
            "id": i,
            "license": 1,
            "file_name": f"{n}.png",
            "height": h,
            "width": w,
            "extra": {"name": f"{n}.jpg"},
        }
        for i, (n, (h, w)) in enumerate(tiny.SIZES.items())
    ]
    found = [annotation(0, 0, 2, tiny.square((4, 6), 0, 0, 2, 2)), *more]
    return {"images": images, "categories": categories, "annotations": found}


def put(root, **fields):
    for split in ("train", "valid"):
        tiny.put_pictures(root / split)
        tiny.dump(root / split / "_annotations.coco.json", content(**fields))
    return root


def put_masks(root, classes=CLASSES):
    for split, value in (("train", 7), ("valid", 2)):
        tiny.put_pictures(root / split)
        for name, size in tiny.SIZES.items():
            mask = np.zeros(size, np.uint8)
            mask[:2, :2] = value
            (root / split / f"{name}.png").rename(root / split / f"{split}{name}.jpg")
            (root / split / f"{split}{name}_mask.png").write_bytes(encode_labels(mask))
        (root / split / "_classes.csv").write_text(classes)
    return root


def test_the_category_of_the_project_is_no_class(tmp_path):
    root = put(tmp_path / "set")
    dataset = segbench.open_dataset(root)
    assert (dataset.format, dataset.splits) == ("roboflow", {"train": 2, "valid": 2})
    assert [(c.id, c.name, c.key) for c in dataset.categories] == [(0, "cat", 1), (1, "dog", 2)]
    assert dataset.image_ids == ["train/0", "train/1", "valid/0", "valid/1"]
    (segment,) = dataset[2].segments
    assert (segment.category_id, segment.to_rle(4, 6).area) == (1, 4)
    np.testing.assert_array_equal(dataset[0].mask[:2, :2], 1)
    assert dataset[0].image.shape == (3, 4, 6)


@pytest.mark.parametrize("name", ["valid/_annotations.coco.json", "valid"])
def test_images_of_one_split_have_the_ids_of_the_file(name, tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set") / name)
    assert (dataset.format, dataset.splits, dataset.image_ids) == ("roboflow", {"valid": 2}, ["0", "1"])


def test_results_of_one_split_are_scored_and_the_annotation_0_is_told(tmp_path):
    """Roboflow numbers annotations from 0, and COCOeval takes a match with that one for none."""
    file = put(tmp_path / "set") / "valid/_annotations.coco.json"
    tiny.dump(file, content(annotation(1, 1, 1, tiny.square((5, 5), 0, 0, 3, 3))))
    rows = tiny.load(file)["annotations"]
    wanted = ("image_id", "category_id", "segmentation")
    results = [{key: row[key] for key in wanted} | {"score": 0.5} for row in rows]
    record = segbench.score(file, tiny.dump(tmp_path / "results.json", results), out=tmp_path / "runs")
    assert {row["name"]: round(row["ap"], 9) for row in record.per_class} == {"cat": 1, "dog": 0}
    assert any("have id 0" in str(warning) for warning in record.warnings)


def test_a_category_0_that_is_a_class_stays_one(tmp_path):
    used = annotation(1, 0, 0, tiny.square((4, 6), 2, 0, 4, 2))
    root = put(tmp_path / "used")
    tiny.dump(root / "valid/_annotations.coco.json", content(used))
    assert [c.name for c in segbench.open_dataset(root).categories] == ["animals", "cat", "dog"]
    plain = [c | {"supercategory": "none"} for c in CATEGORIES]
    dataset = segbench.open_dataset(put(tmp_path / "plain", categories=plain))
    assert [c.name for c in dataset.categories] == ["animals", "cat", "dog"]


def test_it_becomes_coco_without_a_loss(tmp_path):
    report = segbench.convert(put(tmp_path / "set"), tmp_path / "out", target_format="coco")
    assert report.losses == []
    written = tiny.load(tmp_path / "out/annotations/instances_train.json")
    assert written["categories"] == CATEGORIES[1:]
    theirs, ours = content(), segbench.open_dataset(tmp_path / "out")
    assert [image["extra"] for image in written["images"]] == [image["extra"] for image in theirs["images"]]
    assert ours.image_ids == ["train/0", "train/1", "valid/0", "valid/1"]


def test_masks_have_the_values_of_the_list(tmp_path):
    dataset = segbench.open_dataset(put_masks(tmp_path / "set"))
    assert (dataset.format, dataset.tasks) == ("roboflow", ("semantic",))
    assert [(c.id, c.name, c.key) for c in dataset.categories] == [
        (0, "background", 0), (1, "dog", 2), (2, "cat", 7),
    ]  # fmt: skip
    assert dataset.splits == {"train": 2, "valid": 2}
    assert dataset.image_ids == ["train1", "train2", "valid1", "valid2"]
    assert [sample.mask[0, 0] for sample in dataset] == [2, 2, 1, 1]
    assert all(sample.image.shape[1:] == sample.mask.shape for sample in dataset)


def test_one_split_of_masks(tmp_path):
    dataset = segbench.open_dataset(put_masks(tmp_path / "set") / "valid")
    assert (dataset.splits, dataset.image_ids) == ({"valid": 2}, ["valid1", "valid2"])


def test_the_list_of_a_classification_is_none_of_values(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/_classes.csv").write_text("filename, cat, dog\n1.jpg, 0, 1\n")
    with pytest.raises(DataError, match="is in no format that is known"):
        sniff(tmp_path)


def test_it_is_not_written(tmp_path):
    with pytest.raises(UsageError, match="write coco, or png for masks"):
        segbench.convert(put(tmp_path / "set"), tmp_path / "out", target_format="roboflow")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("Pixel Value, Class\n0, a\nx, b\n", "line 3: is 'x,b', which is no value and class"),
        ("Pixel Value, Class\n0, a\n0, b\n", "line 3: the value 0 stands twice"),
        ("Pixel Value, Class\n70000, a\n", "line 2: is '70000,a'"),
        ("Pixel Value, Class\n", "_classes.csv: names no class"),
        ("Pixel Value, Class\n0, a\n", "image train1: mask: has the value 7, which is none of the classes"),
    ],
)
def test_lists_of_values_are_checked(classes, message, tmp_path):
    with pytest.raises(DataError, match=message):
        list(segbench.open_dataset(put_masks(tmp_path / "set", classes)))


def test_splits_must_agree(tmp_path):
    root = put_masks(tmp_path / "masks")
    (root / "valid/_classes.csv").write_text(CLASSES.replace("cat", "cow"))
    with pytest.raises(DataError, match="valid/_classes.csv: has other classes than train/_classes.csv"):
        segbench.open_dataset(root)
    root = put(tmp_path / "set")
    tiny.dump(
        root / "valid/_annotations.coco.json", content(categories=[*CATEGORIES, {"id": 3, "name": "x"}])
    )
    with pytest.raises(DataError, match="has other categories than the splits before it"):
        segbench.open_dataset(root)


def test_a_folder_of_neither(tmp_path):
    with pytest.raises(DataError, match=r"holds no _annotations.coco.json, and no _classes.csv"):
        segbench.open_dataset(tmp_path, format="roboflow")
