"""Whole folders of a format as predictions: classes are found by name, images by what a writer calls them."""

import numpy as np
import pytest

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image, encode_labels
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats import open_predictions

PANOPTIC = ("cityscapes", "kitti", "mapillary", "voc", "bdd100k", "kitti-step")
SEMANTIC = ("coco-stuff", "camvid", "ade20k", "nifti", "png")
WITH_BACKGROUND = ("voc", "nifti")
"""What nothing covers is a class there, and so the predictions' void is another than the truth's."""
NAMES = ("zebra", "meadow", "air", "rock")
SIZES = {"b_2/x": (12, 18), "a_1": (10, 14)}


def made(category_of, names=NAMES, numbers=(40, 7, 23, 90), void=False):
    """A data set of four quarters a picture, each of the category that ``category_of`` says."""
    categories = Categories(
        Category(i, name, number, isthing=name == "zebra")
        for i, (name, number) in enumerate(zip(names, numbers, strict=True))
    )
    samples = [quarters(i, at, category_of, void) for i, at in zip(("17", "4"), SIZES, strict=True)]
    return Dataset(
        name="quarters", categories=categories, image_ids=["17", "4"],
        load=samples.__getitem__, tasks=("panoptic", "semantic"),
    )  # fmt: skip


def quarters(image_id, name, category_of, void):
    height, width = SIZES[name]
    ids = np.zeros(SIZES[name], np.int32)
    for number in range(4):
        top, left = divmod(number, 2)
        ids[top * height // 2 : (top + 1) * height // 2, left * width // 2 : (left + 1) * width // 2] = (
            number + 1
        )
    if void:
        ids[:2] = 0
    data = encode_image(np.zeros((3, height, width), np.uint8))
    return Sample(
        image_id=image_id, height=height, width=width, load_segment_map=lambda: ids,
        segments=[Segment(id=n, category_id=category_of(image_id, n)) for n in range(1, 5)],
        image_file=ImageFile(name=f"{name}.png", data=data),
    )  # fmt: skip


def right(_, number):
    return number - 1


def wrong(image_id, number):
    """One quarter of each picture is another thing."""
    return {("17", 2): 0, ("4", 4): 0}.get((image_id, number), number - 1)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Truth and predictions in the canonical form, which the others are made of; some pixels are void."""
    root = tmp_path_factory.mktemp("quarters")
    segbench.convert(made(right), root / "truth")
    segbench.convert(made(wrong, void=True), root / "preds")
    return root


def scores(truth, preds, task, **how):
    record = segbench.score(truth, preds, task=task, **how)
    return {key: metric.value for key, metric in record.metrics.items() if metric.value is not None}


@pytest.mark.parametrize("name", [*PANOPTIC, *SEMANTIC])
def test_a_folder_that_was_converted_scores_as_what_it_was_made_of(name, sets, tmp_path):
    task = "panoptic" if name in PANOPTIC else "semantic"
    expected = scores(sets / "truth", sets / "preds", task)
    for what in ("truth", "preds"):
        segbench.convert(sets / what, tmp_path / what, target_format=name, allow_loss=True)
    key = "pq" if task == "panoptic" else "miou"
    assert 0 < expected[key] < 1
    found = scores(sets / "truth", tmp_path / "preds", task)
    assert found == pytest.approx(expected, abs=1e-12)
    assert scores(sets / "truth", tmp_path / "preds", "semantic") == pytest.approx(
        scores(sets / "truth", sets / "preds", "semantic"), abs=1e-12
    )
    same = scores(tmp_path / "truth", tmp_path / "preds", task)
    if name not in WITH_BACKGROUND:
        assert same[key] == pytest.approx(expected[key], abs=1e-12)
    assert scores(tmp_path / "truth", tmp_path / "truth", task)[key] == 1


@pytest.mark.parametrize("name", [*PANOPTIC, *SEMANTIC])
def test_without_pictures_it_is_the_same(name, sets, tmp_path):
    segbench.convert(sets / "preds", tmp_path / "preds", target_format=name, images="none", allow_loss=True)
    expected = scores(sets / "truth", sets / "preds", "semantic")
    assert scores(sets / "truth", tmp_path / "preds", "semantic") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["cityscapes", "kitti", "coco-stuff", "mapillary"])
def test_a_class_that_the_truth_lacks_is_refused_where_it_occurs(name, sets, tmp_path):
    other = made(right, names=("zebra", "meadow", "air", "lava"))
    segbench.convert(other, tmp_path / "preds", target_format=name, allow_loss=True)
    truth = segbench.open_dataset(sets / "truth")
    found = open_predictions(tmp_path / "preds", truth)
    with pytest.raises(DataError, match=r"image .*'lava' is none of the truth.*zebra"):
        _ = found[0].mask
    never = made(lambda _, number: min(number - 1, 2), names=("zebra", "meadow", "air", "lava"))
    segbench.convert(never, tmp_path / "never", target_format=name, allow_loss=True)
    assert scores(sets / "truth", tmp_path / "never", "semantic")["miou"] == pytest.approx(3 / 4 - 0.125)


def test_labels_of_a_format_of_which_the_truth_has_some(tmp_path):
    """Cityscapes' own labels need no list, and are more than the four of this truth."""
    names = ("car", "road", "sky", "building")
    segbench.convert(made(right, names=names), tmp_path / "truth")
    for name in ("cityscapes", "kitti"):
        segbench.convert(made(right, names=names), tmp_path / name, target_format=name, allow_loss=True)
        assert not (tmp_path / name / "labels.json").exists()
        assert len(segbench.open_dataset(tmp_path / name).categories) > 4
        assert scores(tmp_path / "truth", tmp_path / name, "semantic")["miou"] == 1


def test_no_class_in_common_is_told_before_anything_is_read(sets, tmp_path):
    segbench.convert(
        made(right, names=("a", "b", "c", "d")), tmp_path / "preds", target_format="kitti", allow_loss=True
    )
    with pytest.raises(DataError, match="categories: the category '[abcd]' is none of the truth"):
        open_predictions(tmp_path / "preds", segbench.open_dataset(sets / "truth"))


@pytest.mark.parametrize("name", ["voc", "ade20k"])
def test_numbers_of_the_truth_may_have_other_names(name, sets, tmp_path):
    """A folder of predictions whose list calls the classes otherwise: as ever, its values are the truth's."""
    segbench.convert(sets / "preds", tmp_path / "preds", target_format=name, allow_loss=True)
    segbench.convert(sets / "truth", tmp_path / "truth", target_format=name, allow_loss=True)
    expected = scores(tmp_path / "truth", tmp_path / "preds", "semantic")
    file = tmp_path / "preds" / ("labelmap.txt" if name == "voc" else "objectInfo150.txt")
    file.write_text(file.read_text().replace("zebra", "zebra;zebras"))
    assert scores(tmp_path / "truth", tmp_path / "preds", "semantic") == expected


@pytest.mark.parametrize("name", ["voc", "ade20k", "bdd100k"])
def test_maps_alone_hold_numbers_of_the_truth_which_an_error_tells(name, sets, tmp_path):
    segbench.convert(sets / "preds", tmp_path / "preds", target_format=name, allow_loss=True)
    for found in list((tmp_path / "preds").glob("*.t*")):
        found.unlink()
    truth = made(right, numbers=(60, 61, 62, 63))
    with pytest.raises(DataError, match="maps of predictions hold the numbers of the truth"):
        _ = [s.mask for s in open_predictions(tmp_path / "preds", truth, format=name)]


@pytest.mark.parametrize(
    "name", ["cityscapes", "kitti", "coco-stuff", "camvid", "mapillary", "voc", "ade20k"]
)
def test_a_folder_of_maps_is_read_as_ever(name, sets, tmp_path):
    """Maps by the names of pictures whose values are source ids of the truth, as runs save them."""
    segbench.convert(sets / "truth", tmp_path / "truth", target_format=name, allow_loss=True)
    truth = segbench.open_dataset(tmp_path / "truth")
    keys = np.zeros(256, np.uint8)
    for sample in truth:
        mask = sample.mask
        for c in truth.categories:
            keys[c.id] = c.key - (name == "coco-stuff")
        keys[255] = 255
        file = tmp_path / "maps" / f"{sample.image_id}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_labels(keys[mask.astype(int)]))
    for how in ({"predictions_format": name}, {}):
        if how or name != "coco-stuff":
            assert scores(tmp_path / "truth", tmp_path / "maps", "semantic", **how)["miou"] == 1
