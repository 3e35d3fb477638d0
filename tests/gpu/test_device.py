"""The CUDA device, or what is said where there is none."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from gpu.conftest import NO_GPU
from segbench.errors import UsageError
from segbench.kernels import _device, gpu


def test_every_case_runs_on_a_gpu():
    """Where it does not, the reason stands in the report."""
    if NO_GPU:
        pytest.skip(NO_GPU)
    device = gpu.cuda()
    assert device is gpu.cuda(0)
    assert device.name == "cuda:0"
    with pytest.raises(UsageError, match="there is no cuda:1000: this machine has"):
        gpu.cuda(1000)


def test_what_to_install_is_said_without_cupy(monkeypatch):
    def no_cupy(name, *args, **kwargs):
        if name == "cupy":
            raise ModuleNotFoundError("No module named 'cupy'")
        return imported(name, *args, **kwargs)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_cupy)
    with pytest.raises(UsageError, match=r"needs CuPy .*No module.*pip install 'segbench\[cuda12\]'"):
        gpu.cuda()


def test_what_to_install_is_said_without_a_gpu():
    pytest.importorskip("cupy")
    if not NO_GPU:
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match=r"finds no GPU .*driver.*segbench\[cuda13\].*device='cpu'"):
        gpu.cuda()


class Elsewhere:
    """An array on a device, as DLPack numbers it."""

    def __init__(self, *place):
        self.place = place

    def __dlpack_device__(self):
        return self.place


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([1, 2], "cpu"),
        (np.zeros(2), "cpu"),
        (Elsewhere(2, 1), "cuda:1"),
        (Elsewhere(10, 0), "rocm:0"),
        (Elsewhere(8, 0), "a device that DLPack numbers 8:0"),
    ],
)
def test_where_arrays_are(values, place):
    assert _device.place_of(values) == place


def test_tensors_of_torch_are_viewed():
    torch = pytest.importorskip("torch")
    for dtype in (torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.bool):
        tensor = torch.arange(6).reshape(2, 3).to(dtype)
        view = _device.host_view(tensor, "pred")
        assert view.ctypes.data == tensor.data_ptr()
        assert _device.dtype_name(tensor) == str(dtype).removeprefix("torch.")
    weights = torch.ones(2, requires_grad=True)
    assert _device.host_view(weights, "pred").tolist() == [1, 1]
    assert _device.place_of(weights) == "cpu"
    with pytest.raises(UsageError, match="pred is on cuda:3, and is needed on the CPU"):
        _device.host_view(Elsewhere(2, 3), "pred")
