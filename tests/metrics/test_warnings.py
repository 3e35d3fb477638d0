"""What each protocol warns of: counted, one line a kind, and the same in any order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from segbench.canonical.categories import Categories, Category
from segbench.canonical.sample import Sample
from segbench.errors import DataError, SegbenchWarning, UsageError
from segbench.metrics import MaskAP, MeanIoU, PanopticQuality
from segbench.metrics.panoptic_rules import PANOPTIC_RULES
from segbench.metrics.semantic_rules import SEMANTIC_RULES

ROWS = [
    {"id": 0, "name": "cat", "isthing": 1},
    {"id": 1, "name": "sky", "isthing": 0},
    {"id": 2, "name": "dog", "isthing": 1},
]


def sample(mask, index):
    height, width = mask.shape
    image = mask.astype(np.uint8)
    return Sample(image_id=str(index), height=height, width=width, load_mask=lambda: image)


@pytest.mark.parametrize("protocol", ["mmseg", "hf"])
def test_ids_that_are_no_category_are_tolerated_and_warned_of(protocol):
    metric = MeanIoU(2, protocol=protocol)
    with pytest.warns(SegbenchWarning) as caught:
        metric.update([[0, 1, 7, 255, 1]], [[0, 1, 1, 0, 9]])
    assert [str(warning.message) for warning in caught] == [
        "mask: 1 pixels have a true id that is no category; more such are counted in warnings",
        "mask: 2 pixels have a predicted id that is no category; more such are counted in warnings",
    ]
    metric.update([[0]], [[0]])
    assert metric.warnings == [
        "mask: 1 pixels have a true id that is no category",
        "mask: 2 pixels have a predicted id that is no category",
    ]
    assert metric.compute()["miou"] == pytest.approx((2 / 3 + 1 / 3) / 2)


@pytest.mark.parametrize("protocol", SEMANTIC_RULES)
def test_categories_that_never_occur_are_warned_of(protocol):
    names = ["road", "sidewalk", "building", "sky"]
    metric = MeanIoU(4, protocol=protocol, labels=names)
    assert not metric.warnings
    metric.update([[0, 1, 1]], [[0, 0, 1]])
    effect = "count as 0 in" if protocol == "ade20k" else "are left out of"
    absent = "2 of 4 categories are not in the truth (building, sky): they"
    assert f"{absent} {effect} miou" in metric.warnings
    assert metric.compute()["miou"] == pytest.approx({"ade20k": 0.25, "mmseg": 0.5}.get(protocol, 0.5))


@pytest.mark.parametrize("protocol", SEMANTIC_RULES)
def test_a_category_that_is_only_predicted_is_warned_of(protocol):
    metric = MeanIoU(3, protocol=protocol, labels=["road", "sky", "wall"])
    metric.update([[0, 1]], [[0, 0]])
    effect = {
        "ade20k": "they count as 0 in miou",
        "detectron2": "they are left out of miou",
    }.get(protocol, "1 that are predicted count as 0 in miou (sky), the others are left out")
    assert f"2 of 3 categories are not in the truth (sky, wall): {effect}" in metric.warnings


@pytest.mark.parametrize("protocol", SEMANTIC_RULES)
def test_the_ignore_index_as_a_prediction_is_an_error_or_warned_of(protocol):
    metric = MeanIoU(2, protocol=protocol, labels=["road", "sky"])
    as_any_id = SEMANTIC_RULES[protocol].pred_ignore != "miss"
    if as_any_id and SEMANTIC_RULES[protocol].pred_outside == "error":
        with pytest.raises(DataError, match="prediction holds category id 255"):
            metric.update([[0, 1, 255, 255]], [[0, 1, 1, 255]])
        return
    with pytest.warns(SegbenchWarning, match="1 .*pixels"):
        metric.update([[0, 1, 255, 255]], [[0, 1, 1, 255]])
    what = "have a predicted id that is no category" if as_any_id else "are predicted as the ignore index"
    assert sum(f"1 {'scored ' * (not as_any_id)}pixels {what}" in text for text in metric.warnings) == 1


def test_warnings_of_many_images_are_one_line_and_do_not_depend_on_the_order():
    images = [
        (sample(np.full((1, 2), 0 if i % 2 else 9), i), sample(np.zeros((1, 2), int), i)) for i in range(40)
    ]
    metrics = []
    for order in (range(40), range(39, -1, -1)):
        metrics.append(MeanIoU.build(Categories([Category(0, "road")]), "mmseg", {}))
        for i in order:
            metrics[-1].add(metrics[-1].measure_sample(*images[i], i))
    assert metrics[0].warnings == metrics[1].warnings
    assert metrics[0].warnings == [
        "20 images, the first image 0: mask: 40 pixels have a predicted id that is no category"
    ]


def test_update_warns_of_each_kind_once():
    """Warnings are errors in the tests: the later updates must not warn again."""
    semantic = MeanIoU(2)
    with pytest.warns(SegbenchWarning, match="the ignore index"):
        semantic.update([[255]], [[0]])
    boxed = {**FOUND, "boxes": [[0, 0, 40, 40]]}
    masks = MaskAP(ROWS)
    with pytest.warns(SegbenchWarning, match="image 0: bbox: 1 of 1 scored predictions"):
        masks.update(boxed, TRUTH, 0)
    panoptic = PanopticQuality(ROWS)
    wrong = ([[7, 7, 0]], rows((7, 0, {"area": 9})))
    with pytest.warns(SegbenchWarning, match="image 0: area"):
        panoptic.update(wrong, wrong, 0)
    for i in range(1, 4):
        semantic.update([[255]], [[0]])
        masks.update(boxed, TRUTH, i)
        panoptic.update(wrong, wrong, i)
    assert semantic.warnings[0].startswith("4 images: mask: 4 scored pixels")
    assert masks.warnings[0].startswith("4 images, the first image 0: bbox: 4 of 4 ")
    assert panoptic.warnings[0].startswith("4 images, the first image 0: area: 4 of 4 ")


def test_where_nothing_is_scored_every_category_is_missing():
    metric = MeanIoU(2)
    metric.update([[0, 1]], [[255, 255]])
    assert metric.warnings == ["2 of 2 categories are not in the truth (0, 1): they are left out of miou"]


@pytest.mark.parametrize("protocol", SEMANTIC_RULES)
@pytest.mark.parametrize("side", ["pred", "truth"])
def test_label_maps_of_floats_are_refused(protocol, side):
    maps = {"pred": np.zeros((2, 2), int), "truth": np.zeros((2, 2), int)}
    for values in (np.zeros((2, 2)), np.full((2, 2), np.nan)):
        with pytest.raises(UsageError, match=f"{side} must hold integer ids, not float64"):
            MeanIoU(2, protocol=protocol, labels=["road", "sky"]).update(**{**maps, side: values})


def panoptic(protocol, *images):
    """A metric after images of (pred, truth), each (ids of one row, rows of segments)."""
    metric = PanopticQuality(ROWS, protocol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(*(([ids], rows) for ids, rows in (pred, truth)), image_id=i)
    return metric


def rows(*segments):
    return [{"id": i, "category_id": c, **more} for i, c, more in segments]


GOOD = ([5, 5, 0], rows((5, 0, {}))), ([7, 7, 0], rows((7, 0, {})))
ABSENT = "2 of 3 categories are not in the truth (sky, dog): "


@pytest.mark.parametrize("protocol", PANOPTIC_RULES)
def test_a_stated_area_that_is_not_that_of_the_map(protocol):
    wrong = ([7, 7, 0], rows((7, 0, {"area": 9})))
    metric = panoptic(protocol, GOOD, (GOOD[0], wrong), (GOOD[0], wrong))
    assert metric.warnings[0] == (
        "2 images, the first image 1: area: 2 of 2 true segments state an area other than their pixels "
        "(segment 7 states 9 and has 2)"
    )


@pytest.mark.parametrize("protocol", PANOPTIC_RULES)
def test_true_ids_without_a_segment_and_true_segments_without_pixels(protocol):
    odd = ([7, 7, 4], rows((7, 0, {}), (9, 0, {"area": 2})))
    metric = panoptic(protocol, GOOD, (GOOD[0], odd))
    assert metric.warnings[:2] == [
        "image 1: segment_map: 1 of 2 true segments have no pixel in their map (id 9)",
        "image 1: segments: 1 ids of the true map have no segment (id 4)",
    ]


@pytest.mark.parametrize("protocol", PANOPTIC_RULES)
def test_panoptic_images_without_a_prediction(protocol):
    none, crowd = ([0, 0, 0], []), ([7, 7, 0], rows((7, 0, {"iscrowd": 1})))
    metric = panoptic(protocol, GOOD, (none, GOOD[1]), (none, crowd), (none, none))
    assert "image 1: predictions: there is none for 1 true segments" in metric.warnings
    both = panoptic(protocol, (none, GOOD[1]), (none, GOOD[1]))
    assert both.warnings[0] == "2 images, the first image 0: predictions: there is none for 2 true segments"


@pytest.mark.parametrize("protocol", PANOPTIC_RULES)
def test_panoptic_categories_that_the_truth_lacks(protocol):
    effect = "count as 0 in means" if PANOPTIC_RULES[protocol].averaged == "all" else "are left out of means"
    assert panoptic(protocol, GOOD).warnings == [f"{ABSENT}they {effect}"]
    dog = ([5, 5, 6], rows((5, 0, {}), (6, 2, {})))
    [text] = panoptic(protocol, (dog, ([7, 7, 8], rows((7, 0, {}), (8, 0, {}))))).warnings
    some = "1 that are predicted count as 0 in means (dog), the others are left out"
    assert text == ABSENT + ("they count as 0 in means" if effect.startswith("count") else some)


@pytest.mark.parametrize("protocol", PANOPTIC_RULES)
@pytest.mark.parametrize("side", [0, 1])
def test_segment_maps_of_floats_are_refused(protocol, side):
    maps = [([[7.0, np.nan]], []) if side == i else ([[0, 0]], []) for i in range(2)]
    with pytest.raises(UsageError, match="segment map must hold integer ids, not float64"):
        PanopticQuality(ROWS, protocol).update(*maps, image_id=1)


def square(side, n=1):
    masks = np.zeros((n, 60, 60), bool)
    masks[:, :side, :side] = True
    return masks


def instances(protocol, *images):
    metric = MaskAP(ROWS, protocol=protocol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegbenchWarning)
        for i, (pred, truth) in enumerate(images):
            metric.update(pred, truth, i)
    return metric


TRUTH = {"masks": square(30), "category_ids": [0]}
FOUND = {**TRUTH, "scores": [0.9]}
PROTOCOLS = ("coco-instance", "coco-bbox")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_true_annotations_of_id_0(protocol):
    metric = instances(protocol, (FOUND, {**TRUTH, "ids": [0]}), (FOUND, TRUTH))
    assert metric.warnings[0] == (
        "image 0: id: 1 true annotations have id 0, so that no match with them counts (COCOeval)"
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_predictions_of_unknown_categories(protocol):
    odd = {"masks": square(30, 2), "category_ids": [0, 9], "scores": [0.9, 0.8]}
    metric = instances(protocol, (odd, TRUTH), (odd, TRUTH), (FOUND, TRUTH))
    assert metric.warnings[0] == (
        "2 images, the first image 0: category_id: 2 predictions of unknown categories are left out"
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_images_without_a_prediction(protocol):
    none = {"masks": square(30, 0), "category_ids": [], "scores": []}
    crowd = {**TRUTH, "iscrowd": [1]}
    metric = instances(protocol, (FOUND, TRUTH), (none, TRUTH), (none, crowd))
    assert metric.warnings[0] == "image 1: predictions: there is none for 1 true segments"


def test_boxes_beside_masks_that_change_the_area_range():
    """A mask of 30 × 30 pixels is small; with a box of 40 × 40 it counts as medium."""
    boxed = {**FOUND, "boxes": [[0, 0, 40, 40]]}
    same = {**FOUND, "boxes": [[0, 0, 30, 30]]}
    metric = instances("coco-instance", (same, TRUTH), (boxed, TRUTH), (boxed, TRUTH))
    assert metric.warnings[0] == (
        "2 images, the first image 1: bbox: 2 of 2 scored predictions are in other area ranges by the area "
        "of their box, which counts, than by that of their mask"
    )
    assert not any("bbox" in text for text in instances("coco-bbox", (boxed, TRUTH)).warnings)
    alone = {"boxes": [[0, 0, 31.9, 32.1]], "category_ids": [0], "scores": [0.9]}
    assert not any("bbox" in text for text in instances("coco-instance", (alone, TRUTH)).warnings)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_categories_without_truth(protocol):
    assert instances(protocol, (FOUND, TRUTH)).warnings == [f"{ABSENT}they are left out of means"]
    crowd = {"masks": square(30, 2), "category_ids": [0, 1], "iscrowd": [0, 1]}
    assert instances(protocol, (FOUND, crowd)).warnings == [f"{ABSENT}they are left out of means"]
    assert instances(protocol).warnings == []
