"""MeanIoU on a device gives what it gives on the CPU, to the last bit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gpu.arrays import LIBRARIES
from gpu.test_overlap import blocks
from segbench.errors import DataError, SegbenchWarning, UsageError
from segbench.metrics import MeanIoU

PROTOCOLS = ["exact", "mmseg", "hf", "detectron2", "ade20k", "voc", "torchmetrics-jaccard", "image-level"]


def batches(seed, ids=(0, 1, 2, 3, 255)):
    """Truth [B, H, W] and predictions, of several sizes."""
    rng = np.random.default_rng(seed)
    for shape in ((2, 14, 22), (1, 9, 9), (3, 16, 16)):
        truth = blocks(rng, shape, ids, 30, "uint8")
        pred = np.where(rng.random(shape) < 0.7, np.where(truth == 255, 1, truth), rng.integers(0, 4, shape))
        yield pred.astype(np.int64), truth


def fed(metric, pairs, convert=lambda values: values):
    for pred, truth in pairs:
        metric.update(convert(pred), convert(truth))
    return metric


def same_scores(one, other):
    ours, theirs = one.compute(), other.compute()
    assert dict(ours) == pytest.approx(dict(theirs), abs=0, rel=0, nan_ok=True)
    assert ours.signature == theirs.signature
    np.testing.assert_array_equal(one.confusion, other.confusion)
    assert one.warnings == other.warnings


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_label_maps(device, library, protocol):
    on_cpu = fed(MeanIoU(4, protocol=protocol), batches(1))
    on_device = MeanIoU(4, protocol=protocol, device=device)
    fed(on_device, batches(1), lambda values: LIBRARIES[library](values, device))
    same_scores(on_device, on_cpu)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("protocol", ["exact", "image-level"])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_logits(device, library, protocol, kind):
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(size=(len(t), 4, 5, 6)).astype(kind), t) for _, t in batches(2)]
    on_cpu = fed(MeanIoU(4, protocol=protocol), pairs)
    on_device = MeanIoU(4, protocol=protocol, device=device)
    fed(on_device, pairs, lambda values: LIBRARIES[library](values, device))
    same_scores(on_device, on_cpu)


def test_bfloat16_of_torch(device):
    torch = pytest.importorskip("torch")
    scores = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    truth = torch.randint(0, 3, (2, 1, 20, 30), dtype=torch.uint8)
    on_cpu, on_device = MeanIoU(3), MeanIoU(3, device=device)
    on_cpu.update(scores, truth)
    on_device.update(scores.to(device.place).requires_grad_(), truth.to(device.place))
    same_scores(on_device, on_cpu)
    wide = torch.nn.functional.interpolate(scores.float(), (20, 30), mode="bilinear").argmax(1)
    plain = MeanIoU(3)
    plain.update(wide, truth)
    assert on_cpu.compute()["miou"] == pytest.approx(plain.compute()["miou"], abs=2e-3)


def test_shapes_of_the_contract(device):
    truth = np.uint8([[0, 1, 1], [1, 0, 255]])
    expected = fed(MeanIoU(2), [(truth, truth)])
    for shape in ((2, 3), (1, 2, 3), (1, 1, 2, 3)):
        one = device.xp.asarray(truth.reshape(shape))
        same_scores(fed(MeanIoU(2, device=device), [(one, one)]), expected)
    logits = device.xp.asarray(np.stack([truth == 0, truth == 1])[None].astype(np.float32))
    same_scores(fed(MeanIoU(2, device=device), [(logits, device.xp.asarray(truth))]), expected)
    booleans = device.xp.asarray(truth == 1)
    same_scores(
        fed(MeanIoU(2, device=device), [(booleans, booleans)]), fed(MeanIoU(2), [(truth == 1, truth == 1)])
    )


def test_merging_adds_exactly(device):
    pairs = list(batches(3))
    whole = fed(MeanIoU(4), pairs)
    parts = [MeanIoU(4, device=where) for where in (device, "cpu", device)]
    for part, (pred, truth) in zip(parts, pairs, strict=True):
        part.update(*((pred, truth) if part is parts[1] else map(device.xp.asarray, (pred, truth))))
    parts[0].merge(parts[1])
    parts[0].merge(pickle.loads(pickle.dumps(parts[2])) if device.name != "emulator" else parts[2])
    same_scores(parts[0], whole)


def test_scores_may_be_asked_between_updates(device):
    metric, on_cpu = MeanIoU(4, device=device), MeanIoU(4)
    for pred, truth in batches(4):
        metric.update(*map(device.xp.asarray, (pred, truth)))
        on_cpu.update(pred, truth)
        same_scores(metric, on_cpu)
    metric.reset()
    assert np.isnan(metric.compute()["miou"])


def test_many_images_are_brought_to_the_cpu(device, monkeypatch):
    monkeypatch.setattr("segbench.metrics.semantic.MOST_PENDING", 3)
    metric = MeanIoU(4, protocol="image-level", device=device)
    fed(metric, batches(5), device.xp.asarray)
    assert metric._counter is None
    same_scores(metric, fed(MeanIoU(4, protocol="image-level"), batches(5)))


def test_ids_that_are_no_category_are_told_when_scores_are_asked(device):
    metric = MeanIoU(2, device=device)
    good, bad = device.xp.asarray(np.uint8([[0, 1]])), device.xp.asarray(np.uint8([[0, 7]]))
    metric.update(bad, good)
    for _ in range(2):
        with pytest.raises(DataError, match=r"the prediction holds .* on 1 pixels; ids are 0\.\.1, or 255"):
            metric.compute()
    metric.reset()
    metric.update(good, bad)
    with pytest.raises(DataError, match="the truth holds ids that are no category on 1 pixels"):
        metric.compute()
    tolerant = MeanIoU(2, protocol="mmseg", device=device)
    tolerant.update(bad, good)
    with pytest.warns(SegbenchWarning, match="1 pixels have a predicted id that is no category"):
        tolerant.compute()


TRUTH = np.zeros((1, 2, 3), int)


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("pred", "truth", "error", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), DataError, "the truth"),
        (np.zeros((2, 3)), TRUTH[0], UsageError, "pred must hold integer ids, not float64"),
        (
            np.zeros((1, 3, 2, 2), np.float32),
            np.zeros((1, 2, 3), int),
            UsageError,
            "of 3 classes, and the metric",
        ),
        (
            np.zeros((2, 2, 2, 2), np.float32),
            np.zeros((1, 2, 3), int),
            DataError,
            "of 2 images, and the truth of 1",
        ),
        (
            np.zeros((1, 2, 2, 2)),
            np.zeros((1, 2, 3), int),
            UsageError,
            "logits must be float32, float16 or bfl",
        ),
        (zeros(1, 2, 0, 2), TRUTH, UsageError, "there are no scores"),
    ],
)
def test_what_is_refused_everywhere(device, pred, truth, error, message):
    with pytest.raises(error, match=message):
        MeanIoU(2).update(pred, truth)
    with pytest.raises(error, match=message):
        MeanIoU(2, device=device).update(*map(device.xp.asarray, (pred, truth)))


def test_what_a_device_does_not_do(device):
    one = device.xp.zeros((2, 3), np.uint8)
    with pytest.raises(UsageError, match="needs instance maps, and counts on the CPU alone"):
        MeanIoU(1, labels=["road"], protocol="cityscapes", device=device).update(one, one)
    with pytest.raises(UsageError, match="up to 32766 classes are counted on"):
        MeanIoU(40000, device=device).update(one, one)
