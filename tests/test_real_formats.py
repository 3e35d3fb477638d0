"""Files of other tools are read as these, or their readers restated, read them: pixels, areas, layouts."""

import json

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.rle import Rle
from segbench.errors import DataError

AREAS = {
    "taco": ("data/annotations.json", "expected.json"),
    "coco128_coco": ("annotations/instances_train2017.json", "expected.json"),
}
MMSEG = "mmseg_testdata/tests/data"
ASSETS = "datumaro_assets/tests/assets"


@pytest.mark.parametrize("name", AREAS)
def test_every_annotation_has_the_area_and_box_of_pycocotools(name, data_dir):
    """Of TACO each eighth picture, the largest of which has 24 million pixels."""
    source, expected = (data_dir / name / file for file in AREAS[name])
    wanted = tiny.load(expected)["anns"]
    dataset = segbench.open_dataset(source)
    found = {
        str(segment.id): (rle.area, list(rle.bbox))
        for sample in (list(dataset) if name != "taco" else [dataset[i] for i in range(0, len(dataset), 8)])
        for segment in sample.segments
        if (rle := segment.to_rle(sample.height, sample.width)) is not None
    }
    assert len(found) > 500
    assert found == {key: tuple(wanted[key][:2]) for key in found}


def test_areas_of_the_data_science_bowl(data_dir):
    root = data_dir / "dsb2018_share"
    dataset = segbench.open_dataset(root / "stage1_train")
    wanted = tiny.load(root / "expected.json")
    areas = {s.image_id: sorted(x.rle.area for x in s.segments) for s in dataset}
    for image_id, row in wanted["images"].items():
        assert areas[image_id] == sorted(row["areas"].values())
    assert sum(map(len, areas.values())) == wanted["n_masks"] == 2758


def test_lightlys_semantic_masks_are_those_of_its_panoptic_truth(data_dir, tmp_path):
    """Every pixel of 100 pictures, 0 where the panoptic truth has nothing."""
    root = data_dir / "lightly_coco128"
    dataset = segbench.open_dataset(root / "panoptic_segmentation/annotations/panoptic_train2017.json")
    segbench.convert(dataset, tmp_path / "png", target_format="png", images="none", allow_loss=True)
    keys = np.array([c.key for c in dataset.categories] + [0] * (256 - len(dataset.categories)))
    files = sorted((root / "semantic_segmentation/masks/train2017").glob("*.png"))
    assert len(files) == len(dataset) == 100
    for file in files:
        (written,) = (tmp_path / "png").rglob(f"{int(file.stem)}.png")
        theirs, ours = (np.asarray(Image.open(f)).astype(int) for f in (file, written))
        np.testing.assert_array_equal(theirs, np.where(ours == 255, 0, ours))
        np.testing.assert_array_equal(theirs, keys[dataset.by_id(str(int(file.stem))).mask])


def test_lightlys_outlines_cover_the_objects_of_its_panoptic_truth(data_dir):
    """Class by class: outlines have six digits and no holes, so that pixels differ along them."""
    root = data_dir / "lightly_coco128"
    options = {"images": root / "images/train2017"}
    labels = segbench.open_dataset(root / "instance_segmentation", options=options)
    panoptic = segbench.open_dataset(
        root / "panoptic_segmentation/annotations/panoptic_train2017.json", options=options
    )
    key_of = {c.id: c.key for c in panoptic.categories}
    both = either = 0
    for sample in panoptic:
        name = sample.image_file.name.removesuffix(".jpg")
        outlines = labels.by_id(name)
        for category in {s.category_id for s in outlines.segments}:
            key = labels.categories[category].key
            ids = [s.id for s in sample.segments if key_of[s.category_id] == key and not s.iscrowd]
            theirs = np.isin(sample.segment_map, ids)
            drawn = [
                s.to_rle(sample.height, sample.width).to_mask()
                for s in outlines.segments
                if s.category_id == category
            ]
            ours = np.any(drawn, 0)
            both, either = both + (ours & theirs).sum(), either + (ours | theirs).sum()
    assert both / either > 0.92


@pytest.mark.parametrize("number", [0, 1])
def test_panopticapis_three_forms_say_the_same(number, data_dir):
    """Its maps of ids, its maps of two channels (class, number), and its masks as run lengths."""
    root = data_dir / "panopticapi_sample/sample_data"
    sample = segbench.open_dataset(root / "panoptic_examples.json")[number]
    detections = segbench.open_dataset(root / "panoptic_coco_detection_format.json", format="coco")
    categories = segbench.open_dataset(root / "panoptic_examples.json").categories
    name = f"{int(sample.image_id):012d}.png"
    two = np.asarray(Image.open(root / "panoptic_examples_2ch_format" / name)).astype(int)
    seen = sample.segment_map > 0
    key = np.array([c.key for c in categories] + [0] * (256 - len(categories)))
    np.testing.assert_array_equal(key[sample.mask][seen], two[seen][:, 0])
    pairs = {tuple(p) for p in np.stack([sample.segment_map[seen], two[seen][:, 1]], 1).tolist()}
    assert len(pairs) == len(sample.segments) == len({first for first, _ in pairs})
    wanted = {
        (categories[s.category_id].key, Rle.from_mask(sample.segment_map == s.id).counts)
        for s in sample.segments
    }
    found = {
        (
            detections.categories[s.category_id].key,
            Rle.from_mask(s.to_rle(sample.height, sample.width).to_mask()).counts,
        )
        for s in detections.by_id(sample.image_id).segments
    }
    assert found == wanted


LABEL_MAPS = {
    "pseudo_loveda_dataset/ann_dir": True,
    "pseudo_potsdam_dataset/ann_dir": True,
    "pseudo_vaihingen_dataset/ann_dir": True,
    "pseudo_lip_dataset/train_segmentations": False,
    "pseudo_lip_dataset/val_segmentations": False,
    "pseudo_dataset/gts": False,
    "pseudo_synapse_dataset/ann_dir": False,
}


@pytest.mark.parametrize(("folder", "reduced"), LABEL_MAPS.items())
def test_mmsegmentations_samples_are_read_by_its_rule(folder, reduced, data_dir):
    """``reduce_zero_label``: 0 becomes 255, all others one less; LoadAnnotations of mmsegmentation."""
    root = data_dir / MMSEG / folder
    dataset = segbench.open_dataset(root, options={"reduce_zero_label": True} if reduced else None)
    files = sorted(root.glob("*.png"))
    assert len(dataset) == len(files) > 0
    for file in files:
        stored = np.asarray(Image.open(file))
        expected = np.where((stored == 0) | (stored == 255), 255, stored - 1) if reduced else stored
        np.testing.assert_array_equal(dataset.by_id(file.stem).mask, expected)


LAYOUTS = [
    ("coco_dataset/coco_instances", "coco", {"train": 1, "val": 1}, 3),
    ("coco_dataset/mmdet_coco", "coco", {"train": 1, "val": 1}, 3),
    ("coco_dataset/coco", "coco-panoptic", {"train": 1, "val": 1}, 3),
    ("coco_dataset/coco_roboflow", "roboflow", {"train": 1, "val": 1}, 3),
    ("coco_dataset/coco_stuff/annotations/stuff_train.json", "coco", {"train": 1}, 1),
    ("voc_dataset/voc_dataset1", "voc", {"train": 1}, 1),
    ("cityscapes_dataset/dataset", "cityscapes", {"test": 2, "train": 1, "val": 1}, 9),
    ("cityscapes_dataset/train_dataset", "cityscapes", {"test": 2, "train": 1, "val": 1}, 10),
    ("camvid_dataset", "camvid", {"test": 2, "train": 1, "val": 1}, 0),
    ("cvat_dataset/for_images/export_task", "cvat", {"train": 2}, 2),
]


@pytest.mark.parametrize(("path", "name", "splits", "n_segments"), LAYOUTS)
def test_layouts_that_datumaro_writes_are_recognised(path, name, splits, n_segments, data_dir):
    dataset = segbench.open_dataset(data_dir / ASSETS / path)
    assert (dataset.format, dataset.splits) == (name, splits)
    assert sum(len(sample.segments) for sample in dataset) == n_segments


def test_a_map_of_another_size_is_told(data_dir):
    """datumaro's own sample of COCO panoptic states 10×5 pixels of a map of 5×5."""
    dataset = segbench.open_dataset(data_dir / ASSETS / "coco_dataset/coco_panoptic")
    with pytest.raises(DataError, match="a.png: image 5: segment_map: the segment map is 5×5 pixels"):
        _ = dataset[0].segment_map


def test_colours_of_the_common_semantic_layout(data_dir, tmp_path):
    """Masks in colours, whose meaning ``dataset_meta.json`` has in datumaro's own form."""
    root = data_dir / ASSETS / "common_semantic_segmentation_dataset/dataset"
    meta = json.loads((root / "dataset_meta.json").read_text())
    names, colors = meta["label_map"], meta["segmentation_colors"]
    content = {str(i): {"name": names[str(i)], "color": color} for i, color in enumerate(colors)}
    assert len(content) == len(names)
    for file in sorted((root / "masks").glob("*.png")):
        pixels = np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3)
        assert {tuple(p) for p in pixels.tolist()} <= {tuple(color) for color in colors}


def test_a_coco_file_of_superannotate(data_dir, tmp_path):
    folder = "superannotate_conv/tests/integration/convertors/data_set/coco_instance_segmentation"
    source = data_dir / folder / "TestVectorAnnotationImage.json"
    dataset = segbench.open_dataset(source, options={"images": data_dir / folder / "image_set"})
    assert (len(dataset), sum(len(s.segments) for s in dataset)) == (4, 62)
    assert all(sample.image.shape[1:] == (sample.height, sample.width) for sample in dataset)
    back = tmp_path / "back.json"
    segbench.convert(source, back, target_format="coco")
    assert tiny.by_id(tiny.load(back)) == tiny.by_id(tiny.load(source))
