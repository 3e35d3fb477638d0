"""SA-1B: masks without class, what the model said of them, and the way to COCO and back."""

import numpy as np
import pytest
from formats import tiny
from pycocotools import mask as pycocotools_mask

import segbench
from segbench.errors import DataError, UsageError
from segbench.formats import sniff

MASKS = (tiny.square((4, 6), 0, 0, 3, 4), tiny.square((4, 6), 1, 1, 4, 6))


def annotation(number, mask, **fields):
    ys, xs = np.nonzero(mask)
    box = [int(xs.min()), int(ys.min()), int(np.ptp(xs)), int(np.ptp(ys))]  # of SA-1B: without the last pixel
    return {
        "id": 500 + number, "segmentation": tiny.rle(mask), "bbox": box, "area": int(mask.sum()),
        "predicted_iou": 0.9 + number / 100, "stability_score": 0.97, "crop_box": [0, 0, 6, 4],
        "point_coords": [[1.5, 2.25]],
    } | fields  # fmt: skip


def content(*annotations, **fields):
    image = {"image_id": 7, "width": 6, "height": 4, "file_name": "sa_1.jpg"} | fields
    return {"image": image, "annotations": list(annotations or map(annotation, range(2), MASKS))}


def put(root, **fields):
    tiny.put_pictures(root, {1: (4, 6)})
    (root / "1.png").rename(root / "sa_1.png")
    tiny.dump(root / "sa_1.json", content(**fields))
    return root


def test_everything_is_read(tmp_path):
    root = put(tmp_path / "set")
    dataset = segbench.open_dataset(root)
    assert (sniff(root), dataset.id2label, dataset.image_ids) == ("sa-1b", {0: "object"}, ["sa_1"])
    (sample,) = dataset
    for segment, mask, row in zip(sample.segments, MASKS, content()["annotations"], strict=True):
        np.testing.assert_array_equal(segment.to_rle(4, 6).to_mask(), mask)
        np.testing.assert_array_equal(pycocotools_mask.decode(row["segmentation"]), mask)
        assert (segment.id, segment.source_area, segment.bbox) == (row["id"], row["area"], tuple(row["bbox"]))
        said = ("predicted_iou", "stability_score", "crop_box", "point_coords")
        assert segment.attributes == {key: row[key] for key in said}
    assert sample.extra["sa-1b"] == {"image_id": 7, "file_name": "sa_1.jpg"}
    assert sample.image.shape == (3, 4, 6)


def test_coco_keeps_all_of_it(tmp_path):
    root = put(tmp_path / "set")
    report = segbench.convert(root, tmp_path / "coco", target_format="coco")
    assert not [loss for loss in report.losses if loss.grave]
    (file,) = (tmp_path / "coco/annotations").glob("*.json")
    rows = tiny.load(file)["annotations"]
    for ours, theirs in zip(rows, content()["annotations"], strict=True):
        assert {key: ours[key] for key in theirs} == theirs


def test_folders_are_no_splits_unless_they_are_called_so(tmp_path):
    for folder in ("sa_000000", "sa_000001", "val"):
        put(tmp_path / "set" / folder)
    dataset = segbench.open_dataset(tmp_path / "set")
    assert dataset.splits == {"train": 2, "val": 1}
    assert dataset.image_ids == ["sa_000000/sa_1", "sa_000001/sa_1", "val/sa_1"]
    assert segbench.open_dataset(tmp_path / "set/val/sa_1.json").image_ids == ["sa_1"]


def test_it_is_not_written(tmp_path):
    with pytest.raises(UsageError, match="write coco"):
        segbench.convert(put(tmp_path / "set"), tmp_path / "out", target_format="sa-1b")


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (content(width=7), r"annotations\[0\].segmentation: is of size \[4, 6\], the image of \[4, 7\]"),
        (content(height=None), "image: the size of the image is no pair of integers"),
        ({"annotations": []}, "image: is missing"),
        ({"image": content()["image"]}, "annotations: is missing, or no list"),
        (content(annotation(0, MASKS[0], id=None)), r"annotations\[0\].id: has the value None"),
        (content(annotation(0, MASKS[0]), annotation(0, MASKS[0])), "annotations: an id stands twice"),
        (
            content(annotation(0, MASKS[0], segmentation={"size": [4, 6], "counts": "zz"})),
            r"annotations\[0\].segmentation: ",
        ),
    ],
)
def test_files_are_checked(spoilt, message, tmp_path):
    tiny.dump(tmp_path / "sa_1.json", spoilt)
    with pytest.raises(DataError, match=f"sa_1.json: image sa_1: {message}"):
        _ = segbench.open_dataset(tmp_path, format="sa-1b")[0]


def test_a_folder_without_json(tmp_path):
    with pytest.raises(DataError, match=r"holds no \*.json"):
        segbench.open_dataset(tmp_path, format="sa-1b")
