"""MeanIoU against a scorer of plain loops, its rules, and that no order or grouping changes a bit of it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError
from segbench.metrics import MeanIoU
from segbench.metrics.semantic import measure, score

pytestmark = pytest.mark.filterwarnings("ignore::segbench.errors.SegbenchWarning")  # see test_warnings.py


def naive_scores(pairs, num_classes, ignore_index):
    """Every score from its definition, pixel by pixel, in Python numbers."""
    tp, truth, pred = ([0] * num_classes for _ in range(3))
    for t_map, p_map in pairs:
        for t, p in zip(np.ravel(t_map).tolist(), np.ravel(p_map).tolist(), strict=True):
            if t == ignore_index:
                continue
            truth[t] += 1
            if p != ignore_index:
                pred[p] += 1
                tp[t] += t == p

    def mean(parts, wholes):
        defined = [part / whole for part, whole in zip(parts, wholes, strict=True) if whole]
        return math.fsum(defined) / len(defined) if defined else math.nan

    union = [t + p - i for t, p, i in zip(truth, pred, tp, strict=True)]
    both = [t + p for t, p in zip(truth, pred, strict=True)]
    total = sum(truth)
    return {
        "miou": mean(tp, union),
        "pixel_accuracy": sum(tp) / total if total else math.nan,
        "mean_accuracy": mean(tp, truth),
        "fw_iou": math.fsum(t / total * i / u for t, i, u in zip(truth, tp, union, strict=True) if t)
        if total
        else math.nan,
        "mean_dice": mean([2 * i for i in tp], both),
        "mean_precision": mean(tp, pred),
        "mean_recall": mean(tp, truth),
        "mean_fscore": mean([2 * i for i in tp], both),
    }


def random_pair(rng, num_classes=5, ignore_index=255, size=(9, 14)):
    truth = rng.integers(0, num_classes, size, np.uint8)
    pred = np.where(rng.random(size) < 0.6, truth, rng.integers(0, num_classes, size, np.uint8))
    truth[rng.random(size) < 0.1] = ignore_index
    pred[rng.random(size) < 0.1] = ignore_index
    return pred, truth


def same_bits(one, other):
    assert np.array(list(one.values())).tobytes() == np.array(list(other.values())).tobytes()
    assert repr(one.class_rows) == repr(other.class_rows)
    assert one.signature == other.signature


@pytest.mark.parametrize("seed", range(100))
def test_scores_are_those_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 7))
    ignore_index = int(rng.choice([255, 0, num_classes - 1, 7]))
    pairs = [
        random_pair(rng, num_classes, ignore_index, rng.integers(1, 12, 2)) for _ in range(rng.integers(1, 4))
    ]
    metric = MeanIoU(num_classes, ignore_index)
    for pred, truth in pairs:
        metric.update(pred, truth)
    expected = naive_scores([(truth, pred) for pred, truth in pairs], num_classes, ignore_index)
    scores = metric.compute()
    assert list(scores) == list(expected)
    assert list(scores.values()) == pytest.approx(list(expected.values()), rel=1e-14, nan_ok=True)


def test_an_example_by_hand():
    truth = np.array([[0, 0, 1, 1, 255, 2]])
    pred = np.array([[0, 1, 1, 255, 0, 2]])
    metric = MeanIoU(4, labels=["a", "b", "c", "d"])
    metric.update(pred, truth)
    scores = metric.compute()
    assert metric.confusion.tolist() == [[1, 1, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert scores["miou"] == (1 / 2 + 1 / 3 + 1) / 3
    assert scores["pixel_accuracy"] == 3 / 5
    assert scores["mean_accuracy"] == (1 / 2 + 1 / 2 + 1) / 3
    assert scores["mean_precision"] == (1 + 1 / 2 + 1) / 3
    assert scores.class_rows[1] == {
        "category_id": 1,
        "name": "b",
        "iou": 1 / 3,
        "accuracy": 1 / 2,
        "dice": 1 / 2,
        "precision": 1 / 2,
        "recall": 1 / 2,
        "fscore": 1 / 2,
    }
    assert math.isnan(scores.class_rows[3]["iou"])


def test_a_category_that_is_only_predicted_counts_as_zero():
    metric = MeanIoU(3)
    metric.update([[0, 1]], [[0, 0]])
    assert metric.compute()["miou"] == (1 / 2 + 0) / 2
    assert metric.compute()["mean_accuracy"] == 1 / 2


def test_predicting_ignore_everywhere_is_no_way_to_a_score():
    truth = np.zeros((10, 10), np.uint8)
    pred = np.full((10, 10), 255, np.uint8)
    pred[0, :2] = 0
    metric = MeanIoU(2)
    metric.update(pred, truth)
    assert metric.compute()["miou"] == 0.02


def test_nothing_scored_is_nan():
    metric = MeanIoU(2)
    assert all(math.isnan(value) for value in metric.compute().values())
    metric.update([[1]], [[255]])
    assert all(math.isnan(value) for value in metric.compute().values())


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "int64", "uint64"])
def test_any_integers_of_any_layout(dtype):
    truth = np.random.default_rng(0).integers(0, 2, (2, 3, 4)).astype(dtype)
    flat, batch, channel = MeanIoU(2), MeanIoU(2), MeanIoU(2)
    for image in truth:
        flat.update(image, image[::-1])
    batch.update(truth, truth[:, ::-1])
    channel.update(truth[:, None], truth[:, ::-1])
    assert np.array_equal(flat.confusion, batch.confusion)
    assert np.array_equal(flat.confusion, channel.confusion)


class Tensor:
    """Stands for a CPU tensor that gives itself away as an array, or for one on a GPU that does not."""

    def __init__(self, values, device="cpu"):
        self.values, self.device = values, device

    def __array__(self, dtype=None, copy=None):
        if self.device != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.values


class Capsule:
    """Stands for an array that speaks DLPack alone."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def test_arrays_of_other_libraries():
    mask = np.array([[0, 1], [1, 1]])
    metric = MeanIoU(2)
    metric.update(Tensor(mask), Capsule(mask))
    assert metric.confusion.tolist() == [[1, 0, 0], [0, 3, 0]]
    with pytest.raises(UsageError, match="CPU"):
        metric.update(Tensor(mask, "cuda"), mask)


def test_no_ignore_index():
    metric = MeanIoU(2, ignore_index=None)
    metric.update([[0, 1]], [[1, 1]])
    assert metric.compute()["pixel_accuracy"] == 0.5
    for bad in (255, -1):
        with pytest.raises(DataError, match=f"id {bad} on 1 pixels"):
            metric.update([[0]], [[bad]])


def test_errors_name_image_and_field():
    with pytest.raises(
        DataError, match="image 7: mask: the truth holds category id 2 on 3 pixels; ids are 0..1, or 255"
    ):
        measure(np.zeros((1, 3), int), [[2, 2, 2]], 2, image_id="7")
    with pytest.raises(DataError, match="image 7: mask: the prediction holds category id -4 on 1 pixels"):
        measure([[-4, 0, 255]], [[0, 0, 0]], 2, image_id="7")
    with pytest.raises(DataError, match=r"image 7: mask: it is \(1, 2\) pixels, the truth \(2, 1\)"):
        measure([[0, 0]], [[0], [0]], 2, image_id="7")
    measure([[9]], [[255]], 2)  # what lies on ignored truth is dropped


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MeanIoU(0), "at least 1"),
        (lambda: MeanIoU(2, protocol="exactt"), "Did you mean 'exact'"),
        (lambda: MeanIoU(2, labels=["a"]), "0..1"),
        (lambda: MeanIoU(2).update([[0.5]], [[0]]), "integer ids, not float64"),
        (lambda: MeanIoU(2).update([0], [0]), r"not \[1\]"),
        (lambda: MeanIoU(2).update(np.zeros((1, 2, 3, 4), int), np.zeros((1, 3, 4), int)), r"\[1, 2, 3, 4\]"),
        (lambda: MeanIoU(2).merge(MeanIoU(3)), "categories"),
        (lambda: MeanIoU(2).merge(MeanIoU(2, ignore_index=0)), "settings"),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def sample(mask, image_id="7", **options):
    height, width = mask.shape
    return Sample(image_id=image_id, height=height, width=width, load_mask=lambda: mask, **options)


def test_samples():
    pred, truth = random_pair(np.random.default_rng(1))
    metric = MeanIoU.build(Categories.from_id2label(dict(enumerate("abcde"))), "exact", {})
    metric.add(metric.measure_sample(sample(pred), sample(truth), index=3))
    direct = MeanIoU(5, labels="abcde")
    direct.update(pred, truth)
    same_bits(metric.compute(), direct.compute())
    with pytest.raises(
        DataError, match=r"/data/7.png: image 7: mask: the truth holds category id 81 on 26 pixels"
    ):
        metric.measure_sample(sample(pred), sample(truth + np.uint8(77), source_path="/data/7.png"))
    with pytest.raises(DataError, match="image 7: ignore_index: the mask's ignore index is 65535"):
        metric.measure_sample(sample(pred, ignore_index=65_535), sample(truth))


POOL = [random_pair(np.random.default_rng(seed), 5) for seed in range(8)]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(len(POOL))), st.lists(st.integers(0, len(POOL)), max_size=4), st.randoms())
def test_no_order_or_grouping_changes_a_bit(order, cuts, random):
    parts = np.split(np.array(order), sorted(cuts))
    metrics = [MeanIoU(5) for _ in parts]
    for metric, part in zip(metrics, parts, strict=True):
        for i in part:
            metric.update(*POOL[i])
    random.shuffle(metrics)
    total = MeanIoU(5)
    for metric in metrics:
        total.merge(pickle.loads(pickle.dumps(metric)))
    whole = MeanIoU(5)
    whole.update(np.stack([pred for pred, _ in POOL]), np.stack([truth for _, truth in POOL]))
    same_bits(total.compute(), whole.compute())
    assert np.array_equal(total.confusion, whole.confusion)


def test_adding_in_place_changes_the_total_alone():
    first, second = (measure(*pair, 5) for pair in POOL[:2])
    before = [np.copy(getattr(stats, name)) for stats in (first, second) for name in ("tp", "confusion")]
    metric = MeanIoU(5)
    metric.add(first)
    table = metric.confusion
    metric.add(second)
    assert np.array_equal(table, first.confusion)
    assert np.array_equal(metric.confusion, first.confusion + second.confusion)
    after = [getattr(stats, name) for stats in (first, second) for name in ("tp", "confusion")]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    twin = MeanIoU(5)
    twin.merge(metric)
    metric.add(second)
    assert np.array_equal(twin.confusion, first.confusion + second.confusion)


def test_the_image_table_is_all_a_score_needs():
    metric, again = MeanIoU(5), MeanIoU(5)
    rows = [metric.image_row(None)]
    for pred, truth in POOL:
        stats = measure(pred, truth, 5)
        metric.add(stats)
        rows.append(metric.image_row(stats))
    assert metric.detection_rows(stats) == {}
    assert {name: array.dtype.name for name, array in rows[0].items()} == {
        "category_ids": "int32",
        "tp": "int64",
        "fp": "int64",
        "fn": "int64",
        "confused_truth_ids": "int32",
        "confused_pred_ids": "int32",
        "confused": "int64",
    }
    again.add_tables(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    same_bits(again.compute(), metric.compute())
    with pytest.raises(UsageError, match="confusion"):
        _ = again.confusion
    metric.reset()
    same_bits(metric.compute(), MeanIoU(5).compute())


def test_scores_are_a_mapping_with_a_table_and_a_signature():
    scores = score(measure([[0, 1]], [[0, 0]], 2), Categories.from_id2label({0: "road", 1: "sky"}), "s")
    assert len(scores) == 8
    assert scores == dict(scores)
    assert dict(scores)["miou"] == scores["miou"] == 0.25
    assert list(scores.per_class.columns)[:3] == ["category_id", "name", "iou"]
    assert scores.per_class["iou"].tolist() == [0.5, 0.0]
    assert repr(scores).startswith("Scores(miou=0.25, pixel_accuracy=0.5, ")
    assert MeanIoU(2).compute().signature.endswith("|protocol=exact|ignore_index=255")
