"""The fused kernel: class scores to counts, on the CPU, a device and in plain steps."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from gpu.test_overlap import cells, same
from segbench import kernels

SHAPES = [
    # classes, source, target
    (1, (1, 1), (1, 1)),
    (3, (1, 1), (5, 40)),
    (19, (8, 16), (64, 128)),
    (19, (9, 12), (37, 50)),
    (5, (7, 9), (7, 9)),
    (4, (30, 41), (12, 33)),
    (40, (6, 5), (24, 20)),
    (150, (5, 7), (11, 70)),
]


def bits_of(scores, kind):
    """Scores [B, K, h, w] as the doors take them: bfloat16 is the upper half of float32, cut."""
    if kind == "bfloat16":
        return (scores.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return scores.astype(kind)


def floats_of(bits, kind):
    return (bits.astype(np.uint32) << 16).view(np.float32) if kind == "bfloat16" else bits.astype(np.float32)


def counted(device, truth, bits, kind, ignore_index, by_image=False):
    counts = kernels.table_of(device, len(truth) if by_image else 1, bits.shape[1])
    arrays = map(device.xp.asarray, (truth, bits))
    kernels.add_logits(device, *arrays, kind, ignore_index=ignore_index, counts=counts)
    return device.to_host(counts)


def noise(rng, shape):
    return rng.normal(size=shape)


def near_ties(rng, shape):
    """Scores some roundings of float32 apart: bounds must not leave out what wins by one."""
    return 1 + rng.integers(0, 64, shape) * 2.0**-23 * rng.choice([0, 1], (1, shape[1], 1, 1))


def smooth(rng, shape):
    """Scores as models give them: of most places, one or two classes can win."""
    coarse = rng.normal(0, 4, (*shape[:2], -(-shape[2] // 4), -(-shape[3] // 4)))
    wide = coarse.repeat(4, 2).repeat(4, 3)[:, :, : shape[2], : shape[3]]
    return wide + rng.normal(0, 0.3, shape)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("classes", "source", "target"), SHAPES)
@pytest.mark.parametrize("draw", [noise, smooth, near_ties])
def test_every_kind_and_size(device, kind, classes, source, target, draw):
    rng = np.random.default_rng(classes)
    bits = bits_of(draw(rng, (2, classes, *source)), kind)
    truth = rng.integers(0, classes + 2, (2, *target)).astype(np.int16)
    expected = naive.logits_confusion(truth, floats_of(bits, kind), classes + 1)
    same(kernels.logits_confusion(truth, bits, classes + 1, kind), expected)
    same(cells(counted(device, truth, bits, kind, classes + 1)[0]), expected)


def test_each_image_apart_and_types_of_truth(device):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    for dtype in ("uint8", "int16", "int32", "int64"):
        truth = rng.integers(0, 5, (3, 13, 17)).astype(dtype)
        for i, table in enumerate(counted(device, truth, scores, "float32", 0, by_image=True)):
            expected = naive.logits_confusion(truth[i : i + 1], scores[i : i + 1], 0)
            same(kernels.logits_confusion(truth[i : i + 1], scores[i : i + 1], 0), expected)
            same(cells(table), expected)


def test_counts_in_global_memory(small_device):
    rng = np.random.default_rng(1)
    scores, truth = rng.normal(size=(1, 5, 4, 4)).astype(np.float32), rng.integers(0, 5, (1, 16, 16))
    expected = naive.logits_confusion(truth, scores, 255)
    same(cells(counted(small_device, truth, scores, "float32", 255)[0]), expected)


SPECIAL = [0.0, -0.0, 1.0, 1.0, np.nan, np.inf, -np.inf, 3e38, -3e38, 65504, 6e-8, 1e-40, -1e-40, 2.0**-14]


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("target", [(6, 6), (24, 25)])
def test_ties_and_numbers_that_are_none(device, kind, seed, target):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        bits = bits_of(rng.choice(SPECIAL, (1, 6, 6, 6)), kind)
    truth = rng.integers(0, 6, (1, *target)).astype(np.uint8)
    expected = naive.logits_confusion(truth, floats_of(bits, kind), 255)
    same(kernels.logits_confusion(truth, bits, 255, kind), expected)
    same(cells(counted(device, truth, bits, kind, 255)[0]), expected)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_every_short_number_is_read_right(kind):
    """Against another class of zeros: which wins tells the sign, of numbers of all sizes and of none."""
    bits = np.zeros((1, 2, 256, 256), np.uint16)
    bits[0, 1] = np.arange(65536).reshape(256, 256)
    scores = floats_of(bits if kind == "bfloat16" else bits.view(np.float16), kind)
    truth = (np.isnan(scores[:, 1]) | (scores[:, 1] > 0)).astype(np.uint8)
    found = kernels.logits_confusion(truth, bits, 255, kind)
    assert found[0].tolist() == found[1].tolist()


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    ("classes", "source", "target"),
    [
        (19, (64, 128), (512, 1024)),
        (19, (65, 129), (513, 1025)),
        (150, (60, 80), (427, 640)),
        (21, (300, 200), (111, 99)),
    ],
)
def test_torch_gives_the_same_classes(kind, classes, source, target):
    """In all but one pixel of 100,000."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, classes, *source, generator=generator).to(getattr(torch, kind))
    wide = torch.nn.functional.interpolate(scores.float(), target, mode="bilinear", align_corners=False)
    bits = scores.view(torch.int16).numpy() if kind == "bfloat16" else scores.numpy()
    truth, pred, pixels = kernels.logits_confusion(wide.argmax(1).numpy(), bits, 255, kind)
    assert pixels[truth != pred].sum() <= 1e-5 * pixels.sum()


@pytest.mark.parametrize(
    ("truth", "logits", "kind", "message"),
    [
        (np.zeros((1, 2, 2), int), np.zeros((1, 2, 2, 2)), None, "not float64"),
        (np.zeros((1, 2, 2), int), np.zeros((1, 2, 2, 2), np.float32), "float8", "not float8"),
        (np.zeros((2, 2), int), np.zeros((1, 2, 2, 2), np.float32), None, "need logits"),
        (np.zeros((2, 2, 2), int), np.zeros((1, 2, 2, 2), np.float32), None, "need logits"),
        (np.zeros((1, 2, 2), int), np.zeros((1, 0, 2, 2), np.float32), None, "no scores"),
        (np.zeros((1, 2, 2)), np.zeros((1, 2, 2, 2), np.float32), None, "must hold integers"),
    ],
)
def test_what_is_refused(truth, logits, kind, message):
    with pytest.raises(ValueError, match=message):
        kernels.logits_confusion(truth, logits, 255, kind)
