"""The Cityscapes protocol against its evaluator: restated plainly, and itself where it is installed."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from segbench.canonical.categories import Categories, Category
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import UsageError
from segbench.metrics import MeanIoU
from segbench.metrics.cityscapes import GROUPS, LABELS, Classes
from segbench.protocols import get_protocol

DRAWN = LABELS[:-1]
CATEGORIES = Categories(Category(c.id, c.name, isthing=c.size is not None) for c in DRAWN)
SCORED = [c.id for c in DRAWN if c.scored]
SEEDS = range(25)


def random_image(rng):
    """Label ids, instance ids (1000 × label + number; groups have the label alone) and a prediction."""
    size = tuple(rng.integers(4, 20, 2))
    labels = np.repeat(rng.choice(34, (size[0], 1 + size[1] // 3)), 3, axis=1)[:, : size[1]].astype(np.uint8)
    pred = np.where(rng.random(size) < 0.6, labels, rng.choice(34, size)).astype(np.uint8)
    instances = labels.astype(np.int32)
    for c in DRAWN:
        mine = labels == c.id
        if c.size is not None and mine.any():
            number = rng.integers(0, 3, size)
            instances = np.where(mine & (number > 0), 1000 * c.id + number - 1, instances)
    instances[instances == 24000] = 24  # a group
    return pred, labels, instances


def random_images(seed):
    rng = np.random.default_rng(seed)
    return [random_image(rng) for _ in range(int(rng.integers(1, 5)))]


def weigh(images):
    """Weighted pixels found and missed, by class and by group."""
    weighted = {}
    for pred, _, instances in images:
        for i in np.unique(instances[instances > 1000]).tolist():
            label = DRAWN[i // 1000]
            if not label.scored:
                continue
            mine = pred[instances == i]
            weight = label.size / float(len(mine))
            group = [c.id for c in DRAWN if c.group == label.group]
            for key, took in ((label.name, [label.id]), (label.group, group)):
                tp = int(np.isin(mine, took).sum())
                row = weighted.setdefault(key, [0.0, 0.0])
                row[0] += float(tp) * weight
                row[1] += float(len(mine) - tp) * weight
    return weighted


def naive(images):
    """``evalPixelLevelSemanticLabeling``, label by label."""
    table = np.zeros((34, 34), np.int64)
    for pred, labels, _ in images:
        np.add.at(table, (labels, pred), 1)
    weighted = weigh(images)

    def iou(mine, rows, instance_of=None, columns=None):
        tp = table[np.ix_(mine, mine)].sum()
        fn = table[mine].sum() - tp
        fp = table[np.ix_(rows, columns or mine)].sum()
        if instance_of is not None:
            tp, fn = weighted.get(instance_of, [0.0, 0.0])
        whole = tp + fp + fn
        return float(float(tp) / whole) if whole else math.nan

    result = {"iou": {}, "iiou": {}, "group": {}, "group_iiou": {}}
    for label in (c for c in DRAWN if c.scored):
        others = [c for c in SCORED if c != label.id]
        result["iou"][label.name] = iou([label.id], others)
        if label.size is not None:
            result["iiou"][label.name] = iou([label.id], others, label.name)
    for group in GROUPS:
        mine = [c for c in SCORED if DRAWN[c].group == group]
        others = [c for c in SCORED if DRAWN[c].group != group]
        result["group"][group] = iou(mine, others)
        whole = [c.id for c in DRAWN if c.group == group]
        if all(DRAWN[c].size is not None for c in whole):
            result["group_iiou"][group] = iou(mine, others, group, whole)
    return result


def average(scores):
    total, n = 0.0, 0
    for value in scores.values():
        if not math.isnan(value):
            total, n = total + value, n + 1
    return total / n if n else math.nan


def scored(images):
    metric = MeanIoU(34, protocol="cityscapes")
    for pred, labels, instances in images:
        metric.update(pred, labels, instances=instances)
    return metric


def flat(scores):
    """Our scores in the shape of :func:`naive`."""
    rows = {DRAWN[row["category_id"]]: row for row in scores.class_rows}
    return {
        "iou": {c.name: row["iou"] for c, row in rows.items() if c.scored},
        "iiou": {c.name: row["iiou"] for c, row in rows.items() if c.scored and c.size is not None},
        "group": {g: scores[f"category_iou_{g}"] for g in GROUPS},
        "group_iiou": {g: scores[f"category_iiou_{g}"] for g in ("human", "vehicle")},
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_bit_for_bit_as_the_evaluator_restated(seed):
    images = random_images(seed)
    expected, scores = naive(images), scored(images).compute()
    assert repr(flat(scores)) == repr(expected)
    for key, name in (
        ("miou", "iou"),
        ("iiou", "iiou"),
        ("category_miou", "group"),
        ("category_iiou", "group_iiou"),
    ):
        assert scores[key] == pytest.approx(average(expected[name]), 0, 0, nan_ok=True), key


@pytest.mark.parametrize("seed", SEEDS)
def test_bit_for_bit_as_cityscapesscripts(seed, tmp_path, monkeypatch):
    if not hasattr(np, "in1d"):
        monkeypatch.setattr(np, "in1d", lambda a, b: np.isin(a, b).ravel(), raising=False)
    module = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
    reference = pytest.importorskip(module)
    images, files = random_images(seed), []
    for i, image in enumerate(images):
        files.append([str(tmp_path / f"{i}_{name}.png") for name in ("pred", "labelIds", "instanceIds")])
        for array, file in zip(image, files[-1], strict=True):
            Image.fromarray(array.astype(np.uint16 if array.max() > 255 else np.uint8)).save(file)
    reference.args.quiet, reference.args.JSONOutput = True, False
    theirs = reference.evaluateImgLists([f[0] for f in files], [f[1] for f in files], reference.args)
    scores = scored(images).compute()
    ours = flat(scores)
    for key, part in (("classScores", "iou"), ("classInstScores", "iiou"), ("categoryScores", "group")):
        assert {n: repr(float(theirs[key][n])) for n in ours[part]} == {
            n: repr(v) for n, v in ours[part].items()
        }
    for key, name in (
        ("averageScoreClasses", "miou"),
        ("averageScoreInstClasses", "iiou"),
        ("averageScoreCategories", "category_miou"),
        ("averageScoreInstCategories", "category_iiou"),
    ):
        assert scores[name] == pytest.approx(float(theirs[key]), 0, 0, nan_ok=True), key


def sample(mask, segment_map=None, segments=()):
    return Sample(
        image_id="7",
        height=mask.shape[0],
        width=mask.shape[1],
        load_mask=lambda: mask,
        load_segment_map=None if segment_map is None else lambda: segment_map,
        segments=segments,
    )


@pytest.mark.parametrize("seed", range(10))
def test_samples_with_segments_and_their_tables(seed):
    images = random_images(seed)
    metric = get_protocol("cityscapes").build(CATEGORIES)
    rows = []
    for i, (pred, labels, instances) in enumerate(images):
        segments = [
            Segment(id=s, category_id=s // 1000 if s > 1000 else s, iscrowd=s < 1000)
            for s in np.unique(instances[instances > 0]).tolist()
        ]
        stats = metric.measure_sample(sample(pred), sample(labels, instances, segments), i)
        metric.add(stats)
        rows.append(metric.image_row(stats) | {"image_id": str(i), "index": i})
        metric._images._ids.clear()  # every sample here is image 7
    rows.append(metric.image_row(None) | {"image_id": "failed", "index": 99})
    again = get_protocol("cityscapes").build(CATEGORIES, metric.settings)
    again.add_tables(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    direct = scored(images)
    assert repr(metric.compute().values_by_key) == repr(direct.compute().values_by_key)
    assert repr(again.compute().values_by_key) == repr(direct.compute().values_by_key)


def test_without_an_instance_map_iiou_is_undefined_and_said_so():
    pred, labels, instances = random_image(np.random.default_rng(0))
    metric = MeanIoU(34, protocol="cityscapes")
    metric.update(pred, labels, instances=instances)
    metric.update(pred, labels)
    assert math.isnan(metric.compute()["iiou"])
    assert math.isnan(metric.compute()["category_iiou"])
    assert metric.compute()["miou"] == scored([(pred, labels, instances)]).compute()["miou"]
    assert metric.warnings[-1] == "1 images have no instance map: iIoU is undefined"


def test_labels_are_known_by_name_or_by_id():
    by_name = Categories([Category(0, "road"), Category(1, "license plate"), Category(2, "car")])
    classes = Classes.of(by_name)
    assert [label.id for label in classes.labels] == [7, -1, 26]
    assert classes.unscored == (1,)
    by_id = Categories([Category(0, "a", source_id=7), Category(1, "b", source_id=26)])
    assert [label.name for label in Classes.of(by_id).labels] == ["road", "car"]
    with pytest.raises(UsageError, match=r"category 34 \('34'\) is no class of Cityscapes"):
        MeanIoU(35, protocol="cityscapes")


def test_the_label_table_is_that_of_the_evaluator():
    reference = pytest.importorskip("cityscapesscripts.helpers.labels")
    assert [(c.id, c.name, c.group, c.scored, c.size is not None) for c in LABELS] == [
        (c.id, c.name, c.category, not c.ignoreInEval, c.hasInstances) for c in reference.labels
    ]
