"""The CUDA device on a stand-in for CuPy: its streams, its launches and the way of arrays to it."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gpu.conftest import open_device
from gpu.test_semantic import batches, fed, same_scores
from segbench.errors import UsageError
from segbench.kernels import gpu
from segbench.metrics import MeanIoU


class There(np.ndarray):
    """An array that says it is on the first GPU."""

    def __dlpack_device__(self):
        return 2, 0


class Stream:
    """A stream that notes what it waits for."""

    current: Stream

    def __init__(self, ptr):
        self.ptr, self.waited, self._before = ptr, [], []

    def __enter__(self):
        self._before.append(Stream.current)
        Stream.current = self
        return self

    def __exit__(self, *_):
        Stream.current = self._before.pop()

    def record(self):
        return f"all so far on {self.ptr}"

    def wait_event(self, event):
        self.waited.append(event)


class Device:
    """CuPy's, with two GPUs."""

    compute_capability = "90"

    def __init__(self, index):
        self.attributes = {"MultiProcessorCount": 2, "MaxSharedMemoryPerBlockOptin": 192 << 10}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Cupy(ModuleType):
    """NumPy's functions, and of CuPy's own what the device uses; kernels run on the emulator."""

    def __init__(self, emulator):
        super().__init__("cupy")
        self.emulator, self.shared = emulator, []
        runtime = SimpleNamespace(getDeviceCount=lambda: 2, CUDARuntimeError=RuntimeError)
        self.cuda = SimpleNamespace(
            Device=Device,
            runtime=runtime,
            Stream=Stream,
            get_current_stream=lambda: Stream.current,
            nvrtc="its compiler",
        )

    def __getattr__(self, name):
        return getattr(np, name)

    def from_dlpack(self, array):
        return array.view(np.ndarray)

    def asnumpy(self, array):
        return array.copy()

    def RawModule(self, path):  # noqa: N802 - CuPy's name
        assert path == "its compiler 90"
        return SimpleNamespace(get_function=lambda name: Function(name, self))


class Function:
    """A kernel; more than 48 KiB of shared memory must be asked for."""

    max_dynamic_shared_size_bytes = 48 << 10

    def __init__(self, name, cupy):
        self.name, self.cupy = name, cupy

    def __call__(self, grid, block, args, shared_mem):
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        self.cupy.shared.append(shared_mem)
        self.cupy.emulator.launch(self.name, grid, block[0], args, shared_mem)


@pytest.fixture
def cupy(monkeypatch):
    stand_in = Cupy(open_device("emulator", shared_bytes=96 << 10))
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    monkeypatch.setattr(gpu, "machine_code", lambda nvrtc, capability: f"{nvrtc} {capability}")
    Stream.current = Stream(0)
    for cached in (gpu._device, gpu._module):
        cached.cache_clear()
    yield stand_in
    for cached in (gpu._device, gpu._module):
        cached.cache_clear()


def there(values):
    return values.view(There)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "auto"])
def test_arrays_are_counted_where_they_are(cupy, device):
    metric = fed(MeanIoU(4, device=device), batches(1), there)
    assert metric._place.name == "cuda:0"
    assert cupy.shared == [4 * 36] * 3
    same_scores(metric, fed(MeanIoU(4), batches(1)))


def test_much_shared_memory_is_asked_for(cupy):
    metric = MeanIoU(150, device="cuda")
    pairs = list(batches(2))
    same_scores(fed(metric, pairs, there), fed(MeanIoU(150), pairs))
    assert cupy.shared == [4 * 152 * 152] * 3


def test_a_stream_waits_for_the_one_before(cupy):
    first, second = Stream.current, Stream(7)
    device = gpu.cuda()
    with device.turn():
        assert Stream.current is first
    with second:
        for _ in range(2):
            with device.turn():
                assert Stream.current is second
    with device.turn():
        pass
    assert second.waited == ["all so far on 0"]
    assert first.waited == ["all so far on 7"]


def test_arrays_elsewhere_are_refused(cupy):
    maps = np.zeros((2, 3), np.uint8)
    with pytest.raises(UsageError, match="pred is on cuda:0, truth is on cpu, .* counts on cuda:1"):
        MeanIoU(2, device="cuda:1").update(there(maps), maps)
    with pytest.raises(UsageError, match="there is no cuda:2: this machine has 2 CUDA devices"):
        MeanIoU(2, device="cuda:2")
    with pytest.raises(UsageError, match="pred is on cpu, and what it is counted with on cuda:1"):
        gpu.cuda(1).view(maps, "pred")
