"""Why protocols differ: reasons add up to the differences, and count what they concern."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import permutations

import numpy as np
import pytest
from together import CATEGORIES, N, data, instance, panoptic, voided

import segbench
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.metrics.ap_rules import Rules
from segbench.metrics.once import Once
from segbench.metrics.panoptic_rules import PANOPTIC_RULES, PanopticRules
from segbench.metrics.reasons import WITNESSES, load_witness
from segbench.metrics.rule_words import ANY, WORDS, compared, differing
from segbench.metrics.semantic_rules import SEMANTIC_RULES, SemanticRules
from segbench.protocols import PROTOCOLS

INSTANCE = [p.name for p in PROTOCOLS.values() if p.task == "instance"]
CASES = [
    *((panoptic, pair) for pair in permutations(SEMANTIC_RULES, 2)),
    *((voided, pair) for pair in permutations(PANOPTIC_RULES, 2)),
    *((instance, pair) for pair in permutations(INSTANCE, 2)),
]


def masks(truth, pred):
    """Two data sets of label maps; ids may be none of the categories."""

    def load(maps):
        return lambda i: Sample(
            image_id=str(i), height=maps[i].shape[0], width=maps[i].shape[1], load_mask=lambda: maps[i]
        )

    return [
        Dataset(
            name="maps", categories=CATEGORIES, image_ids=[str(i) for i in range(len(maps))],
            load=load(maps), tasks=["semantic"],
        )
        for maps in (truth, pred)
    ]  # fmt: skip


def outside(seed=0):
    """Label maps with void, ids that are none, a category that is only predicted and one that is nowhere."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 4, 9, 255], (N, 8, 12), p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05]).astype(np.uint8)
    noise = rng.choice([0, 1, 2, 3, 4, 8, 255], truth.shape)
    pred = np.where((rng.random(truth.shape) < 0.6) & (truth < 6), truth, noise).astype(np.uint8)
    return truth, pred


def check(comparison):
    """The reasons of each protocol add up to how its scores differ from those of the first."""
    base, *others = comparison
    for record in others:
        reasons = [r for r in comparison.reasons if r.protocol == record.protocol["name"]]
        assert {r.base for r in reasons} <= {base.protocol["name"]}
        # of several rules of average precision, what each does is not told
        assert all(r.changes or r.count for r in reasons) or (record.task == "instance" and len(reasons) > 1)
        told = [r for r in reasons if r.changes]
        for key in base.metrics.keys() & record.metrics.keys():
            difference = record.metrics[key].value - base.metrics[key].value
            changes = [r.changes[key] for r in told if key in r.changes]
            if difference and record.task != "instance":
                assert changes
            if (told or record.task != "instance") and not any(map(math.isnan, changes)):
                assert sum(changes) == pytest.approx(difference, abs=1e-15) or math.isnan(difference)


@pytest.mark.parametrize(("make", "names"), CASES)
def test_reasons_add_up_to_the_difference(make, names):
    check(segbench.score(data("truth", make), data("pred", make), protocol=list(names), threads=1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("names", list(permutations(["mmseg", "hf", "mapillary"])))
def test_they_add_up_where_ids_are_no_category(names, seed):
    check(segbench.score(*masks(*outside(seed)), protocol=list(names), threads=1))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_off_one_table_is_what_each_protocol_reads_alone(seed):
    names = ["mmseg", "hf", "mapillary"]
    sides = masks(*outside(seed))
    for record, name in zip(segbench.score(*sides, protocol=names, threads=1), names, strict=True):
        alone = segbench.score(*sides, protocol=name, threads=1)
        assert record.run_id == alone.run_id
        assert record.images == alone.images
        assert record.warnings == alone.warnings


def reasons(*sides, protocol):
    found = segbench.score(*sides, protocol=list(protocol), threads=1).reasons
    return {reason.rule: reason for reason in found}


def test_pixels_are_counted_for_each_rule():
    truth, pred = outside()
    found = reasons(*masks(truth, pred), protocol=["hf", "mapillary"])
    known = truth < 6
    assert found["truth_outside"].count == (truth == 9).sum()
    assert found["truth_outside"].text == (
        "mapillary drops pixels whose true id is no category, hf counts what is predicted on true ids that "
        "are no category as false positives"
    )
    assert found["pred_outside"].count == (known & (pred == 8)).sum()
    assert found["unscored"].count == (known & ((truth == 4) | (pred == 4))).sum()
    assert found["unscored"].text.startswith("mapillary does not score unlabeled, hf scores every category")
    assert found["unscored_pred"].count == (known & (truth != 4) & (pred == 4)).sum()
    assert {found[rule].of for rule in ("truth_outside", "pred_outside", "unscored")} == {"pixels"}


def test_predictions_of_the_ignore_index_are_counted():
    truth, pred = outside()
    truth[truth == 9], pred[pred == 8] = 0, 0
    found = reasons(*masks(truth, pred), protocol=["exact", "hf"])
    assert found["pred_ignore"].count == ((truth < 6) & (pred == 255)).sum()
    assert "truth_outside" not in found, "no such pixel is here"


def test_categories_that_enter_a_mean_are_named():
    truth, pred = outside()
    truth[truth == 9] = 0
    pred[pred > 5] = 0
    averaged = reasons(*masks(truth, pred), protocol=["exact", "detectron2"])["averaged"]
    assert (averaged.count, averaged.of, averaged.names) == (1, "categories", ["car"])
    assert averaged.changes.keys() == {"miou"}
    all_of_them = reasons(*masks(truth, pred), protocol=["exact", "ade20k"])["averaged"]
    assert all_of_them.names == ["train"]
    pred[pred == 3] = 0
    assert "averaged" not in reasons(*masks(truth, pred), protocol=["exact", "detectron2"])


def test_what_the_pooled_table_cannot_tell_is_what_is_left():
    truth, pred = outside()
    settings = {"float32_order": True}
    protocol = PROTOCOLS["hf"]
    metrics = [protocol.build(CATEGORIES), protocol.build(CATEGORIES, settings)]
    for order in (metrics, metrics[::-1]):
        witness = load_witness("semantic", order)
        for i, (t, p) in enumerate(zip(*masks(truth, pred), strict=True)):
            once = Once()
            stats = [metric.measure_sample(p, t, i, once) for metric in order]
            witness.add(witness.observe(p, t, once, stats))
            for metric, image in zip(order, stats, strict=True):
                metric.add(image)
        scores = [metric.compute() for metric in order]
        [reason] = witness.reasons(scores, [None, None])
        assert reason.rule == "float32_order"
        assert reason.changes["miou"] == pytest.approx(scores[1]["miou"] - scores[0]["miou"], abs=1e-18)
        for metric in order:
            metric.reset()


def test_segments_are_counted_for_each_rule():
    found = reasons(data("truth", voided), data("pred", voided), protocol=["panopticapi", "torchmetrics-pq"])
    truth, pred = (list(data(side, voided)) for side in ("truth", "pred"))
    stuff = [[s.category_id for s in x.segments if s.category_id in (0, 1, 4)] for x in truth + pred]
    assert found["crowds"].count == N
    assert found["areas"].count == N
    assert found["merge_stuff"].count == sum(len(ids) - len(set(ids)) for ids in stuff)
    assert found["pred_void"].count == sum(
        ((t.segment_map > 0) & (p.segment_map == 0)).sum() for t, p in zip(truth, pred, strict=True)
    )
    dagger = reasons(data("truth", voided), data("pred", voided), protocol=["panopticapi", "pq-dagger"])
    assert dagger.keys() == {"stuff"}
    assert dagger["stuff"].count == sum(map(len, stuff))
    mapillary = reasons(
        data("truth", voided), data("pred", voided), protocol=["panopticapi", "mapillary-panoptic"]
    )
    assert "void_images" not in mapillary, "every image has a segment"


def test_instances_that_match_otherwise_are_counted():
    sides = data("truth", instance), data("pred", instance)
    together = segbench.score(*sides, protocol=["coco-instance", "coco-bbox"], threads=1)
    [reason] = together.reasons
    flags = [
        np.stack([r.detections[f"{name}_all"].to_numpy() for name in ("matched", "ignored")])
        for r in together
    ]
    assert reason.count == (flags[0] != flags[1]).any(axis=0).sum() > 0
    assert reason.of == f"of {flags[0].shape[1]} predictions match otherwise"


def test_of_several_rules_of_instances_none_has_the_changes_alone():
    sides = data("truth", instance), data("pred", instance)
    settings = {"max_detections": [1, 2]}
    records = [segbench.score(*sides, protocol=name) for name in ("coco-instance", "coco-bbox")]
    metrics = [
        PROTOCOLS["coco-instance"].build(CATEGORIES),
        PROTOCOLS["coco-bbox"].build(CATEGORIES, settings),
    ]
    scores = [{key: metric.value for key, metric in record.metrics.items()} for record in records]
    found = load_witness("instance", metrics).reasons(scores, [record.detections for record in records])
    assert [(reason.rule, reason.changes) for reason in found] == [
        ("iou_type", None),
        ("max_detections", None),
    ]


def test_protocols_of_the_same_rules_have_no_reason():
    sides = data("truth", voided), data("pred", voided)
    assert reasons(*sides, protocol=["panopticapi", "cityscapes-panoptic"]) == {}


@pytest.mark.parametrize(
    ("task", "kind"), [("semantic", SemanticRules), ("panoptic", PanopticRules), ("instance", Rules)]
)
def test_every_rule_has_words(task, kind):
    assert WITNESSES.keys() == WORDS.keys()
    for field in fields(kind):
        words = WORDS[task][field.name]
        assert field.default in words or ANY in words, field.name


def test_words_of_values():
    ranges = ("a", {"all": (0, 1e10)}), ("b", {"all": (0, 1e10), "small": (0, 1024)})
    assert compared(WORDS["instance"], "area_ranges", *ranges) == (
        "a has the area ranges all 0–1e+10, b has the area ranges all 0–1e+10, small 0–1024"
    )
    assert compared(WORDS["instance"], "max_detections", ("a", (1, 10)), ("b", (300,))) == (
        "a counts 1, 10 predictions, b counts 300 predictions"
    )
    assert (
        compared(WORDS["semantic"], "unknown", ("a", 1), ("b", 2)) == "a has unknown = 1, b has unknown = 2"
    )
    assert differing(SemanticRules(), SemanticRules(decimals=2, beta=2.0)) == ["decimals", "beta"]
