"""Where a model is put: of several processes on a machine each takes another GPU."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from segbench.models.setup import torch_device


@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("rank", "expected"), [(None, "cuda:0"), ("1", "cuda:1"), ("5", "cuda:1"), ("x", "cuda:0")]
)
def test_each_process_takes_a_gpu(monkeypatch, device, rank, expected):
    cuda = SimpleNamespace(is_available=lambda: True, device_count=lambda: 4)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, empty=lambda *_, **__: None))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert torch_device(device) == expected
    assert torch_device("cuda:3") == "cuda:3"
    assert torch_device("cpu") == "cpu"
