"""Resamples times statistics on a device: the same scores, and what is said where there is none."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from segbench.errors import UsageError
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.pooled import How, Ratios
from segbench.leaderboard.product import DeviceProduct, product_on
from segbench.leaderboard.rank import score_on
from segbench.leaderboard.resample import Draws


class Cupy(ModuleType):
    """A stand-in: arrays of NumPy, and a count of what was brought over."""

    def __init__(self, gpus):
        super().__init__("cupy")
        self.gpus, self.moved = gpus, []
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(getDeviceCount=self.count, CUDARuntimeError=RuntimeError)
        )

    def count(self):
        if not self.gpus:
            raise RuntimeError("no device")

    def asarray(self, array):
        self.moved.append(array.shape)
        return array[::1].copy()

    def asnumpy(self, array):
        return array


def models(rng):
    images, categories = (np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50))
    for _ in range(3):
        tp, other = rng.integers(0, 10_000, (2, 200)).astype(float)
        yield Ratios(50, images, categories, tp, tp + other)


def test_scores_are_the_same_and_weights_are_moved_once(monkeypatch):
    cupy = Cupy(1)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    draws = Draws(50, 200, 1)
    boards = []
    for device in ("cpu", "cuda"):
        how = How(product=product_on(device))
        boards.append([score_on(model, draws, how).replicates for model in models(np.random.default_rng(0))])
    np.testing.assert_array_equal(*boards)
    assert cupy.moved == [(200, 50)] + [(50, 4)] * 6


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        build_leaderboard(tmp_path, tmp_path, device="tpu")
    monkeypatch.setitem(sys.modules, "cupy", Cupy(0))
    with pytest.raises(UsageError, match="CuPy finds no GPU .no device.: use device='cpu'"):
        build_leaderboard(tmp_path, tmp_path, device="cuda")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(UsageError, match=r"needs CuPy .*segbench\[cuda12\]"):
        DeviceProduct()
