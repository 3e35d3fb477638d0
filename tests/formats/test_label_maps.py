"""ADE20K, COCO-Stuff and CamVid: one value a class, each with its own zero."""

from dataclasses import replace

import numpy as np
import pytest
from formats import mutations, shapes, tiny
from PIL import Image

import segbench
from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import decode_labels, encode_image, encode_labels
from segbench.canonical.place import place
from segbench.errors import DataError, LossError
from segbench.formats import ade20k, camvid, load_format, sniff
from segbench.formats.label_lists import ADE20K, CAMVID_11, CAMVID_31, COCO_STUFF

MAP = np.uint8([[0, 1, 2], [150, 150, 0]])
SIZE = MAP.shape

# format: (map, its path, the picture's path, mask that is read)
KINDS = {
    "ade20k": (
        MAP, "annotations/val/ADE_1.png", "images/val/ADE_1.jpg",
        np.uint8([[255, 0, 1], [149, 149, 255]]),
    ),
    "coco-stuff": (
        np.uint8([[0, 181, 91], [255, 255, 90]]), "stuffthingmaps/val/7.png", "images/val/7.jpg",
        np.uint8([[0, 181, 91], [255, 255, 90]]),
    ),
    "camvid": (
        np.uint8([[0, 10, 3], [11, 11, 3]]), "valannot/7.png", "val/7.png",
        np.uint8([[0, 10, 3], [255, 255, 3]]),
    ),
}  # fmt: skip


def put(root, name, values=None, split="val"):
    known, file, picture, _ = KINDS[name]
    values = known if values is None else values
    place(root / file.replace("val", split, 1), encode_labels(values))
    picture = root / picture.replace("val", split, 1)
    place(picture, b"")
    Image.fromarray(np.zeros((*values.shape, 3), np.uint8)).save(picture)
    return root


def back(source, tmp_path, name):
    segbench.convert(source, tmp_path / "canonical")
    report = segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format=name)
    assert report.losses == []
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "back"))
    assert (first.format, last.format) == (name, name)
    assert first.fingerprint == last.fingerprint
    assert first.splits == last.splits
    return tmp_path / "back"


@pytest.mark.parametrize("name", KINDS)
def test_it_is_read_and_comes_back(name, tmp_path):
    """Zero is what the format says, neither ignored nor moved where it is a class."""
    values, file, picture, expected = KINDS[name]
    source = put(tmp_path / "set", name)
    dataset = segbench.open_dataset(source)
    assert (dataset.tasks, dataset.splits, dataset.image_ids) == (
        ("semantic",),
        {"val": 1},
        [dataset[0].image_id],
    )
    np.testing.assert_array_equal(dataset[0].mask, expected)
    root = back(source, tmp_path, name)
    np.testing.assert_array_equal(decode_labels((root / file).read_bytes()), values)
    assert (root / picture).read_bytes() == (source / picture).read_bytes()
    assert [file.name for file in root.glob("*.txt")] == ["objectInfo150.txt"] * (name == "ade20k")


def test_ids_and_kinds_are_the_sources(tmp_path):
    ade, stuff = (segbench.open_dataset(put(tmp_path / n, n)).categories for n in ("ade20k", "coco-stuff"))
    assert [(c.name, c.key, c.isthing) for c in (ade[0], ade[12], ade[149])] == [
        ("wall", 1, False), ("person", 13, True), ("flag", 150, True),
    ]  # fmt: skip
    assert sum(c.isthing is False for c in ade) == 35
    assert [(c.name, c.key, c.isthing) for c in (stuff[0], stuff[90], stuff[91], stuff[181])] == [
        ("person", 1, True), ("hair brush", 91, True), ("banner", 92, False), ("wood", 182, False),
    ]  # fmt: skip
    assert (len(ADE20K), len(COCO_STUFF), len(CAMVID_11), len(CAMVID_31)) == (150, 182, 11, 31)
    assert len(set(CAMVID_31.values())) == 31


def test_ade20ks_sample(data_dir, tmp_path):
    source = data_dir / "ade20k_sceneparsing/sampleData"
    root = back(source, tmp_path, "ade20k")
    for file in sorted((source / "annotations").glob("*.png")):
        written = decode_labels((root / "annotations/train" / file.name).read_bytes())
        np.testing.assert_array_equal(written, decode_labels(file.read_bytes()))
    record = segbench.score(
        source, source / "predictions", protocol="ade20k", predictions_format="ade20k", out=None
    )
    assert 0 < record.metrics["miou"].value <= 1
    listed = segbench.open_dataset(source, options={"labels": source.parent / "objectInfo150.txt"})
    assert listed.categories == segbench.open_dataset(source).categories


def test_camvids_validation_set(data_dir, tmp_path):
    source = data_dir / "camvid/CamVid"
    assert len(segbench.open_dataset(source)) == 101
    root = back(source, tmp_path, "camvid")
    for file in sorted((source / "valannot").glob("*.png")):
        written = decode_labels((root / "valannot" / file.name).read_bytes())
        np.testing.assert_array_equal(written, decode_labels(file.read_bytes()))
    record = segbench.score(
        source, source.parent / "pred_val", protocol="exact", predictions_format="camvid", out=None
    )
    assert record.metrics["miou"].value == pytest.approx(0.3011025, abs=1e-6)


def test_camvid_in_colours(data_dir, tmp_path):
    source = data_dir / "datumaro_assets/tests/assets/camvid_dataset"
    dataset = segbench.open_dataset(source)
    assert dataset.splits == {"test": 2, "train": 1, "val": 1}
    names = {dataset.id2label[i] for i in np.unique(dataset.by_id("0001TP_006690").mask).tolist() if i != 255}
    assert names == {"Bicyclist", "Road"}
    segbench.convert(source, tmp_path / "canonical", images="none")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="camvid", images="none")
    for file in sorted(source.glob("*annot/*.png")):
        written = np.array(Image.open(tmp_path / "back" / file.relative_to(source)).convert("RGB"))
        np.testing.assert_array_equal(written, np.array(Image.open(file)))
    assert segbench.open_dataset(tmp_path / "back").fingerprint == dataset.fingerprint


def test_camvid_as_it_was_published(tmp_path):
    colors = np.uint8([[[0, 0, 0], [128, 64, 128], [64, 192, 0]]])
    place(tmp_path / "LabeledApproved_full/a_L.png", encode_image(colors.transpose(2, 0, 1)))
    place(tmp_path / "701_StillsRaw_full/a.png", encode_image(np.zeros((3, 1, 3), np.uint8)))
    (sample,) = dataset = segbench.open_dataset(tmp_path)
    assert sample.image.shape == (3, 1, 3)
    assert [dataset.id2label.get(i) for i in sample.mask[0].tolist()] == [None, "Road", "Wall"]
    place(tmp_path / "label_colors.txt", b"0 0 0\tVoid\n128 64 128 my road\n64 192 0 wall\n\n")
    dataset = segbench.open_dataset(tmp_path)
    assert dataset.id2label == {0: "my road", 1: "wall"}
    np.testing.assert_array_equal(dataset[0].mask, [[255, 0, 1]])


def check_names(first, last):
    """Every pixel has the class of the same name."""
    for a, b in zip(first, last, strict=True):
        ours, theirs = (
            [d.id2label.get(i) for i in s.mask.ravel().tolist()] for d, s in ((first, a), (last, b))
        )
        assert ours == theirs


@pytest.mark.parametrize("name", KINDS)
def test_classes_of_other_data_sets_come_back(name, tmp_path):
    source = tiny.put_labels(tmp_path / "set")
    report = segbench.convert(source, tmp_path / "out", target_format=name)
    assert [loss.feature for loss in report.losses] == ["category_ids"] * (name != "camvid")
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "out"))
    assert last.format == name
    check_names(first, last)
    segbench.convert(tmp_path / "out", tmp_path / "again", target_format=name)
    assert segbench.open_dataset(tmp_path / "again").fingerprint == last.fingerprint


@pytest.mark.parametrize("name", KINDS)
def test_instances_are_painted_and_their_loss_refused(name, tmp_path):
    source = tiny.put_instances(tmp_path)
    with pytest.raises(LossError, match="objects told apart: 3"):
        segbench.convert(source, tmp_path / "out", target_format=name)
    segbench.convert(source, tmp_path / "out", target_format=name, allow_loss=True)
    first, last = (segbench.open_dataset(path) for path in (source, tmp_path / "out"))
    check_names(first, last)


@pytest.mark.parametrize(("name", "room"), [("ade20k", 255), ("coco-stuff", 255), ("camvid", 254)])
def test_categories_without_a_value_are_announced(name, room, tmp_path):
    dataset = Dataset(
        name="x", categories=Categories.from_id2label({i: f"c{i}" for i in range(300)}), image_ids=["a"],
        load=[replace(shapes.data_set()[0], image_id="a", segments=())].__getitem__, tasks=("instance",),
    )  # fmt: skip
    report = segbench.convert(dataset, tmp_path / "x", target_format=name, dry_run=True)
    assert {loss.feature: loss.count for loss in report.losses}["wide_ids"] == 300 - room


@pytest.mark.parametrize("name", KINDS)
def test_predictions_mean_what_the_truth_means(name, tmp_path):
    source = put(tmp_path / "set", name)
    truth = segbench.open_dataset(source)
    place(tmp_path / f"pred/{truth.image_ids[0]}.png", encode_labels(KINDS[name][0]))
    predictions = load_format(name).read_predictions(tmp_path / "pred", truth)
    assert predictions.categories == truth.categories
    np.testing.assert_array_equal(predictions[0].mask, truth[0].mask)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_recognised(name, tmp_path):
    assert sniff(put(tmp_path, name)) == name


@pytest.mark.parametrize(("name", "value"), [("ade20k", 151), ("coco-stuff", 182), ("camvid", 12)])
def test_a_value_of_no_class_is_named(name, value, tmp_path):
    root = put(tmp_path, name, np.uint8([[value]]))
    with pytest.raises(
        DataError, match=f"image .*: mask: has the value {value}, which is none of the classes"
    ):
        _ = segbench.open_dataset(root)[0]


def test_a_colour_of_no_class_is_named(tmp_path):
    place(tmp_path / "LabeledApproved_full/a_L.png", encode_image(np.full((3, 1, 3), 77, np.uint8)))
    with pytest.raises(DataError, match=r"mask: has the colour \[77, 77, 77\], which is none of the classes"):
        _ = segbench.open_dataset(tmp_path)[0]


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("ade20k", "objectInfo150.txt", "h\n1\t0", "line 2: is no row of Idx"),
        ("ade20k", "objectInfo150.txt", "h\n0\t0\t0\t0\ta", "line 2: the class 0 stands twice, or is none"),
        ("coco-stuff", "labels.txt", "1 person", 'line 1: is no "label: name"'),
        ("coco-stuff", "labels.txt", "1: a\n1: b", "line 2: the label 1 stands twice"),
        ("camvid", "label_colors.txt", "1 2 x a", "line 1: is no line r g b name"),
        ("camvid", "label_colors.txt", "1 2 256 a", "line 1: is no line r g b name"),
        ("camvid", "label_colors.txt", "1 2 3 a\n1 2 3 b", "two classes have one colour"),
    ],
)
def test_lists_of_classes_are_checked(name, file, text, message, tmp_path):
    root = put(tmp_path, name)
    place(root / file, text.encode())
    with pytest.raises(DataError, match=f"{file}: {message}"):
        segbench.open_dataset(root)


@pytest.mark.parametrize("name", KINDS)
def test_names_that_a_list_cannot_hold_are_refused(name, tmp_path):
    for bad in ("a\nb", " a"):
        dataset = replace_names(shapes.data_set(), bad)
        with pytest.raises(DataError, match="categories: the name .* cannot stand in"):
            load_format(name).write(dataset, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def replace_names(dataset, name):
    categories = Categories(replace(c, name=name if c.id == 0 else c.name) for c in dataset.categories)
    return Dataset(
        name="x", categories=categories, image_ids=dataset.image_ids, load=dataset.__getitem__,
        tasks=dataset.tasks,
    )  # fmt: skip


def test_a_folder_without_maps_is_refused(tmp_path):
    for name, module in (("annotations", ade20k), ("x", camvid)):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match="holds no"):
            module.read(tmp_path)


@pytest.mark.parametrize("name", KINDS)
def test_spoilt_files_are_refused_or_read(name, tmp_path):
    texts = {
        "ade20k": ("objectInfo150.txt", "Idx\tRatio\tTrain\tVal\tName\n"
                   + "".join(f"{i}\t0\t0\t0\tc{i}\n" for i in range(1, 151))),
        "coco-stuff": ("labels.txt", "".join(f"{i}: c{i}\n" for i in range(183))),
        "camvid": ("label_colors.txt", "".join(f"{i} 0 1 c{i}\n" for i in range(12))),
    }  # fmt: skip
    file, text = texts[name]

    def put_all(root):
        put(root / "set", name)
        place(root / "set" / file, text.encode())
        return root / "set"

    assert mutations.check(put_all, tmp_path, format_name=name, n=200, suffixes=(".png", ".txt")) > 20
