"""Pascal VOC: classes and objects, boundaries, lists, and classes of other data sets."""

import re
from dataclasses import replace

import numpy as np
import pytest
from formats import mutations, shapes, tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_labels, encode_image, encode_labels
from segbench.canonical.place import place
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, LossError
from segbench.formats import sniff, voc
from segbench.formats.flatten import flatten
from segbench.formats.value_maps import ZERO_ID
from segbench.formats.voc_labels import COLORS, OWN
from segbench.formats.voc_objects import Wanted, give_pairs, read_pairs

CLASSES = np.uint8([[0, 15, 15, 255, 0], [0, 15, 7, 7, 255], [7, 7, 9, 12, 255]])
OBJECTS = np.uint8([[0, 1, 2, 255, 0], [0, 1, 3, 3, 255], [7, 3, 255, 0, 6]])
LABELME = "labelme_examples/examples/instance_segmentation/data_dataset_voc"


def put(root, classes=CLASSES, objects=OBJECTS, *, name="2007_1", lists=None, labelmap=None):
    place(root / f"SegmentationClass/{name}.png", encode_labels(classes, COLORS))
    if objects is not None:
        place(root / f"SegmentationObject/{name}.png", encode_labels(objects, COLORS))
    place(root / f"JPEGImages/{name}.png", encode_image(np.zeros((3, *classes.shape), np.uint8)))
    for split, names in (lists or {}).items():
        place(root / f"ImageSets/Segmentation/{split}.txt", "\n".join(names).encode())
    if labelmap is not None:
        place(root / "labelmap.txt", labelmap.encode())
    return root


def maps(root, name="2007_1"):
    files = [root / f"Segmentation{kind}/{name}.png" for kind in ("Class", "Object")]
    return [decode_labels(file.read_bytes()) if file.is_file() else None for file in files]


def back(source, tmp_path):
    segbench.convert(source, tmp_path / "canonical", images="none")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="voc", images="none")
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert first.fingerprint == last.fingerprint
    return tmp_path / "back"


def test_boundaries_are_void_and_no_object(tmp_path):
    """Of which datumaro 1.13.12 made an object."""
    dataset = segbench.open_dataset(put(tmp_path))
    assert (dataset.format, dataset.splits, len(dataset.categories)) == ("voc", {"train": 1}, 21)
    (sample,) = dataset
    found = {s.id: (dataset.id2label[s.category_id], s.iscrowd, s.ignore) for s in sample.segments}
    assert found == {
        ZERO_ID: ("background", False, False), 1: ("person", False, False), 2: ("person", False, False),
        3: ("car", False, False), 7: ("car", False, False), 9 * 256 + 255: ("chair", True, False),
        12 * 256: ("dog", True, False), 255 * 256 + 6: ("background", False, True),
    }  # fmt: skip
    np.testing.assert_array_equal(sample.mask, CLASSES)
    assert [dataset.categories[i].isthing for i in (0, 1, 20)] == [False, True, True]
    assert sample.image.shape == (3, 3, 5)


def test_all_comes_back_pixel_by_pixel(tmp_path):
    root = back(put(tmp_path / "set"), tmp_path)
    np.testing.assert_array_equal(maps(root), [CLASSES, OBJECTS])
    assert (root / "ImageSets/Segmentation/train.txt").read_text() == "2007_1\n"
    assert not (root / "labelmap.txt").exists()
    for kind in ("Class", "Object"):
        picture = Image.open(root / f"Segmentation{kind}/2007_1.png")
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.reshape(picture.getpalette(), (-1, 3)), COLORS)


def test_an_object_of_two_classes_comes_back(tmp_path):
    classes, objects = np.uint8([[3, 3, 3, 5], [5, 5, 0, 3]]), np.uint8([[4, 4, 4, 4], [4, 8, 0, 0]])
    source = put(tmp_path / "set", classes, objects)
    ids = {s.id for s in segbench.open_dataset(source)[0].segments}
    assert ids == {4, 5 * 256 + 4, 8, 3 * 256, ZERO_ID}
    np.testing.assert_array_equal(maps(back(source, tmp_path)), [classes, objects])


@given(st.integers(0, 2**32 - 1))
def test_any_pairs_are_segments_that_are_written_as_they_were(seed):
    rng = np.random.default_rng(seed)
    classes = rng.choice(np.uint8([0, 1, 2, 20, 255]), (4, 6))
    objects = rng.choice(np.uint8([0, 1, 2, 254, 255]), (4, 6))
    objects[classes == 0] = 0
    runs, segments = read_pairs(classes, objects, OWN.categories)
    sample = Sample(image_id="a", height=4, width=6, segments=segments, load_segment_map=lambda: runs)
    seen = zip(segments, flatten(sample).pixels, strict=True)
    pairs = give_pairs([Wanted(s, s.category_id, True, s.category_id > 0, n) for s, n in seen])
    for kind, expected in (("class_id", classes), ("object_id", objects)):
        values = [getattr(pair, kind) for pair in pairs]
        np.testing.assert_array_equal(flatten(sample).painted(values, 255, np.uint8).to_map(), expected)
    assert voc.LOSES["ids"](sample, OWN.categories) == voc.LOSES["instances"](sample, OWN.categories) == 0


def test_classes_alone_come_back(tmp_path):
    source = put(tmp_path / "set", objects=None)
    assert segbench.open_dataset(source).tasks == ("semantic",)
    classes, objects = maps(back(source, tmp_path))
    np.testing.assert_array_equal(classes, CLASSES)
    assert objects is None


def test_labelmes_export_comes_back(data_dir, tmp_path):
    source = data_dir / LABELME
    root = back(source, tmp_path)
    for file in sorted((source / "SegmentationClass").glob("*.png")):
        for ours, theirs in zip(maps(root, file.stem), maps(source, file.stem), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        theirs = np.reshape(Image.open(file).getpalette(), (-1, 3))
        np.testing.assert_array_equal(theirs[:21], COLORS[:21])
    assert (root / "labelmap.txt").read_text().splitlines()[1:3] == [
        "_background_:0,0,0::",
        "aeroplane:128,0,0::",
    ]


def test_colours_of_a_label_map_are_classes(data_dir, tmp_path):
    """As CVAT writes them, and datumaro: RGB pictures."""
    (sample,) = segbench.open_dataset(data_dir / "datumaro_assets/tests/assets/voc_dataset/voc_dataset1")
    assert [(s.id, s.category_id) for s in sample.segments] == [(1, 2)]
    labelmap = "# label:color_rgb:parts:actions\ncat:250,50,50::\nbackground:0,0,0::\ndog:0,9,0::\n"
    root = put(tmp_path, labelmap=labelmap)
    colors = np.uint8([[[250, 50, 50], [0, 9, 0], [0, 0, 0], [224, 224, 192]]])
    objects = COLORS[np.uint8([[1, 2, 0, 255]])]
    for kind, rgb in (("Class", colors), ("Object", objects)):
        place(root / f"Segmentation{kind}/2007_1.png", encode_image(rgb.transpose(2, 0, 1)))
    dataset = segbench.open_dataset(root)
    assert [(c.name, c.color, c.isthing) for c in dataset.categories] == [
        ("background", (0, 0, 0), False), ("cat", (250, 50, 50), None), ("dog", (0, 9, 0), None),
    ]  # fmt: skip
    np.testing.assert_array_equal(dataset[0].mask, [[1, 2, 0, 255]])
    np.testing.assert_array_equal(dataset[0].segment_map, [[1, 2, ZERO_ID, 0]])


@pytest.mark.parametrize(
    ("lists", "splits", "left"),
    [
        (None, {"train": 3}, None),
        ({"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"]}, {"train": 2, "val": 1}, None),
        ({"trainval": ["a", "b", "c"]}, {"trainval": 3}, None),
        ({"train": ["a"]}, {"train": 1}, r"maps that no list names, which are left out: 2 \(b, c\)"),
        ({"val": ["a", "b", "c"], "test": ["x", "y"]}, {"val": 3}, "pictures of test.txt have no map, .*: 2"),
    ],
)
def test_lists_are_splits(lists, splits, left, tmp_path):
    for name in "abc":
        put(tmp_path, name=name, lists=lists)
    dataset = segbench.open_dataset(tmp_path)
    assert dataset.splits == splits
    assert len(dataset.notes) == (left is not None)
    assert re.match(left or "$", "".join(dataset.notes))


def test_names_with_spaces_stand_in_lists(tmp_path):
    """Lists of VOC may say more behind a name; a line that is a picture's name is that."""
    put(tmp_path, name="a b", lists={"train": ["a b"]})
    put(tmp_path, name="c", lists={"val": ["c 1"]})
    assert segbench.open_dataset(tmp_path).splits == {"train": 1, "val": 1}


def test_a_list_that_names_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="train.txt: names 2007_2, of which there is no map"):
        segbench.open_dataset(put(tmp_path, lists={"train": ["2007_1", "2007_2"]}))


def test_every_image_has_maps_and_all_is_announced(tmp_path):
    """datumaro 1.13.12 leaves out the maps of half the images, without an error."""
    source = tiny.put_instances(tmp_path)
    with pytest.raises(LossError, match="pixels that several objects cover: 4"):
        segbench.convert(source, tmp_path / "out", target_format="voc")
    report = segbench.convert(source, tmp_path / "out", target_format="voc", allow_loss=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    assert counts == {
        "overlap": 4, "void": 21, "ids": 1, "category_ids": 3, "polygons": 1, "stated": 3, "attributes": 1,
        "extra": 2, "about": 2, "category_fields": 3,
    }  # fmt: skip
    read, truth = segbench.open_dataset(tmp_path / "out"), segbench.open_dataset(source)
    assert read.image_ids == truth.image_ids
    for ours, theirs in zip(read, truth, strict=True):
        expected = np.where(theirs.mask == 255, 0, theirs.mask + 1)
        np.testing.assert_array_equal(ours.mask, expected)
    assert [[(s.id, s.iscrowd) for s in sample.segments if s.category_id] for sample in read] == [
        [(11, False), (12, False)], [(256 + 255, True)],
    ]  # fmt: skip


def of(segments, names=("background", "car", "dog"), isthing=(False, True, True), task="instance"):
    dataset = shapes.data_set(tuple(segments))
    categories = Categories(
        Category(i, name, isthing=thing) for i, (name, thing) in enumerate(zip(names, isthing, strict=True))
    )
    return Dataset(
        name="x", categories=categories, image_ids=dataset.image_ids, load=dataset.__getitem__, tasks=(task,)
    )


SMALL = Segment(id=1, category_id=1, rle=shapes.instances()[3].rle, source_kind="rle")
OTHER = Segment(id=2, category_id=1, rle=shapes.instances()[0].rle, source_kind="rle")


@pytest.mark.parametrize(
    ("segments", "isthing", "expected"),
    [
        ((SMALL, replace(SMALL, id=5)), True, {"instances": 1, "overlap": 1, "ids": 0}),
        ((replace(SMALL, id=300), OTHER), True, {"ids": 1}),
        ((replace(SMALL, id=256), OTHER), None, {"ids": 1, "instances": 0}),
        ((SMALL, OTHER), False, {"instances": 0, "ids": 0, "isthing": 2}),
        ([replace(s, iscrowd=True) for s in (SMALL, OTHER)], True, {"instances": 1, "ids": 1}),
        ((replace(SMALL, ignore=True),), True, {"ignore": 1, "instances": 0}),
        ((replace(SMALL, category_id=0, iscrowd=True),), True, {"crowd": 1}),
    ],
)
def test_what_is_hidden_joined_or_renumbered_is_announced(segments, isthing, expected, tmp_path):
    dataset = of(segments, isthing=(False, isthing, isthing))
    report = segbench.convert(dataset, tmp_path / "x", target_format="voc", dry_run=True)
    counts = {loss.feature: loss.count for loss in report.losses}
    assert {k: counts.get(k, 0) for k in expected} == expected


def test_there_is_room_for_254_objects(tmp_path):
    segments = [
        Segment(id=1000 + i, category_id=1, rle=Rle.from_mask(pixel(i)), source_kind="rle")
        for i in range(256)
    ]
    report = segbench.convert(of(segments), tmp_path / "x", target_format="voc", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses}["instances"] == 2
    classes, objects = maps(tmp_path / "x", "é0")
    assert (classes == 7).sum() == 256
    assert set(objects.ravel().tolist()) == set(range(255))


def pixel(i):
    mask = np.zeros(shapes.SIZE, np.uint8)
    mask[divmod(i, shapes.SIZE[1])] = 1
    return mask


def test_categories_beyond_254_are_announced(tmp_path):
    names = [f"c{i}" for i in range(300)]
    dataset = of([replace(SMALL, category_id=i) for i in (0, 253, 299)], names, [True] * 300)
    report = segbench.convert(dataset, tmp_path / "x", target_format="voc", allow_loss=True)
    assert {loss.feature: loss.count for loss in report.losses}["wide_ids"] == 46
    assert len(segbench.open_dataset(tmp_path / "x").categories) == 255


def test_classes_of_other_data_sets_come_back(tmp_path):
    labelmap = "background:0,0,0::\ncat:1,2,3::\nsmall dog:4,5,6::\n"
    source = put(tmp_path / "set", np.uint8([[0, 1, 2]]), np.uint8([[0, 1, 2]]), labelmap=labelmap)
    root = back(source, tmp_path)
    assert (root / "labelmap.txt").read_text().splitlines()[1:] == labelmap.splitlines()
    assert Image.open(root / "SegmentationClass/2007_1.png").getpalette()[3:9] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["a:b", " a", "a\nb", "#a", ""])
def test_names_that_a_label_map_cannot_hold_are_refused(name, tmp_path):
    with pytest.raises(DataError, match="categories: the name .* cannot stand in labelmap.txt"):
        voc.write(of([SMALL], ("background", name, "c")), tmp_path / "out")
    with pytest.raises(DataError, match="categories: two categories are called 'a'"):
        voc.write(of([SMALL], ("background", "a", "a")), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_void_stays_void_and_what_instances_leave_is_background(tmp_path):
    segbench.convert(tiny.put_labels(tmp_path / "a"), tmp_path / "s", target_format="voc", allow_loss=True)
    np.testing.assert_array_equal(maps(tmp_path / "s", "2")[0] == 255, tiny.masks()[2] == 255)
    segbench.convert(tiny.put_panoptic(tmp_path / "p"), tmp_path / "v", target_format="voc", allow_loss=True)
    np.testing.assert_array_equal(maps(tmp_path / "v", "1")[0] == 255, tiny.segment_maps()[1] == 0)


def test_objects_can_be_read_as_instances(tmp_path):
    (sample,) = segbench.open_dataset(put(tmp_path), options={"instances": True})
    assert [s.id for s in sample.segments] == [1, 2, 3, 7, 9 * 256 + 255, 12 * 256]
    np.testing.assert_array_equal(sample.segments[2].rle.to_mask(), OBJECTS == 3)


def test_predictions_are_scored_as_the_development_kit_counts(tmp_path):
    truth, found = put(tmp_path / "a"), np.roll(CLASSES, 1, 1)
    found[found == 255] = 0
    put(tmp_path / "b", found, None)
    record = segbench.score(truth, tmp_path / "b", protocol="voc", predictions_format="voc", out=None)
    valid = CLASSES != 255
    ious = []
    for c in np.unique(np.concatenate([CLASSES[valid], found[valid]])):
        a, b = (c == CLASSES) & valid, (found == c) & valid
        ious.append((a & b).sum() / (a | b).sum())
    assert record.metrics["miou"].value == pytest.approx(np.mean(ious), abs=1e-12)


def test_it_is_recognised(tmp_path):
    root = put(tmp_path / "VOCdevkit/VOC2012")
    assert sniff(root) == sniff(root.parent) == sniff(root.parent.parent) == "voc"
    assert segbench.open_dataset(tmp_path).image_ids == ["2007_1"]


@pytest.mark.parametrize(
    ("classes", "objects", "message"),
    [
        (CLASSES, OBJECTS[:2], "SegmentationObject: is 5×2 pixels, the map of classes 5×3"),
        (CLASSES + np.uint8(6), OBJECTS, "class: has the class 21, which is none of 21"),
        (np.uint8([[99]]), None, "SegmentationClass: has the class 99, which is none of 21"),
        (np.uint8([[0, 3]]), np.uint8([[5, 3]]), "object: object 5 has pixels without a class"),
        (CLASSES.astype(np.uint16), OBJECTS, "SegmentationClass: has 16 bits; maps of VOC have 8"),
    ],
)
def test_damage_is_named(classes, objects, message, tmp_path):
    root = put(tmp_path, np.minimum(classes, 255).astype(np.uint8), objects)
    if classes.dtype != np.uint8:
        place(root / "SegmentationClass/2007_1.png", encode_labels(classes))
    with pytest.raises(DataError, match=f"2007_1.png: image 2007_1: {message}"):
        _ = segbench.open_dataset(root)[0].mask


def test_a_colour_of_no_class_and_a_missing_map_are_named(tmp_path):
    root = put(tmp_path)
    place(root / "SegmentationClass/2007_1.png", encode_image(np.full((3, 3, 5), 77, np.uint8)))
    with pytest.raises(DataError, match=r"has the colour \[77, 77, 77\], which is none of a class"):
        _ = segbench.open_dataset(root)[0]
    (root / "SegmentationObject/2007_1.png").rename(root / "SegmentationObject/2.png")
    with pytest.raises(DataError, match="image 2007_1: there is no SegmentationObject/2007_1.png"):
        segbench.open_dataset(root)


@pytest.mark.parametrize(
    ("labelmap", "message"),
    [
        ("a:1,2::", "line 1: has '1,2', no colour r,g,b"),
        ("a:1,2,256::", "line 1: has '1,2,256', no colour"),
        ("a\na", "a name stands twice"),
        ("\n".join(f"c{i}" for i in range(255)), "has 256 classes; 0 to 254 fit 8 bits beside void"),
    ],
)
def test_label_maps_are_checked(labelmap, message, tmp_path):
    with pytest.raises(DataError, match=f"labelmap.txt: {message}"):
        segbench.open_dataset(put(tmp_path, labelmap=labelmap))


def test_spoilt_files_are_refused_or_read(tmp_path):
    def put_all(root):
        labelmap = "background:0,0,0::\n" + "".join(f"c{i}:{i},0,9::\n" for i in range(1, 21))
        return put(root / "set", lists={"val": ["2007_1"]}, labelmap=labelmap)

    assert mutations.check(put_all, tmp_path, format_name="voc", n=200) > 20
