"""MaskAP on a device gives what it gives on the CPU, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from gpu.arrays import LIBRARIES
from gpu.test_shapes import random_masks
from segbench.canonical.rle import Rle
from segbench.errors import DataError, UsageError
from segbench.metrics import MaskAP

pytestmark = pytest.mark.filterwarnings("ignore::segbench.errors.SegbenchWarning")  # of unknown ids

CATEGORIES = [{"id": 5, "name": "cat"}, {"id": 2, "name": "dog", "frequency": "r"}]


def image(seed, more=()):
    """Columns of predictions and of truth that are like each other."""
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(8, 60)), int(rng.integers(8, 60)))
    n_truth, n_pred = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    truth = {
        "masks": random_masks(rng, n_truth, size) != 0,
        "category_ids": rng.choice([2, 5], n_truth),
        "iscrowd": rng.random(n_truth) < 0.2,
    }
    masks = truth["masks"][rng.integers(0, n_truth, n_pred)] ^ (rng.random((n_pred, *size)) < 0.1)
    scores = rng.integers(0, 5, n_pred) / 4
    pred = {"masks": masks, "category_ids": rng.choice([2, 5, 9], n_pred), "scores": scores}
    if "boxes" in more:
        pred["boxes"] = rng.uniform(0, 40, (n_pred, 4))
    if "lvis" in more:
        truth |= {"neg_category_ids": [5], "not_exhaustive_category_ids": [2] * (seed % 2)}
    if "area" in more:
        truth |= {"area": rng.uniform(0, 2000, n_truth), "ids": np.arange(n_truth)}
    return pred, truth


def same_scores(one, other):
    ours, theirs = one.compute(), other.compute()
    assert dict(ours) == pytest.approx(dict(theirs), abs=0, rel=0, nan_ok=True)
    assert ours.per_class.equals(theirs.per_class)
    np.testing.assert_array_equal(one.curves().precision, other.curves().precision)
    assert one.warnings == other.warnings


def moved(side, device, library="device", names=("masks", "scores", "category_ids", "iscrowd")):
    """Some columns on the device, the others as they are."""
    return {name: LIBRARIES[library](v, device) if name in names else v for name, v in side.items()}


OPTIONS = [{}, {"use_categories": False}, {"max_detections": [1, 2]}, {"protocol": "lvis"}]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("more", [(), ("boxes",), ("area",)], ids=str)
def test_masks(device, library, options, more):
    on_cpu, there = (MaskAP(CATEGORIES, **options, device=where) for where in ("cpu", device))
    for seed in range(6):
        pred, truth = image(seed, (*more, options.get("protocol")))
        on_cpu.update(pred, truth, image_id=seed)
        there.update(moved(pred, device, library), moved(truth, device, library), image_id=seed)
    assert on_cpu.compute()["ap"] >= 0
    same_scores(there, on_cpu)


def test_columns_may_be_lists_and_change_afterwards(device):
    on_cpu, there = (MaskAP(CATEGORIES, device=where) for where in ("cpu", device))
    for seed in range(3):
        pred, truth = image(seed)
        on_cpu.update(pred, truth, image_id=seed)
        lists = [{k: v if k == "masks" else v.tolist() for k, v in side.items()} for side in (pred, truth)]
        sides = [moved(side, device, names=("masks",)) for side in lists]
        sides[0]["scores"] = device.xp.asarray(pred["scores"])
        there.update(*sides, image_id=seed)
        sides[0]["scores"][:] = 0
        sides[0]["masks"][:] = 0
    same_scores(there, on_cpu)


def test_images_without_masks(device):
    on_cpu, there = (MaskAP(CATEGORIES, device=where) for where in ("cpu", device))
    pred, truth = image(0)
    none = {name: column[:0] for name, column in pred.items()}
    bare = {name: column[:0] for name, column in truth.items()}
    for image_id, sides in enumerate([(none, truth), (pred, bare), (pred, truth)]):
        on_cpu.update(*sides, image_id=image_id)
        there.update(*(moved(side, device) for side in sides), image_id=image_id)
    same_scores(there, on_cpu)


def test_merging_adds_exactly_and_many_images_are_brought_to_the_cpu(device, monkeypatch):
    monkeypatch.setattr("segbench.metrics.instance.MOST_PENDING", 8)
    whole, first, second = (MaskAP(CATEGORIES, device=where) for where in ("cpu", device, device))
    for image_id in range(20):
        pred, truth = image(image_id % 3)
        pred, truth = (
            {k: v[:2, :9, :9] if k == "masks" else v[:2] for k, v in s.items()} for s in (pred, truth)
        )
        whole.update(pred, truth, image_id=image_id)
        half = second if image_id < 3 else first
        half.update(moved(pred, device), moved(truth, device), image_id=image_id)
    second.merge(first)
    same_scores(second, whole)


def test_rles_are_measured_on_the_cpu(device):
    on_cpu, there = (MaskAP(CATEGORIES, device=where) for where in ("cpu", device))
    for seed in range(2):
        pred, truth = image(seed)
        on_cpu.update(pred, truth, image_id=seed)
        rles = [{**side, "masks": [Rle.from_mask(mask) for mask in side["masks"]]} for side in (pred, truth)]
        sides = rles if seed else [moved(side, device) for side in (pred, truth)]
        there.update(*sides, image_id=seed)
    same_scores(there, on_cpu)


def test_what_is_refused(device):
    pred, truth = image(1)
    sides = moved(pred, device), moved(truth, device)
    with pytest.raises(UsageError, match="iou_type 'boundary' is measured on the CPU alone"):
        MaskAP(CATEGORIES, "boundary", device=device).update(*sides, image_id=0)
    metric = MaskAP(CATEGORIES, device=device)
    with pytest.raises(UsageError, match="pred lacks scores"):
        metric.update({k: v for k, v in sides[0].items() if k != "scores"}, sides[1], image_id=0)
    with pytest.raises(UsageError, match=r"masks must be \[N, H, W\]"):
        metric.update({**sides[0], "masks": sides[0]["masks"][0]}, sides[1], image_id=0)
    with pytest.raises(DataError, match="image 0: masks: pred has masks of .* pixels, truth of"):
        metric.update({**sides[0], "masks": sides[0]["masks"][:, 1:]}, sides[1], image_id=0)
    with pytest.raises(UsageError, match="entries, category_ids has shape"):
        metric.update({**sides[0], "category_ids": [2]}, sides[1], image_id=0)
    with pytest.raises(UsageError, match="entries, iscrowd has shape"):
        metric.update(sides[0], {**sides[1], "iscrowd": [0] * 9}, image_id=0)
    metric.update(*sides, image_id=0)
    metric.update(*sides, image_id=0)
    with pytest.raises(DataError, match="image 0: this image is scored twice"):
        metric.compute()


def test_what_is_refused_when_scores_are_asked(device):
    pred, truth = image(1)
    for name, values, message in (
        ("scores", np.full(len(pred["scores"]), np.nan), "score: prediction 0 has score nan"),
        ("scores", [0.5], "scores has 1 entries, category_ids"),
    ):
        metric = MaskAP(CATEGORIES, device=device)
        metric.update({**moved(pred, device), name: values}, moved(truth, device), image_id=3)
        with pytest.raises((DataError, UsageError), match=message):
            metric.compute()
    metric = MaskAP(CATEGORIES, device=device)
    metric.update(
        moved(pred, device), {**moved(truth, device), "category_ids": truth["category_ids"] + 90}, 3
    )
    with pytest.raises(DataError, match="the truth has unknown category"):
        metric.compute()
