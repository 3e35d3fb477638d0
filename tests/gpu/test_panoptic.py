"""PanopticQuality on a device gives what it gives on the CPU, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.test_panoptic import image as crowded
from kernels.test_panoptic import table

from gpu.arrays import LIBRARIES
from gpu.test_overlap import blocks
from segbench import kernels
from segbench.errors import DataError, UsageError
from segbench.metrics import PanopticQuality
from segbench.metrics.panoptic_device import SLOTS
from segbench.metrics.panoptic_rules import PANOPTIC_RULES

pytestmark = pytest.mark.filterwarnings("ignore::segbench.errors.SegbenchWarning")  # of areas and of void

CATEGORIES = [
    {"id": 3, "name": "cat", "isthing": 1},
    {"id": 7, "name": "dog", "isthing": 1},
    {"id": 1, "name": "sky", "isthing": 0},
]
PROTOCOLS = ["panopticapi", "cityscapes-panoptic", "mapillary-panoptic", "torchmetrics-pq", "pq-dagger"]


def image(seed, ids=8, size=(20, 30)):
    """(segment map, segments) of the truth and of a prediction that is like it."""
    rng = np.random.default_rng(seed)
    truth = blocks(rng, size, np.arange(ids + 1), 90, "int32")
    pred = np.where(rng.random(size) < 0.8, truth, blocks(rng, size, np.arange(ids + 1), 90, "int32"))
    sides = []
    for ranks, shift in ((truth, 0), (pred, 100)):
        maps = np.where(ranks > 0, ranks * 1000 + shift, 0)
        segments = [
            {
                "id": i,
                "category_id": [3, 7, 1][i // 1000 % 3],
                "iscrowd": int(shift == 0 and i // 1000 == 4),
            }
            for i in np.unique(maps[maps > 0]).tolist()
        ]
        sides.append((maps, segments))
    return sides


def same_scores(one, other):
    ours, theirs = one.compute(), other.compute()
    assert dict(ours) == pytest.approx(dict(theirs), abs=0, rel=0, nan_ok=True)
    assert ours.per_class.equals(theirs.per_class)
    assert one.warnings == other.warnings


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_segment_maps(device, library, protocol):
    on_cpu, there = (PanopticQuality(CATEGORIES, protocol, device=where) for where in ("cpu", device))
    for seed in range(4):
        truth, pred = image(seed)
        on_cpu.update(pred, truth, image_id=seed)
        moved = [(LIBRARIES[library](maps, device), segments) for maps, segments in (pred, truth)]
        there.update(*moved, image_id=seed)
    same_scores(there, on_cpu)


@pytest.mark.parametrize("given_ids", [True, False])
def test_a_batch_is_its_images(device, given_ids):
    images = [image(seed) for seed in range(5)]
    one_by_one, here, there = (PanopticQuality(CATEGORIES, device=where) for where in ("cpu", "cpu", device))
    for i, (truth, pred) in enumerate(images):
        one_by_one.update(pred, truth, image_id=i if given_ids else None)
    truths, preds = (
        (np.stack([sides[s][0] for sides in images]), [sides[s][1] for sides in images]) for s in (0, 1)
    )
    image_ids = list(range(5)) if given_ids else None
    here.update(preds, truths, image_id=image_ids)
    moved = [(device.xp.asarray(maps), segments) for maps, segments in (preds, truths)]
    there.update(*moved, image_id=image_ids)
    same_scores(here, one_by_one)
    same_scores(there, one_by_one)


def as_classes(maps, segments):
    """The same picture as a class map, 255 where void, and an instance map that stuff has noise in."""
    category = {0: 255} | {s["id"]: s["category_id"] for s in segments}
    classes = np.vectorize(category.get)(maps).astype(np.uint8)
    instances = np.where(classes == 1, np.arange(maps.size).reshape(maps.shape), maps // 1000)
    return classes, instances.astype(np.int32)


def merged_stuff(maps, segments):
    """One segment of all stuff, as class maps have it; no crowds."""
    stuff = [s["id"] for s in segments if s["category_id"] == 1]
    maps = np.where(np.isin(maps, stuff), 99, maps)
    kept = [{**s, "iscrowd": 0} for s in segments if s["id"] not in stuff]
    return maps, kept + [{"id": 99, "category_id": 1}] * bool(stuff)


def test_class_maps_with_instance_maps(device):
    by_segments, here, there = (PanopticQuality(CATEGORIES, device=where) for where in ("cpu", "cpu", device))
    for seed in range(4):
        truth, pred = image(seed)
        by_segments.update(merged_stuff(*pred), merged_stuff(*truth), image_id=seed)
        sides = as_classes(*pred), as_classes(*truth)
        here.update(*sides, image_id=seed)
        there.update(*[tuple(map(device.xp.asarray, side)) for side in sides], image_id=seed)
    assert by_segments.compute()["pq"] > 0
    same_scores(here, by_segments)
    same_scores(there, by_segments)


def test_merging_adds_exactly(device):
    whole, first, second = (PanopticQuality(CATEGORIES, device=where) for where in ("cpu", device, device))
    for seed in range(6):
        truth, pred = image(seed)
        whole.update(pred, truth, image_id=seed)
        moved = [(device.xp.asarray(maps), segments) for maps, segments in (pred, truth)]
        (first if seed % 2 else second).update(*moved, image_id=seed)
    second.merge(first)
    same_scores(second, whole)


def test_many_images_are_brought_to_the_cpu(device, monkeypatch):
    monkeypatch.setattr("segbench.metrics.panoptic.MOST_PENDING", 8)
    metric, on_cpu = (PanopticQuality(CATEGORIES, device=where) for where in (device, "cpu"))
    (maps, segments), _ = image(0, size=(2, 3))
    many = np.repeat(maps[None], 4, 0)
    for _ in range(3):
        metric.update(*[(device.xp.asarray(many), [segments] * len(many))] * 2)
        on_cpu.update(*[(many, [segments] * len(many))] * 2)
    same_scores(metric, on_cpu)


@pytest.mark.parametrize(
    ("pred", "truth", "error", "message"),
    [
        (([[1]], []), ([[1, 2]], []), DataError, r"map is \(1, 1\) ids, that of the truth \(1, 2\)"),
        (([[1.5]], []), ([[1]], []), UsageError, "the predicted segment map must hold integer ids"),
        (([[1]], [{"id": 1}]), ([[1]], []), UsageError, "needs id and category_id"),
        (([[1]], [{"id": 1, "category_id": 9}]), ([[1]], []), DataError, "unknown category 9"),
        (([[[1]]], []), ([[[1]]], []), UsageError, "is of 1 images, and there are segments of 0"),
        (([[1]], np.zeros((1, 2), int)), ([[1]], []), DataError, "a class map is .* its instance map"),
    ],
)
def test_what_is_refused_everywhere(device, pred, truth, error, message):
    with pytest.raises(error, match=message):
        PanopticQuality(CATEGORIES, device="cpu").update(pred, truth)
    moved = [
        (device.xp.asarray(np.asarray(maps)), told if isinstance(told, list) else device.xp.asarray(told))
        for maps, told in (pred, truth)
    ]
    with pytest.raises(error, match=message):
        PanopticQuality(CATEGORIES, device=device).update(*moved)


def test_image_ids_are_counted(device):
    maps = device.xp.zeros((2, 2, 2), np.int32)
    with pytest.raises(UsageError, match="there are 2 images and 1 image ids"):
        PanopticQuality(CATEGORIES, device=device).update((maps, [[], []]), (maps, [[], []]), image_id=[1])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.array([[1, -5]]), "image 4: segment_map: 1 pixels have a segment id below 0"),
        (np.array([[2**33, 2**32 - 1]]), "image 4: segment_map: 2 pixels have a segment id below 0 or above"),
        (np.arange(1, 10001).reshape(100, 100), f"there are more than {SLOTS} pairs of segments"),
        (np.array([[5]]), "the predicted map holds id 5, which no segment has"),
    ],
)
def test_what_is_refused_when_scores_are_asked(device, ids, message):
    metric = PanopticQuality(CATEGORIES, device=device)
    side = device.xp.asarray(ids), []
    metric.update(side, side, image_id=4)
    with pytest.raises(DataError, match=message):
        metric.compute()
    with pytest.raises(DataError, match=message):
        metric.compute()


def test_boundaries_are_measured_on_the_cpu_alone(device):
    maps = device.xp.zeros((2, 2), np.int32)
    with pytest.raises(UsageError, match="'boundary-pq' measures boundaries of segments, on the CPU alone"):
        PanopticQuality(CATEGORIES, "boundary-pq", device=device).update((maps, []), (maps, []))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_segments_match_where_they_were_counted(device, protocol):
    tables = [table(*crowded(seed)) for seed in range(300)]
    rules = PANOPTIC_RULES[protocol].bits
    here, there = kernels.match_segments(tables, rules), kernels.match_segments(tables, rules, device)
    for on_cpu, one in zip(here, there, strict=True):
        for expected, found in zip(on_cpu, one, strict=True):
            assert (expected.dtype, expected.tobytes()) == (found.dtype, found.tobytes())
