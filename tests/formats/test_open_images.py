"""Open Images: masks of another size than the picture, groups, boxes without masks, absent labels."""

import base64
import zlib

import cv2
import numpy as np
import pytest
from canonical.make import oriented
from formats import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as pycocotools_mask

import segbench
from segbench.canonical.images import encode_labels
from segbench.errors import DataError, UsageError
from segbench.formats import open_predictions, sniff
from segbench.formats.open_images_tables import resample

MASKS = """\
MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks
1_m01_aa.png,1,/m/01,aa,0.000000,0.500000,0.000000,1.000000,0.81,0.1 0.2 1;0.3 0.4 0
1_m02_bb.png,1,/m/02,bb,0.333333,1.000000,0.250000,1.000000,,
2_m01_cc.png,2,/m/01,cc,,,,,,
"""
BOXES = """\
ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside
1,xclick,/m/01,1,0,0.5,0,1,1,0,0,0,-1
1,xclick,/m/02,1,0.3333333,1,0.25,1,0,0,1,0,0
1,xclick,/m/02,1,0.5,1,0,0.5,0,0,1,0,0
1,xclick,/m/09,1,0,1,0,1,0,0,0,0,0
7,xclick,/m/01,1,0,1,0,1,0,0,0,0,0
"""
LABELS = """\
ImageID,Source,LabelName,Confidence
1,verification,/m/01,1
2,verification,/m/02,0
2,verification,/m/09,0
"""
NAMES = "/m/02,Dog\n/m/01,Cat\n/m/09,Bird\n"
SIZES = {"1_m01_aa": (4, 6), "1_m02_bb": (8, 12), "2_m01_cc": (5, 5)}


def put(root, masks=MASKS, boxes=BOXES, labels=LABELS, names=NAMES, sizes=SIZES):
    tiny.put_pictures(root / "images/validation")
    folder = root / "annotations"
    folder.mkdir()
    files = {"object-segmentation": masks, "bbox": boxes, "human-imagelabels": labels}
    for name, text in files.items():
        if text is not None:
            (folder / f"validation-annotations-{name}.csv").write_text(text)
    if names is not None:
        (folder / "class-descriptions-boxable.csv").write_text(names)
    (root / "masks/validation-masks-0").mkdir(parents=True)
    for name, (height, width) in sizes.items():
        mask = np.zeros((height, width), np.uint8)
        mask[: height // 2, : width // 2] = 255
        (root / "masks/validation-masks-0" / f"{name}.png").write_bytes(encode_labels(mask))
    return root


def test_everything_is_read(tmp_path):
    root = put(tmp_path / "set")
    dataset = segbench.open_dataset(root)
    assert (sniff(root), dataset.splits, dataset.image_ids) == ("open-images", {"validation": 2}, ["1", "2"])
    assert dataset.id2label == {0: "Dog", 1: "Cat"}
    assert dataset.extra["category_fields"] == {"0": {"mid": "/m/02"}, "1": {"mid": "/m/01"}}
    first, second = dataset
    assert [(s.id, s.source_id, s.category_id, s.iscrowd, s.ignore) for s in first.segments] == [
        (1, "aa", 1, False, False), (2, "bb", 0, True, False), (3, None, 0, True, True),
    ]  # fmt: skip
    cat, dog, box = first.segments
    expected = tiny.square((4, 6), 0, 0, 2, 3)
    for segment in (cat, dog):
        np.testing.assert_array_equal(segment.to_rle(4, 6).to_mask(), expected)
    assert (cat.bbox, box.bbox) == ((0, 0, 3, 4), (3, 0, 3, 2))
    np.testing.assert_array_equal(box.to_rle(4, 6).to_mask(), tiny.square((4, 6), 0, 3, 2, 6))
    assert (first.mask[0].tolist(), first.mask[3].tolist()) == ([1] * 3 + [255] * 3, [255] * 6)
    assert cat.attributes == {
        "IsOccluded": 1, "IsTruncated": 0, "IsGroupOf": 0, "IsDepiction": 0, "IsInside": -1,
        "PredictedIoU": 0.81, "MaskPath": "1_m01_aa.png", "Clicks": "0.1 0.2 1;0.3 0.4 0",
    }  # fmt: skip
    assert dog.attributes["mask_size"] == [8, 12]
    assert (first.neg_category_ids, second.neg_category_ids) == ((), (0,))
    assert second.segments[0].bbox is None
    assert first.image.shape == (3, 4, 6)


@given(*[st.integers(1, 40)] * 4, st.integers(0, 2**32 - 1))
def test_masks_are_resampled_by_the_centres_of_pixels(height, width, h, w, seed):
    """As OpenCV's exact nearest does it, but where a centre lies between two pixels of the mask."""
    mask = np.random.default_rng(seed).random((h, w)) < 0.5
    if abs(h * width - w * height) > 2 * max(h, w, height, width):
        with pytest.raises(DataError, match="is not the shape"):
            resample(mask, (height, width))
        return
    theirs = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    rows, columns = ((2 * np.arange(n) + 1) * m % (2 * n) > 0 for n, m in ((height, h), (width, w)))
    decided = np.ix_(rows | (h == height), columns | (w == width))
    np.testing.assert_array_equal(theirs[decided], resample(mask, (height, width))[decided])


def test_sizes_of_published_masks_are_taken():
    """Of train images 0cddfe521cf926bf and 00802057aa93bcae, whose masks were rounded otherwise."""
    for mask, picture in (((1200, 1600), (768, 1024)), ((1068, 1600), (684, 1024))):
        assert resample(np.ones(mask, bool), picture).shape == picture


def test_without_boxes_labels_and_names(tmp_path):
    dataset = segbench.open_dataset(put(tmp_path / "set", boxes=None, labels=None, names=None))
    assert dataset.id2label == {0: "/m/01", 1: "/m/02"}
    assert [(len(s.segments), s.neg_category_ids) for s in dataset] == [(2, None), (1, None)]
    assert not any(s.iscrowd for sample in dataset for s in sample.segments)


def test_a_list_of_classes_orders_them(tmp_path):
    root = put(tmp_path / "set", names="LabelName,DisplayName\n/m/01,Cat\n/m/02,Cat\n")
    listed = root / "annotations/classes-segmentation.txt"
    listed.write_text("/m/09\n/m/02\n/m/01\n")
    assert segbench.open_dataset(root).id2label == {0: "/m/09", 1: "Cat (/m/02)", 2: "Cat (/m/01)"}
    listed.write_text("/m/09\n/m/02\n")
    with pytest.raises(DataError, match="classes-segmentation.txt: lacks the label '/m/01'"):
        segbench.open_dataset(root)


def test_pictures_without_a_mask_are_images_too(tmp_path):
    root = put(tmp_path / "set", masks=MASKS.replace("2_m01_cc.png,2,/m/01,cc,,,,,,\n", ""))
    dataset = segbench.open_dataset(root)
    assert [(s.image_id, len(s.segments)) for s in dataset] == [("1", 3), ("2", 0)]


def test_without_pictures_the_masks_say_the_size(tmp_path):
    root = put(tmp_path / "set", sizes=SIZES | {"1_m02_bb": (4, 6)})
    (root / "images").rename(tmp_path / "elsewhere")
    assert [(s.height, s.width) for s in segbench.open_dataset(root)] == [(4, 6), (5, 5)]
    (root / "masks/validation-masks-0/1_m02_bb.png").write_bytes(encode_labels(np.zeros((8, 12), np.uint8)))
    with pytest.raises(DataError, match="no picture of it to measure, and its masks are of 2 sizes"):
        _ = segbench.open_dataset(root)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("lies", [False, True])
def test_smaller_masks_lie_as_their_picture(orientation, lies, tmp_path):
    """The picture is stored 6 × 4; masks were drawn on that, or on what EXIF makes of it."""
    sizes = {k: (h, w) if lies else (w, h) for k, (h, w) in SIZES.items()}
    root = put(tmp_path, boxes=None, labels=None, sizes=sizes)
    (file,) = (root / "images/validation").glob("1.*")
    Image.open(file).convert("RGB").save(file, exif=oriented(orientation))
    if orientation < 5 and not lies:
        with pytest.raises(DataError, match="is not the shape of the picture"):
            segbench.open_dataset(root).by_id("1")
        return
    sample = segbench.open_dataset(root).by_id("1")
    expected = (6, 4) if orientation >= 5 and not lies else (4, 6)
    assert (sample.height, sample.width) == sample.image.shape[1:] == sample.mask.shape == expected
    top, left = expected[0] // 2, expected[1] // 2
    mask = sample.segments[0].to_rle(*expected).to_mask()
    assert (mask[:top, :left] == 1).all()
    assert mask.sum() == top * left


def test_coco_and_lvis_keep_what_they_can(tmp_path):
    root = put(tmp_path / "set")
    report = segbench.convert(root, tmp_path / "coco", target_format="coco", allow_loss=True)
    assert [loss.feature for loss in report.losses] == ["ids", "repeated_ids"]  # BoxIDs are text
    written = tiny.load(tmp_path / "coco/annotations/instances_validation.json")
    assert [c["mid"] for c in written["categories"]] == ["/m/02", "/m/01"]
    assert [(a["iscrowd"], a.get("ignore")) for a in written["annotations"]] == [
        (0, None), (1, None), (1, 1), (0, None),
    ]  # fmt: skip
    assert written["images"][1]["neg_category_ids"] == [0]


def test_predictions_in_a_box_without_a_mask_are_excused(tmp_path):
    """As the Object Detection API takes what matches a group, or a box without a mask, out of the score."""
    inside, right, wrong = (tiny.square((4, 6), *at) for at in ((0, 3, 2, 6), (0, 0, 2, 3), (3, 0, 4, 6)))
    rows = [("1", 0, inside, 0.9), ("1", 1, right, 0.8), ("2", 1, tiny.square((5, 5), 0, 0, 2, 2), 0.7)]
    results = [
        {"image_id": i, "category_id": c, "segmentation": tiny.rle(m), "score": s} for i, c, m, s in rows
    ]
    root = put(tmp_path / "set")

    def score(found):
        file = tiny.dump(tmp_path / "results.json", found)
        return segbench.score(root, file, out=tmp_path / "runs").per_class

    assert [row["ap"] for row in score(results)][1] == pytest.approx(1)
    noise = {"image_id": "1", "category_id": 1, "segmentation": tiny.rle(wrong), "score": 0.95}
    assert [row["ap"] for row in score([*results, noise])][1] < 0.9


def put_results(file, *rows):
    """``(image, label, score, mask)`` as the Object Detection API reads them; pycocotools packs the mask."""
    lines = ["ImageID,ImageWidth,ImageHeight,LabelName,Score,Mask"]
    for image, label, score, mask in rows:
        counts = pycocotools_mask.encode(np.asfortranarray(mask))["counts"]
        packed = base64.b64encode(zlib.compress(counts)).decode()
        lines.append(f"{image},{mask.shape[1]},{mask.shape[0]},{label},{score},{packed}")
    file.write_text("\n".join(lines) + "\n")
    return file


def test_predictions_of_the_challenge_are_scored(tmp_path):
    """In the size of the picture or another; as the same results of COCO."""
    root = put(tmp_path / "set", boxes=None)
    rows = [
        ("1", "/m/01", 0.8, tiny.square((8, 12), 0, 0, 4, 6)),
        ("1", "/m/02", 0.7, tiny.square((4, 6), 0, 0, 2, 2)),
        ("2", "/m/01", 0.6, tiny.square((5, 5), 0, 0, 2, 2)),
        ("2", "/m/01", 0.9, tiny.square((5, 5), 3, 3, 5, 5)),
    ]
    file = put_results(tmp_path / "results.csv", *rows)
    assert sniff(file) == "open-images"
    ours = segbench.score(root, file, out=tmp_path / "runs")
    ids = {"/m/02": 0, "/m/01": 1}
    results = [
        {"image_id": i, "category_id": ids[label], "segmentation": tiny.rle(m), "score": score}
        for i, label, score, mask in rows
        for m in [mask[1::2, 1::2] if mask.shape == (8, 12) else mask]
    ]
    theirs = segbench.score(root, tiny.dump(tmp_path / "r.json", results), out=tmp_path / "runs")
    assert ours.metrics["ap"].value == theirs.metrics["ap"].value > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("/m/01", "/m/77"), "the label '/m/77' is none of the truth"),
        (("1,6,4", "9,6,4"), "image 9: the prediction is for an image that the truth does not have"),
        (("0.8", "high"), "image 1: Score: is no number: 'high'"),
        (("1,6,4", "1,0,4"), "image 1: ImageWidth: the image is 0×4 pixels"),
        (("1,6,4", "1,7,4"), "image 1: Mask: "),
        (("eJ", "!!"), "image 1: Mask: is no base64"),
    ],
)
def test_predictions_are_checked(change, message, tmp_path):
    file = put_results(tmp_path / "results.csv", ("1", "/m/01", 0.8, tiny.square((4, 6), 0, 0, 2, 3)))
    file.write_text(file.read_text().replace(*change))
    truth = segbench.open_dataset(put(tmp_path / "set"))
    with pytest.raises(DataError, match=message):
        list(open_predictions(file, truth))


def test_it_is_not_written(tmp_path):
    with pytest.raises(UsageError, match="write lvis or coco"):
        segbench.convert(put(tmp_path / "set"), tmp_path / "out", target_format="open-images")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"masks": MASKS.replace("MaskPath", "Path")}, "segmentation.csv: has no column 'MaskPath'"),
        ({"masks": ""}, "segmentation.csv: is no CSV that can be read"),
        ({"boxes": BOXES.replace("XMin", "X")}, "bbox.csv: has no column 'XMin'"),
        ({"masks": MASKS.replace("0.81", "x")}, "image 1: PredictedIoU: is no number: 'x'"),
        ({"masks": MASKS.replace("0.500000", "nan")}, "image 1: BoxXMax: is no finite number"),
        (
            {"masks": MASKS.replace("1_m01_aa.png", "../x.png")},
            "MaskPath: .* leads out of its folder",
        ),
        (
            {"masks": MASKS.replace("aa.png", "zz.png")},
            "the mask '1_m01_zz.png' is missing below masks",
        ),
        (
            {"sizes": SIZES | {"1_m01_aa": (6, 40)}},
            "1_m01_aa.png: is 40×6 pixels, which is not",
        ),
        ({"names": "a,b,c\n"}, "class-descriptions-boxable.csv: has a line that is no label and name"),
        ({"labels": LABELS.replace("/m/02,0", "/m/02,no")}, "image 2: Confidence: is no number: 'no'"),
    ],
)
def test_files_are_checked(fields, message, tmp_path):
    with pytest.raises(DataError, match=message):
        list(segbench.open_dataset(put(tmp_path / "set", **fields)))


def test_a_folder_without_masks(tmp_path):
    with pytest.raises(DataError, match=r"holds no \*annotations-object-segmentation.csv"):
        segbench.open_dataset(tmp_path, format="open-images")
