"""Every semantic protocol against its reference restated plainly."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from metrics import semantic_oracles as oracles

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError, UsageError
from segbench.metrics import MeanIoU
from segbench.protocols import get_protocol

pytestmark = pytest.mark.filterwarnings("ignore::segbench.errors.SegbenchWarning")  # see test_warnings.py

SEEDS = range(40)


def random_pairs(seed, *, truth_outside=False, pred_outside=False, pred_void=False):
    """Images with void, categories that never occur, and ids that are none where asked for."""
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(2, 24))
    ignore = int(rng.choice([255, 0, num_classes - 1]))
    used = rng.choice(num_classes, int(rng.integers(1, num_classes + 1)), replace=False).astype(np.uint8)
    pairs = []
    for _ in range(int(rng.integers(1, 6))):
        size = tuple(rng.integers(1, 14, 2))
        truth = rng.choice(used, size)
        pred = np.where(rng.random(size) < 0.6, truth, rng.choice(used, size)).astype(np.uint8)
        truth[rng.random(size) < 0.1] = ignore
        if ignore >= num_classes and not pred_void:
            pred[pred == ignore] = used[0]
        if truth_outside and rng.random() < 0.7:
            truth[rng.random(size) < 0.1] = num_classes + int(rng.integers(0, 3))
        if pred_outside and rng.random() < 0.7:
            pred[rng.random(size) < 0.1] = num_classes + int(rng.integers(0, 3))
        if pred_void:
            pred[rng.random(size) < 0.1] = ignore
        pairs.append((pred, truth))
    return pairs, num_classes, ignore


def scored(protocol, pairs, num_classes, ignore, **settings):
    metric = MeanIoU(num_classes, ignore, protocol, settings=settings)
    for pred, truth in pairs:
        metric.update(pred, truth)
    assert from_tables(metric, pairs) == {
        k: pytest.approx(v, 0, 0, nan_ok=True) for k, v in metric.compute().items()
    }
    return metric, metric.compute()


def from_tables(metric, pairs):
    """The same scores from rows of ``images.parquet``."""
    again = type(metric).build(metric.categories, metric.protocol, metric.settings)
    rows = [
        again.image_row(again._measure(pred, truth)) | {"image_id": str(i), "index": i}
        for i, (pred, truth) in enumerate(pairs)
    ]
    rows.append(again.image_row(None) | {"image_id": "failed", "index": len(pairs)})
    again.add_tables(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    return again.compute()


def iou_of(scores):
    return np.array([row["iou"] for row in scores.class_rows])


@pytest.mark.parametrize("seed", SEEDS)
def test_hugging_face(seed):
    case = random_pairs(seed, truth_outside=True, pred_outside=True, pred_void=True)
    _, scores = scored("hf", *case)
    expected = oracles.mmsegmentation(*case)
    np.testing.assert_array_equal(iou_of(scores), expected.pop("iou"))
    assert {key: scores[key] for key in expected} == {
        key: pytest.approx(v, 0, 0, nan_ok=True) for key, v in expected.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beta", [1, 2])
def test_mmsegmentation_in_exact_integers(seed, beta):
    case = random_pairs(seed, truth_outside=True, pred_outside=True, pred_void=True)
    _, scores = scored("mmseg", *case, beta=beta)
    expected = oracles.mmsegmentation(*case, beta=beta)
    np.testing.assert_array_equal(iou_of(scores), np.round(expected.pop("iou") * 100, 2) / 100)
    for key, value in expected.items():
        assert scores[key] == pytest.approx(np.round(value * 100, 2) / 100, 0, 0, nan_ok=True), key


@pytest.mark.parametrize("seed", SEEDS)
def test_mmsegmentation_in_its_float32_order(seed):
    case = random_pairs(seed, truth_outside=True, pred_outside=True, pred_void=True)
    _, scores = scored("mmseg", *case, float32_order=True)
    expected = oracles.mmsegmentation(*case, dtype=np.float32)
    for key in ("miou", "mean_accuracy", "mean_dice", "pixel_accuracy"):
        theirs = np.round(expected[key] * np.float32(100), 2)
        assert theirs.dtype == np.float32
        np.testing.assert_equal(np.float32(100 * scores[key]), theirs)


def test_float32_counts_stop_where_float32_does():
    metric = MeanIoU(2, protocol="mmseg", settings={"float32_order": True})
    exact = MeanIoU(2, protocol="mmseg")
    pred = np.zeros((2, 10_000_000), np.uint8)
    truth = pred.copy()
    truth[1] = 1
    for one in (metric, exact):
        one.update(pred, truth)
    pair = [(pred[:, :20], truth[:, :20])]
    small = oracles.mmsegmentation(pair, 2, 255)
    assert exact.compute()["miou"] == pytest.approx(np.round(small["miou"] * 100, 2) / 100)
    assert exact.compute().class_rows[0]["iou"] == 0.5
    assert metric.compute().class_rows[0]["iou"] == pytest.approx(0.5960, abs=1e-7)  # 1e7 / 2**24


@pytest.mark.parametrize("seed", SEEDS)
def test_mmsegmentation_in_torch(seed):
    torch = pytest.importorskip("torch")
    pairs, num_classes, ignore = random_pairs(seed, truth_outside=True, pred_outside=True, pred_void=True)
    rows = []
    for pred, truth in pairs:
        kept = torch.tensor(truth) != ignore
        p, t = torch.tensor(pred)[kept], torch.tensor(truth)[kept]
        both, p, t = (
            torch.histc(v.float(), bins=num_classes, min=0, max=num_classes - 1) for v in (p[p == t], p, t)
        )
        rows.append((both, p + t - both, t))
    both, either, t = (sum(column) for column in zip(*rows, strict=True))
    _, scores = scored("mmseg", pairs, num_classes, ignore, float32_order=True)
    for key, values in {"miou": both / either, "mean_accuracy": both / t}.items():
        if not torch.isnan(values).all():
            assert np.float32(100 * scores[key]) == np.round(np.nanmean(values.numpy()) * 100, 2)
    theirs = (both / either).numpy() * 100
    np.testing.assert_array_equal((100 * iou_of(scores)).astype(np.float32), np.round(theirs, 2))


@pytest.mark.parametrize("seed", SEEDS)
def test_detectron2(seed):
    case = random_pairs(seed)
    _, scores = scored("detectron2", *case)
    expected = oracles.detectron2(*case) if any((t != case[2]).any() for _, t in case[0]) else None
    if expected is None:
        assert math.isnan(scores["miou"])
        return
    np.testing.assert_array_equal(iou_of(scores), expected.pop("iou"))
    assert {key: scores[key] for key in expected} == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_ade20k(seed):
    pairs, num_classes, _ = random_pairs(seed, pred_outside=True, pred_void=True)
    _, scores = scored("ade20k", pairs, num_classes, 255)
    expected = oracles.ade20k(pairs, num_classes, 255)
    np.testing.assert_allclose(iou_of(scores), expected["iou"], rtol=0, atol=1e-12)
    assert scores["miou"] == pytest.approx(expected["miou"], abs=1e-12)
    assert scores["pixel_accuracy"] == pytest.approx(expected["pixel_accuracy"], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_voc(seed):
    case = random_pairs(seed)
    _, scores = scored("voc", *case)
    expected = oracles.voc(*case)
    np.testing.assert_array_equal(iou_of(scores), expected["iou"])
    if not math.isnan(expected["miou"]):
        assert scores["miou"] == expected["miou"]


@pytest.mark.parametrize("seed", SEEDS)
def test_mapillary(seed):
    pairs, num_classes, _ = random_pairs(seed, truth_outside=True, pred_outside=True)
    unscored = sorted(
        np.random.default_rng(seed).choice(num_classes, num_classes // 3, replace=False).tolist()
    )
    _, scores = scored("mapillary", pairs, num_classes, None, unscored=unscored)
    expected = oracles.mapillary(pairs, num_classes, unscored)
    np.testing.assert_array_equal(iou_of(scores), expected["iou"])
    assert scores["miou"] == pytest.approx(expected["miou"], 0, 0, nan_ok=True)


def test_mapillary_leaves_out_what_is_unlabeled():
    categories = Categories([Category(0, "Road"), Category(1, "Sky"), Category(2, "Unlabeled")])
    metric = get_protocol("mapillary").build(categories)
    assert metric.settings["unscored"] == [2]
    metric.update([[0, 0, 1, 2]], [[0, 1, 2, 1]])
    assert metric.compute()["miou"] == (1 / 2 + 0) / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_torchmetrics_jaccard(seed):
    case = random_pairs(seed)
    _, scores = scored("torchmetrics-jaccard", *case)
    expected = oracles.jaccard(*case)
    np.testing.assert_array_equal(iou_of(scores).astype(np.float32), expected["iou"].astype(np.float32))
    assert scores["miou"] == pytest.approx(float(expected["miou"]), rel=3e-7, nan_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_torchmetrics_itself(seed):
    torch = pytest.importorskip("torch")
    jaccard = pytest.importorskip("torchmetrics.classification").MulticlassJaccardIndex
    pairs, num_classes, ignore = random_pairs(seed)
    reference = jaccard(num_classes=num_classes, ignore_index=ignore, average="macro")
    for pred, truth in pairs:
        reference.update(torch.tensor(pred.astype(np.int64)), torch.tensor(truth.astype(np.int64)))
    theirs = float(reference.compute())
    _, scores = scored("torchmetrics-jaccard", pairs, num_classes, ignore)
    assert scores["miou"] == pytest.approx(theirs, rel=3e-7, nan_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_image_level(seed):
    case = random_pairs(seed, pred_void=True)
    _, scores = scored("image-level", *case)
    if not any((truth != case[2]).any() for _, truth in case[0]):
        assert math.isnan(scores["miou_i"])
        return
    for key, value in oracles.image_level(*case).items():
        assert scores[key] == pytest.approx(value, rel=1e-14), key
    exact = MeanIoU(case[1], case[2])
    for pair in case[0]:
        exact.update(*pair)
    assert {key: scores[key] for key in exact.compute()} == {
        key: pytest.approx(v, 0, 0, nan_ok=True) for key, v in exact.compute().items()
    }


def test_a_batch_counts_as_its_images():
    rng = np.random.default_rng(0)
    pred, truth = rng.integers(0, 3, (2, 4, 5, 6))
    batch, single = MeanIoU(3, protocol="image-level"), MeanIoU(3, protocol="image-level")
    batch.update(pred, truth)
    for p, t in zip(pred, truth, strict=True):
        single.update(p, t)
    assert batch.compute() == single.compute()


@pytest.mark.parametrize(
    ("protocol", "pred", "truth", "message"),
    [
        ("detectron2", 255, 0, "prediction holds category id 255"),
        ("detectron2", 0, 7, "truth holds category id 7"),
        ("voc", 21, 0, "prediction holds category id 21"),
        ("torchmetrics-jaccard", 255, 0, "prediction holds category id 255"),
        ("cityscapes", 34, 0, "prediction holds category id 34"),
        ("ade20k", 0, 7, "truth holds category id 7"),
    ],
)
def test_what_a_reference_refuses_is_an_error(protocol, pred, truth, message):
    with pytest.raises(DataError, match=message):
        MeanIoU(2, protocol=protocol, labels=["road", "sky"]).update([[pred]], [[truth]])


def test_unknown_rules_are_refused():
    with pytest.raises(UsageError, match="unknown setting 'float32order'. Did you mean 'float32_order'"):
        MeanIoU(2, protocol="mmseg", settings={"float32order": True})
    with pytest.raises(UsageError, match="unscored: ids are 0..1"):
        MeanIoU(2, protocol="mapillary", settings={"unscored": [2]})
    with pytest.raises(UsageError, match="settings"):
        MeanIoU(2, protocol="mmseg").merge(MeanIoU(2, protocol="mmseg", settings={"beta": 2}))
    assert (
        MeanIoU(2, protocol="mmseg")
        .compute()
        .signature.endswith(
            "|ignore_index=255|truth_outside=false_positive|pred_outside=miss|pred_ignore=id|mean=nanmean|"
            "decimals=2|fscore=rates"
        )
    )
