"""Scores at another size, and the class of the highest: those of the naive twin, and of what is counted."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from segbench import kernels

SIZES = [((1, 1), (5, 4)), ((3, 5), (7, 11)), ((9, 7), (4, 3)), ((4, 6), (4, 6)), ((17, 40), (70, 150))]


@pytest.mark.parametrize(("size", "wanted"), SIZES)
@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("odd", [False, True])
def test_labels_are_those_of_the_naive_twin(size, wanted, kind, odd):
    rng = np.random.default_rng(len(kind) + size[0])
    scores = rng.integers(-9, 9, (7, *size)).astype(np.float32)  # with equal ones
    if odd:
        scores.flat[[0, 2, 3, 6]] = [np.inf, np.nan, -np.inf, 6e4]
    bits = scores.astype(np.float16) if kind == "float16" else scores
    scores = bits.astype(np.float32)
    if kind == "bfloat16":
        bits = (scores.view(np.uint32) >> 16).astype(np.uint16)
        scores = (bits.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = naive.upsampled(scores[None], *wanted)[0].argmax(0)
    found = kernels.logits_labels(bits, *wanted, kind)
    assert found.dtype == np.int32
    assert np.array_equal(found, expected)
    truth, pred, _ = kernels.logits_confusion(found[None], bits[None], 255, kind)
    assert np.array_equal(truth, pred)


@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_resized_scores_are_those_of_the_naive_twin(size, wanted):
    values = np.random.default_rng(size[1]).normal(size=(5, *size)).astype(np.float32)
    found = kernels.resize_bilinear(values, *wanted)
    assert np.array_equal(found, naive.upsampled(values[None], *wanted)[0])


@pytest.mark.parametrize(
    ("logits", "size", "message"),
    [
        (np.zeros((2, 3)), (1, 1), "need logits"),
        (np.zeros((2, 3, 3), np.float32), (0, 1), "need logits"),
        (np.zeros((0, 3, 3), np.float32), (1, 1), "no scores"),
        (np.zeros((2, 3, 3)), (1, 1), "not float64"),
    ],
)
def test_what_no_map_can_be_made_of(logits, size, message):
    with pytest.raises(ValueError, match=message):
        kernels.logits_labels(logits, *size)


@pytest.mark.parametrize(("shape", "size"), [((2, 3), (1, 1)), ((2, 0, 3), (1, 1)), ((2, 3, 3), (1, 0))])
def test_what_cannot_be_resized(shape, size):
    with pytest.raises(ValueError, match="need values"):
        kernels.resize_bilinear(np.zeros(shape), *size)
