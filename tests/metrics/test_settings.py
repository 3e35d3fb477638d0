"""Settings that differ from a protocol's: what they may be, what they change; that a record keeps them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest
from metrics.test_instance import CATEGORIES, random_case, reference, samples_of

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import UsageError
from segbench.leaderboard.evidence import read_evidence
from segbench.metrics import MaskAP
from segbench.metrics.rules import checked
from segbench.protocols import PROTOCOLS, get_protocol

STREETS = Categories([Category(0, "car", source_id=26, isthing=True), Category(1, "sky", isthing=False)])


def ours(truth, results, iou_type, settings):
    protocol = get_protocol("coco-bbox" if iou_type == "bbox" else "coco-instance")
    metric = protocol.build(CATEGORIES, settings)
    for pred, true in samples_of(truth, results):
        metric.add(metric.measure_sample(pred, true))
    return metric


@pytest.mark.parametrize("seed", range(80))
def test_categories_as_one_are_bit_for_bit_as_pycocotools(seed):
    truth, results = random_case(seed)
    iou_type = ("segm", "bbox")[seed % 2]
    limits = (1, 2, 100) if seed % 3 else (1, 10, 100)
    settings = {"use_categories": False, "max_detections": limits}
    expected = reference(truth, results, iou_type, settings)
    metric = ours(truth, results, iou_type, settings)
    for name, array in metric.curves()._asdict().items():
        assert array.shape == expected.eval[name].shape
        assert array.tobytes() == expected.eval[name].tobytes(), name
    scores = metric.compute()
    assert np.nan_to_num(list(scores.values()), nan=-1.0).tobytes() == expected.stats.tobytes()
    assert [row["name"] for row in scores.class_rows] == [c.name for c in CATEGORIES]
    assert all(math.isnan(row["ap"]) for row in scores.class_rows)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (bool, False, False),
        (tuple[int, ...], [3, 1], (3, 1)),
        (tuple[int, ...], 3, (3,)),
        (tuple[float, ...], [0, 0.5], (0.0, 0.5)),
        (int | tuple[float, ...], 11, 11),
        (int | tuple[float, ...], 0.5, (0.5,)),
        (int | None, None, None),
        (Literal["a", "b"] | None, "b", "b"),
        (Mapping[str, tuple[float, float]], {"all": [0, 1]}, {"all": (0.0, 1.0)}),
    ],
)
def test_values_are_read_as_their_kind(kind, value, read):
    found = checked("it", value, kind)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, True, "setting it must be a whole number, not True"),
        (int, 3.0, "a whole number, not 3.0"),
        (float, "0.5", "a finite number, not '0.5'"),
        (float, math.nan, "a finite number, not nan"),
        (bool, 1, "true or false, not 1"),
        (tuple[int, ...], ["a"], "a list, each a whole number, not"),
        (tuple[int, ...], "12", "a list, each a whole number, not '12'"),
        (int | None, "x", "a whole number or null, not 'x'"),
        (Literal["a", "b"] | None, "c", "'a' or 'b' or null, not 'c'"),
        (Literal["a", "b"], ["a"], r"'a' or 'b', not \['a'\]"),
        (
            Mapping[str, tuple[float, float]],
            {"all": [0]},
            "names, each with a list of 2, each a finite number",
        ),
        (Mapping[str, tuple[float, float]], [0, 1], "names, each with a list of 2"),
    ],
)
def test_other_values_are_refused_with_what_they_must_be(kind, value, message):
    with pytest.raises(UsageError, match=message):
        checked("it", value, kind)


@pytest.mark.parametrize(
    ("protocol", "settings", "message"),
    [
        ("coco-instance", {"max_dets": [5]}, "unknown setting 'max_dets'. Did you mean 'max_detections'"),
        ("coco-instance", {"max_detections": None}, "max_detections must be a list"),
        ("coco-instance", {"iou_type": "bbox"}, "measures 'segm', not 'bbox'"),
        ("coco-instance", {"area_ranges": {"all": 3}}, "area_ranges must be names"),
        ("lvis", {"use_categories": False}, "no meaning for federated truth"),
        ("mmseg", {"betta": 2}, "unknown setting 'betta'. Did you mean 'beta'"),
        ("mmseg", {"beta": "much"}, "beta must be a finite number"),
        ("exact", {"ignore_index": "void"}, "ignore_index must be a whole number or null"),
        ("exact", {"averaged": "some"}, "'seen' or 'truth' or 'all', not 'some'"),
        ("panopticapi", {"chunk": 2}, "unknown setting 'chunk'. Did you mean 'chunks'"),
        ("panopticapi", {"chunks": "two"}, "chunks must be a whole number"),
        ("panopticapi", {"chunks": 0}, "chunks must be at least 1"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(protocol, settings, message):
    with pytest.raises(UsageError, match=message):
        get_protocol(protocol).build(STREETS, settings)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_setting_survives_the_record(name):
    """Also one that goes back from the protocol's own value to what is usual."""
    built = get_protocol(name).build(STREETS)
    usual = {"semantic": "exact", "instance": "coco-instance", "panoptic": "panopticapi"}[built.task]
    for key in get_protocol(name).settings:
        default = getattr(get_protocol(usual).build(STREETS).rules, key, None)
        if key == "iou_type" or (default is None and key != "decimals"):
            continue
        changed = get_protocol(name).build(STREETS, {key: default})
        again = get_protocol(name).build(STREETS, json.loads(json.dumps(changed.settings)))
        assert getattr(again.rules, key) == default, key
        assert again.settings == changed.settings


def test_labels_that_are_scored_after_all_survive_the_record():
    categories = Categories([Category(0, "Unlabeled"), Category(1, "Car")])
    mapillary = get_protocol("mapillary")
    assert mapillary.build(categories).settings["unscored"] == [0]
    changed = mapillary.build(categories, {"unscored": []})
    assert mapillary.build(categories, changed.settings).settings["unscored"] == []


def dataset(seed):
    """Twelve images of boxes of two categories; seed 0 is the truth."""

    def load(index):
        rng, own = np.random.default_rng(index), np.random.default_rng([index, seed])
        segments = []
        for i in range(int(rng.integers(1, 9))):
            y, x, h, w = rng.integers(1, 30), rng.integers(1, 30), rng.integers(5, 30), rng.integers(5, 30)
            mask = np.zeros((64, 64), bool)
            y, x = y + (own.integers(-2, 3) if seed else 0), x + (own.integers(-2, 3) if seed else 0)
            mask[max(y, 0) : y + h, max(x, 0) : x + w] = True
            score = float(own.integers(1, 9)) / 8 if seed else None
            category = int(rng.integers(0, 2)) if own.random() < 0.8 else 0
            segments.append(Segment(id=i + 1, category_id=category, rle=Rle.from_mask(mask), score=score))
        return Sample(image_id=str(index), height=64, width=64, segments=segments, overlap=True)

    names = [str(i) for i in range(12)]
    return Dataset(name=f"set{seed}", categories=STREETS, image_ids=names, load=load, tasks=["instance"])


@pytest.mark.parametrize(
    "settings",
    [
        {"max_detections": [2]},
        {"max_detections": [1, 3, 100, 300]},
        {"iou_thresholds": [0.3, 0.75], "recall_thresholds": 11},
        {"recall_thresholds": [0.0, 0.25, 0.9, 1.5]},
        {"use_categories": False},
        {"area_ranges": {"tiny": [0, 300], "all": [0, 1e10]}},
        {"max_detections": [4], "limited_by": "image"},
        {"max_detections": [20], "limited_by": "category"},
    ],
    ids=str,
)
def test_a_record_alone_gives_the_score_again(settings, tmp_path):
    record = segbench.score(dataset(0), dataset(1), settings=settings, out=tmp_path)
    assert settings.items() <= record.protocol["settings"].items()
    assert record.metrics != segbench.score(dataset(0), dataset(1)).metrics
    record = segbench.read_record(record.path)
    metric = get_protocol("coco-instance").build(STREETS, record.protocol["settings"])
    metric.add_tables(record.images, record.detections)
    assert {k: repr(v) for k, v in metric.compute().items()} == {
        k: repr(v.value) for k, v in record.metrics.items()
    }
    pooled = read_evidence(record).pooled
    assert pooled.scores(np.ones((1, 12)))[0] == pytest.approx(record.metrics["ap"].value, abs=1e-12)


def test_several_limits_over_all_images_are_one_another():
    both = MaskAP(STREETS, max_detections=(5, 20), settings={"limited_by": "category"})
    for index in range(12):
        both.add(both.measure_sample(dataset(1)[index], dataset(0)[index], index))
    for limit in (5, 20):
        one = MaskAP(STREETS, max_detections=(limit,), settings={"limited_by": "category"})
        for index in range(12):
            one.add(one.measure_sample(dataset(1)[index], dataset(0)[index], index))
        assert one.compute()[f"ar_{limit}"] == both.compute()[f"ar_{limit}"]
