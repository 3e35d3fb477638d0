"""What other converters get wrong, and what their users complain about most: each held right here.

Faults were seen in datumaro 1.13.12, supervision 0.31.2, OpenCV and Pillow; complaints are threads of GitHub.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from formats import tiny
from matrix import jpeg
from PIL import Image

import segbench
from segbench.canonical.images import encode_labels
from segbench.errors import DataError, LossError


def put(file, array, palette=None):
    """Write a label map, by Pillow where it has a palette."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if palette is None:
        file.write_bytes(encode_labels(array))
        return file
    picture = Image.fromarray(array)
    picture.putpalette(palette)
    picture.save(file)
    return file


def put_coco(root, *annotations, sizes=((9, 12),), categories=({"id": 1, "name": "a"},), pictures=True):
    """COCO instances of these annotations, each on the first picture unless it says otherwise."""
    images = [
        {"id": i, "height": h, "width": w, "file_name": f"{i}.png"} for i, (h, w) in enumerate(sizes, 1)
    ]
    usual = {"image_id": 1, "category_id": categories[0]["id"], "iscrowd": 0, "area": 4, "bbox": [0, 0, 2, 2]}
    rows = [{"id": i, **usual, **row} for i, row in enumerate(annotations, 1)]
    if pictures:
        tiny.put_pictures(root / "val", dict(enumerate(sizes, 1)))
    content = {"images": images, "annotations": rows, "categories": list(categories)}
    return tiny.dump(root / "instances_val.json", content)


def rows_of(folder, kind="instances"):
    (file,) = (folder / "annotations").glob(f"{kind}_*.json")
    return tiny.load(file)


def converted(source, target, name, **options):
    segbench.convert(source, target, target_format=name, allow_loss=True, **options)
    return segbench.open_dataset(target, format=name)


def ring():
    mask = tiny.square((9, 12), 1, 1, 8, 10)
    mask[3:6, 4:7] = 0
    return mask


CITY = np.uint16([[26_000] * 3 + [26_001] * 3, [24_000] * 3 + [26] * 3, [7] * 6])
"""Two cars, a person, a group of cars and road."""


def city(root):
    put(root / "gtFine/val/ulm/ulm_000000_000019_gtFine_instanceIds.png", CITY)
    return root


def test_cityscapes_objects_are_not_lost_in_a_group_of_their_class(tmp_path):
    """datumaro reads such a map as road and the group alone; both cars and the person are gone."""
    (sample,) = dataset = segbench.open_dataset(city(tmp_path))
    names = [(dataset.id2label[s.category_id], s.id, s.iscrowd) for s in sample.segments]
    assert sorted(names) == [
        ("car", 26, True), ("car", 26_000, False), ("car", 26_001, False), ("person", 24_000, False),
        ("road", 7, False),
    ]  # fmt: skip


def test_cityscapes_train_id_0_is_road(tmp_path):
    """datumaro drops class 0 of ``labelTrainIds``."""
    ids = np.uint8([[0, 0, 13], [255, 11, 0]])
    put(tmp_path / "gtFine/val/ulm/ulm_000000_000019_gtFine_labelTrainIds.png", ids)
    dataset = segbench.open_dataset(tmp_path)
    (sample,) = dataset
    names = [[dataset.id2label.get(int(v)) for v in row] for row in sample.mask]
    assert names == [["road", "road", "car"], [None, "person", "road"]]


def test_cityscapes_instance_ids_are_written_as_ids_of_instances(tmp_path):
    """datumaro writes class ids into ``instanceIds`` (#325, #342); cityscapesScripts#32: 8 of 16 bits."""
    converted(city(tmp_path / "in"), tmp_path / "out", "cityscapes")
    (file,) = (tmp_path / "out").rglob("*_instanceIds.png")
    stored = np.asarray(Image.open(file))
    np.testing.assert_array_equal(stored, CITY)


@pytest.mark.parametrize(
    ("name", "pattern"), [("voc", "SegmentationClass/*.png"), ("cityscapes", "*_labelIds.png")]
)
def test_every_image_gets_its_mask(name, pattern, tmp_path):
    """datumaro wrote masks for 132 of 300 images, without an error; supervision#2285."""
    sizes = [(4, 6)] * 7
    masks = [
        {"image_id": i, "segmentation": tiny.rle(tiny.square((4, 6), 0, 0, 2, i % 5 + 1))}
        for i in range(1, 8, 2)
    ]
    source = put_coco(tmp_path, *masks, sizes=sizes, categories=[{"id": 26, "name": "car"}])
    converted(source, tmp_path / "out", name)
    assert len(list((tmp_path / "out").rglob(pattern))) == 7


def test_coco_stays_coco_verbatim(tmp_path):
    """datumaro rounds polygons to 32 bits, makes polygons of run lengths and fills their holes, and numbers
    categories anew (fiftyone#1939, #2428, #4162)."""
    polygon = [0.1, 0.2, 7.000000001, 0.30000000000000004, 5.5, 6.7]
    categories = [{"id": 90, "name": "b"}, {"id": 3, "name": "a"}, {"id": 17, "name": "c"}]
    source = put_coco(
        tmp_path, {"segmentation": [polygon], "category_id": 17}, {"segmentation": tiny.rle(ring())},
        categories=categories,
    )  # fmt: skip
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "out", target_format="coco")
    assert report.losses == []
    before, after = tiny.load(source), rows_of(tmp_path / "out")
    assert after["annotations"] == before["annotations"]
    assert sorted(map(str, after["categories"])) == sorted(map(str, categories))


def test_panoptic_keeps_isthing_and_ids(tmp_path):
    """datumaro makes ``isthing`` of the first category 0 and 1 to 133 of 200 (cvat#4791)."""
    content = tiny.panoptic()
    content["categories"] = [c | {"id": 200 if c["id"] == 3 else c["id"]} for c in content["categories"]]
    for annotation in content["annotations"]:
        for row in annotation["segments_info"]:
            row["category_id"] = 200 if row["category_id"] == 3 else row["category_id"]
    source = tiny.put_panoptic(tmp_path / "in", content)
    segbench.convert(source, tmp_path / "canonical")
    segbench.convert(tmp_path / "canonical", tmp_path / "out.json", target_format="coco-panoptic")
    assert tiny.by_id(tiny.load(tmp_path / "out.json"))["categories"] == tiny.by_id(content)["categories"]


def test_voc_stays_a_palette_and_the_boundary_is_no_object(tmp_path):
    """datumaro writes RGB and takes the boundary 255 for an object (labelme#704: more than 255 values)."""
    colors = [v for i in range(256) for v in (i, 255 - i, i // 2)]
    classes = np.uint8([[0, 255, 1, 1], [0, 255, 15, 15]])
    objects = np.uint8([[0, 255, 1, 1], [0, 255, 2, 2]])
    put(tmp_path / "in/SegmentationClass/a.png", classes, colors)
    put(tmp_path / "in/SegmentationObject/a.png", objects, colors)
    (sample,) = dataset = converted(tmp_path / "in", tmp_path / "out", "voc", images="none")
    things = [dataset.id2label[s.category_id] for s in sample.segments if s.category_id]
    assert sorted(things) == ["aeroplane", "person"]
    assert (sample.mask == 255).sum() == 2
    with Image.open(tmp_path / "out/SegmentationClass/a.png") as written:
        assert written.mode == "P"
        np.testing.assert_array_equal(np.asarray(written), classes)


def test_palette_maps_give_their_indices(tmp_path):
    """OpenCV gives three channels, Pillow's ``convert("L")`` luminance (detectron2#1760, mmseg#1784)."""
    ids = np.uint8([[0, 1, 2], [5, 255, 0]])
    colors = [200, 10, 10] * 128 + [7, 90, 255] * 128
    put(tmp_path / "masks/a.png", ids, colors)
    dataset = segbench.open_dataset(tmp_path / "masks")
    np.testing.assert_array_equal(dataset[0].mask, ids)


def test_a_turned_picture_has_its_truth_upright(tmp_path):
    """``datasets`` and OpenCV turn as EXIF says, Pillow does not; labelme#1529, coco-annotator#557."""
    mask = tiny.square((8, 24), 1, 2, 5, 20)
    source = put_coco(tmp_path, {"segmentation": tiny.rle(mask)}, sizes=[(8, 24)])
    data = jpeg(8, 24, turned=True)
    (tmp_path / "val/1.png").write_bytes(data)
    (sample,) = converted(source, tmp_path / "out", "segbench")
    assert (sample.image.shape, sample.mask.shape) == ((3, 8, 24), (8, 24))
    assert sample.image_file.read() == data
    stored = np.rot90(mask)  # the truth may have been drawn on the picture as it is stored
    other = put_coco(tmp_path / "stored", {"segmentation": tiny.rle(stored)}, sizes=[stored.shape])
    (tmp_path / "stored/val/1.png").write_bytes(data)
    (turned,) = converted(other, tmp_path / "turned", "segbench")
    np.testing.assert_array_equal(turned.mask, sample.mask)
    neither = put_coco(tmp_path / "neither", {"segmentation": tiny.rle(mask[:, :9])}, sizes=[(8, 9)])
    (tmp_path / "neither/val/1.png").write_bytes(data)
    with pytest.raises(DataError, match="the image is 24×8 pixels, its annotation 9×8"):
        segbench.convert(neither, tmp_path / "refused")


MEASURE = """
import resource, sys, segbench
segbench.convert(sys.argv[1], sys.argv[2], target_format=sys.argv[3], images="none", allow_loss=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of memory differs")
def test_memory_does_not_grow_with_masks(tmp_path):
    """supervision holds each mask of the data set as a picture (supervision#267, #1762; datumaro#391)."""
    size, peak = (1200, 1600), {}
    for n in (5, 60):
        masks = [
            {"image_id": i, "segmentation": tiny.rle(tiny.square(size, j * 9, 0, 1100, 1500 - i))}
            for i in range(1, n + 1)
            for j in range(8)
        ]
        source = put_coco(tmp_path / str(n), *masks, sizes=[size] * n, pictures=False)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, source, tmp_path / f"out{n}", "voc"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peak[n] = int(done.stdout.split()[-1]) / 1024
    assert peak[60] - peak[5] < 60 * 8 * 1200 * 1600 / 2**20 / 20, (
        peak
    )  # megabytes; dense masks would take 879


@pytest.mark.parametrize("name", ["coco", "yolo-seg", "labelme", "cvat", "supervisely", "label-studio"])
def test_holes_are_kept(name, tmp_path):
    """cocoapi#153, ultralytics#1106, #1862, supervision#574."""
    source = put_coco(tmp_path, {"segmentation": tiny.rle(ring())})
    (sample,) = converted(source, tmp_path / "out", name)
    np.testing.assert_array_equal(sample.segments[0].to_rle(9, 12).to_mask(), ring())


def test_run_lengths_are_no_crowd_and_polygons_may_be_one(tmp_path):
    """cvat#7030, pycococreator#10: whether it is a crowd says ``iscrowd``, not how it is drawn."""
    polygon = [[0, 0, 4, 0, 4, 4]]
    rows = [
        {"segmentation": tiny.rle(ring()), "iscrowd": 0}, {"segmentation": tiny.rle(ring()), "iscrowd": 1},
        {"segmentation": polygon, "iscrowd": 1}, {"segmentation": polygon, "iscrowd": 0},
    ]  # fmt: skip
    for name in ("coco", "labelme", "cvat", "supervisely"):
        (sample,) = converted(put_coco(tmp_path / name, *rows), tmp_path / name / "out", name)
        found = sorted((s.iscrowd, s.to_rle(9, 12).area) for s in sample.segments)
        assert [crowd for crowd, _ in found] == [False, False, True, True], name
        assert found[0][1] == found[2][1], name


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of memory differs")
def test_large_category_ids_take_no_memory(tmp_path):
    """fiftyone#4293: an id of two thousand millions makes no table of as many rows."""
    import resource

    categories = [{"id": 2_000_000_000, "name": "far"}, {"id": 5, "name": "near"}]
    source = put_coco(tmp_path, {"segmentation": tiny.rle(ring())}, categories=categories)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset = converted(source, tmp_path / "out", "coco")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    assert dataset.categories.by_source_id(2_000_000_000).name == "far"
    assert (dataset[0].mask == 1).sum() == ring().sum()


def test_overlaps_are_refused_for_panoptic_or_painted_by_a_named_policy(tmp_path):
    """panopticapi#44, #51, #57."""
    low, high = tiny.square((9, 12), 0, 0, 8, 8), tiny.square((9, 12), 4, 4, 9, 12)
    rows = [{"segmentation": tiny.rle(m)} for m in (low, high)]
    source = put_coco(tmp_path, *rows, categories=[{"id": 1, "name": "a", "isthing": 1}])
    with pytest.raises(LossError, match="pixels that several objects cover: 16"):
        segbench.convert(source, tmp_path / "no", target_format="coco-panoptic")
    for overlap, top in (("order", 2), ("area", 2)):
        target = tmp_path / f"{overlap}.json"
        segbench.convert(source, target, target_format="coco-panoptic", overlap=overlap, allow_loss=True)
        (sample,) = segbench.open_dataset(target)
        assert sample.segment_map[5, 5] == top
        stated = {row["id"]: row["area"] for row in tiny.load(target)["annotations"][0]["segments_info"]}
        assert stated == {i: int((sample.segment_map == i).sum()) for i in (1, 2)}


def test_zero_label_and_ignore_are_not_off_by_one(tmp_path):
    """mmseg#932, #1955, #3787: 0 becomes 255, 255 stays, all others one less; and back as they were."""
    ids = np.uint8([[0, 1, 2], [150, 255, 0]])
    put(tmp_path / "masks/a.png", ids)
    (sample,) = segbench.open_dataset(tmp_path / "masks", options={"reduce_zero_label": True})
    np.testing.assert_array_equal(sample.mask, [[255, 0, 1], [149, 255, 255]])
    (plain,) = segbench.open_dataset(tmp_path / "masks")
    np.testing.assert_array_equal(plain.mask, ids)


@pytest.mark.parametrize(
    "name",
    [
        "coco",
        "voc",
        "yolo-seg",
        "labelme",
        "cvat",
        "supervisely",
        "label-studio",
        "instance-png",
        "webdataset",
    ],
)
def test_images_without_objects_are_not_dropped(name, tmp_path):
    """label-studio#1470, pylabel#56."""
    source = put_coco(tmp_path, {"segmentation": tiny.rle(ring())}, sizes=[(9, 12), (5, 5), (4, 4)])
    dataset = converted(source, tmp_path / "out", name)
    assert sorted((s.height, s.width) for s in dataset) == [(4, 4), (5, 5), (9, 12)]


def test_panoptic_becomes_panoptic_or_is_refused(tmp_path):
    """fiftyone#2620: stuff that a format of instances cannot hold is not left out in silence."""
    with pytest.raises(LossError, match="uncountable categories"):
        segbench.convert(tiny.put_panoptic(tmp_path), tmp_path / "out", target_format="coco")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../../x.png", "/etc/x.png", "C:\\x.png", "a/../../x.png"])
def test_names_do_not_leave_the_target(name, tmp_path):
    """make-sense#351, datumaro PR#2201, datasets#8324."""
    content = json.loads(put_coco(tmp_path, {"segmentation": tiny.rle(ring())}).read_text())
    content["images"][0]["file_name"] = name
    source = tiny.dump(tmp_path / "instances_val.json", content)
    with pytest.raises(DataError, match="file_name: .*leads out of its folder"):
        segbench.convert(source, tmp_path / "out", target_format="voc", images="none", allow_loss=True)
    assert not (tmp_path / "out").exists()


def test_names_that_collide_are_refused(tmp_path):
    """Files that differ in case alone, or whose folders a flat format drops, would overwrite each other."""
    content = json.loads(put_coco(tmp_path, sizes=[(9, 12), (9, 12)]).read_text())
    for one, other in (("a/1.png", "A/1.png"), ("é.png", "É.png")):
        for image, name in zip(content["images"], (one, other), strict=True):
            image["file_name"] = name
        source = tiny.dump(tmp_path / "instances_val.json", content)
        with pytest.raises(DataError, match="differ in case alone"):
            segbench.convert(
                source, tmp_path / "out", target_format="labelme", images="none", allow_loss=True
            )


@pytest.mark.parametrize("name", ["cvat", "supervisely", "label-studio"])
def test_categories_of_one_name_are_refused_by_formats_that_know_names(name, tmp_path):
    """datumaro#1160."""
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]
    source = put_coco(tmp_path, {"segmentation": tiny.rle(ring())}, categories=categories)
    assert len(converted(source, tmp_path / "coco", "coco").categories) == 2
    with pytest.raises(DataError, match="are both called 'a'"):
        segbench.convert(source, tmp_path / "out", target_format=name, allow_loss=True)
