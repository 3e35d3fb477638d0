"""PNG label maps: what ids mean, splits, names, and what is refused."""

import numpy as np
import pytest
from formats import tiny
from PIL import Image

import segbench
from segbench.canonical.images import decode_labels, encode_labels
from segbench.errors import DataError, UsageError
from segbench.formats import open_predictions, png
from segbench.formats.png_ids import colors_from_file, labels_from_file


def put(folder, **masks):
    for name, mask in masks.items():
        tiny.put_masks(folder, {name: np.asarray(mask, np.uint8)})
    return folder


def test_everything_is_read(tmp_path):
    dataset = segbench.open_dataset(tiny.put_labels(tmp_path / "set"))
    assert (dataset.format, dataset.tasks, dataset.splits) == ("png", ("semantic",), {"train": 2})
    assert dataset.id2label == {0: "road", 1: "tree", 2: "sky"}
    assert dataset.image_ids == ["1", "2"]
    np.testing.assert_array_equal(dataset[1].mask, tiny.masks()[2])
    assert dataset[0].image.shape == (3, 4, 6)
    assert dataset[0].source_path == "masks/1.png"
    assert dataset.notes == ()


@pytest.mark.parametrize("name", ["masks", "labels", "annotations", "."])
def test_masks_are_found(name, tmp_path):
    put(tmp_path / "set" / name, a=[[0, 3]])
    dataset = segbench.open_dataset(tmp_path / "set")
    assert dataset.image_ids == ["a"]
    assert dataset.name == "set"


def test_without_names_the_largest_id_says_how_many_there_are(tmp_path):
    put(tmp_path / "truth", a=[[0, 3, 255]], b=[[1, 1]])
    put(tmp_path / "pred", a=[[0, 5, 5]], b=[[1, 1]])
    dataset = segbench.open_dataset(tmp_path / "truth")
    assert dataset.id2label == {i: str(i) for i in range(4)}
    assert dataset.notes == ("no id2label was given: 4 categories, as many as the largest id says",)
    both = segbench.open_dataset(tmp_path / "truth", options={"beside": str(tmp_path / "pred")})
    assert len(both.categories) == 6
    for options, n in (
        ({"num_classes": 9}, 9),
        ({"ignore_index": 3}, 2),
        ({"reduce_zero_label": True}, 3),
    ):
        assert len(segbench.open_dataset(tmp_path / "truth", options=options).categories) == n


def test_all_ignored(tmp_path):
    put(tmp_path / "set", a=[[255, 255]])
    dataset = segbench.open_dataset(tmp_path / "set")
    assert len(dataset.categories) == 1
    assert (dataset[0].mask == 255).all()


def test_sparse_ids_become_dense_and_stay_source_ids(tmp_path):
    put(tmp_path / "set/masks", a=[[7, 11, 26, 255]])
    tiny.dump(tmp_path / "set/id2label.json", {"26": "car", "7": "road", "11": "building", "255": "void"})
    dataset = segbench.open_dataset(tmp_path / "set")
    assert dataset.id2label == {0: "road", 1: "building", 2: "car"}
    assert [c.source_id for c in dataset.categories] == [7, 11, 26]
    np.testing.assert_array_equal(dataset[0].mask, [[0, 1, 2, 255]])


def test_names_may_lie_above_the_folder_or_anywhere(tmp_path):
    put(tmp_path / "set/masks", a=[[0, 1]])
    tiny.dump(tmp_path / "id2label.json", {"0": "a", "1": "b"})
    assert segbench.open_dataset(tmp_path / "set").id2label == {0: "a", 1: "b"}
    other = tiny.dump(tmp_path / "other.json", {"0": "x", "1": "y"})
    assert segbench.open_dataset(tmp_path / "set", options={"labels": other}).id2label == {0: "x", 1: "y"}


@pytest.mark.parametrize(("n", "kept"), [(255, 255), (256, 255), (257, 257)])
def test_255_is_ignore_unless_there_is_a_larger_id(n, kept, tmp_path):
    file = tiny.dump(tmp_path / "id2label.json", {str(i): f"c{i}" for i in range(n)})
    assert len(labels_from_file(file)) == kept


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16"])
def test_every_kind_of_map_gives_the_same_ids(mode, tmp_path):
    ids = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    picture = Image.fromarray(ids)
    if mode == "P":
        picture = Image.frombytes("P", (3, 2), ids.tobytes())
        picture.putpalette([200, 100, 50, 10, 20, 30])
    elif mode == "1":
        picture = Image.fromarray(ids.astype(bool))
    elif mode == "I;16":
        picture = Image.fromarray(ids.astype(np.uint16))
    (tmp_path / "set").mkdir()
    picture.save(tmp_path / "set/a.png")
    with Image.open(tmp_path / "set/a.png") as written:
        assert written.mode == mode
    np.testing.assert_array_equal(segbench.open_dataset(tmp_path / "set")[0].mask, ids)


def test_sixteen_bits(tmp_path):
    ids = np.array([[0, 299, 255, 65_535]], np.uint16)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.png").write_bytes(encode_labels(ids))
    dataset = segbench.open_dataset(tmp_path / "set")
    assert len(dataset.categories) == 300
    assert dataset.ignore_index == 65_535
    np.testing.assert_array_equal(dataset[0].mask, ids)
    assert dataset[0].mask.dtype == np.uint16


def test_splits_are_the_first_folders(tmp_path):
    """Masks beside the folders are those of train, and stay together with a folder of that name."""
    put(tmp_path / "set/masks", z=[[0]])
    for split in ("a", "train", "val"):
        put(tmp_path / "set/masks" / split / "city", x=[[1]], y=[[0]])
    dataset = segbench.open_dataset(tmp_path / "set")
    assert dataset.splits == {"a": 2, "train": 3, "val": 2}
    assert dataset.split("train").image_ids == ["train/city/x", "train/city/y", "z"]
    assert dataset.split("val").image_ids == ["val/city/x", "val/city/y"]


def test_hidden_files_are_passed_over(tmp_path):
    put(tmp_path / "set", a=[[0]])
    (tmp_path / "set/._a.png").write_bytes(b"resource fork")
    assert segbench.open_dataset(tmp_path / "set").image_ids == ["a"]


def test_unicode_and_dots_in_names(tmp_path):
    names = ["écluse.0001", "écluse.0002", "日本 1"]
    put(tmp_path / "set", **{name: [[0, 1]] for name in names})
    segbench.convert(tmp_path / "set", tmp_path / "canonical", images="none")
    segbench.convert(tmp_path / "canonical", tmp_path / "back", target_format="png")
    assert sorted(p.name for p in (tmp_path / "back/masks").iterdir()) == [f"{name}.png" for name in names]


def test_predictions_hold_the_source_ids_of_the_truth(tmp_path):
    put(tmp_path / "truth/masks", a=[[7, 11]])
    tiny.dump(tmp_path / "truth/id2label.json", {"7": "road", "11": "building"})
    put(tmp_path / "pred", a=[[11, 11]])
    truth = segbench.open_dataset(tmp_path / "truth")
    predictions = open_predictions(tmp_path / "pred", truth)
    np.testing.assert_array_equal(predictions[0].mask, [[1, 1]])
    assert segbench.score(truth, predictions).metrics["miou"].value == 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore_index": -1}, "ignore_index must be 0 to 65535, not -1"),
        ({"ignore_index": 70_000}, "ignore_index must be 0 to 65535"),
        ({"num_classes": 0}, "num_classes must be 1 to 65535"),
        ({"num_classes": "3"}, "option num_classes of format png is a int, not '3'"),
        ({"reduce_zero_label": 1}, "option reduce_zero_label of format png is a bool, not 1"),
        ({"ignore_index": True}, "option ignore_index of format png is a int, not True"),
        ({"labels": 5}, "option labels of format png is a path, not 5"),
        ({"ignore": 5}, "format png has no option 'ignore'. Did you mean 'ignore_index'?"),
    ],
)
def test_options_are_checked(options, message, tmp_path):
    put(tmp_path / "set", a=[[0]])
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        segbench.open_dataset(tmp_path / "set", options=options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (5, "is neither"),
        ([{"name": "a"}], r"\[0\]: is no"),
        ({"a": [1, 2]}, r"\[0\]: is no"),
        ({"a": [1, 2, 256]}, r"\[0\]: is no"),
        ({"a": "123"}, r"\[0\]: is no"),
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, r"\[1\]: the colour \[1, 2, 3\] stands twice"),
    ],
)
def test_colour_maps_are_checked(content, message, tmp_path):
    with pytest.raises(DataError, match=f"colors.json: {message}"):
        colors_from_file(tiny.dump(tmp_path / "colors.json", content))


def test_a_colour_that_means_nothing_is_refused(tmp_path):
    (tmp_path / "set").mkdir()
    Image.fromarray(np.full((2, 2, 3), 9, np.uint8)).save(tmp_path / "set/a.png")
    table = tiny.dump(tmp_path / "colors.json", {"road": [1, 2, 3]})
    dataset = segbench.open_dataset(tmp_path / "set", options={"colors": table})
    with pytest.raises(DataError, match=r"a.png: image a: mask: has the colour \[9, 9, 9\]"):
        _ = dataset[0]


# Written


def test_written_masks_are_named_like_the_pictures(data_dir, tmp_path):
    source = data_dir / "coco_tiny"
    options = {"target_format": "png", "allow_loss": True, "images": "link"}
    segbench.convert(source, tmp_path / "png", **options)
    dataset, truth = segbench.open_dataset(tmp_path / "png"), segbench.open_dataset(source)
    assert len(dataset) == len(truth)
    for sample in list(truth)[::8]:
        written = dataset.by_id(sample.image_file.name.removesuffix(".jpg"))
        np.testing.assert_array_equal(written.mask, sample.mask)
        assert written.image_file.path.stat().st_ino == sample.image_file.path.stat().st_ino
    assert [c.source_id for c in dataset.categories] == [c.source_id for c in truth.categories]


def test_panoptic_becomes_semantic(tmp_path):
    source = tiny.put_panoptic(tmp_path / "in")
    segbench.convert(source, tmp_path / "out", target_format="png", allow_loss=True)
    ids = decode_labels((tmp_path / "out/masks/1.png").read_bytes())
    np.testing.assert_array_equal(ids, [[90] * 6] * 2 + [[3, 3, 3, 255, 255, 255]] * 2)
    assert tiny.load(tmp_path / "out/id2label.json") == {"3": "cat", "7": "dog", "90": "grass"}


def test_two_masks_of_one_name_are_refused(tmp_path):
    content = tiny.instances()
    content["images"][1]["file_name"] = "1.jpg"
    source = tiny.put_instances(tmp_path / "in", content)
    (tmp_path / "in/val/2.png").rename(tmp_path / "in/val/1.jpg")
    with pytest.raises(DataError, match="image 2: file_name: two masks are called '1.png'"):
        segbench.convert(source, tmp_path / "out", target_format="png", allow_loss=True)
    assert not (tmp_path / "out").exists()


def test_an_id_that_is_no_category_is_not_written(tmp_path):
    segbench.convert(tiny.put_labels(tmp_path / "in"), tmp_path / "set")
    file = next((tmp_path / "set").rglob("masks/1.png"))
    file.write_bytes(encode_labels(np.full((4, 6), 9, np.uint8)))
    with pytest.raises(DataError, match=r"image 1: mask: .*\b9\b"):
        segbench.convert(tmp_path / "set", tmp_path / "out", target_format="png")


def test_ids_beyond_sixteen_bits_become_dense(tmp_path):
    content = tiny.instances()
    content["categories"][2]["id"] = 70_000
    source = tiny.put_instances(tmp_path / "in", content)
    segbench.convert(source, tmp_path / "out", target_format="png", allow_loss=True)
    assert tiny.load(tmp_path / "out/id2label.json") == {"0": "cat", "1": "dog", "2": "grass"}


def test_the_sniffer(tmp_path):
    assert not png.sniff(tmp_path)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").touch()  # YOLO
    assert not png.sniff(tmp_path)
    put(tmp_path / "labels/val", a=[[0]])
    assert png.sniff(tmp_path)
