"""The CUDA device: kernels of gpu.cu, compiled once by CuPy, on arrays that stay where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError
from segbench.kernels._device import place_of, plain_tensor
from segbench.kernels._machine_code import machine_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALL = "pip install 'segbench[cuda12]' for CUDA 12, 'segbench[cuda13]' for CUDA 13"

_PLAIN_SHARED = 48 << 10  # what a block can have without asking


class Cuda:
    """A CUDA device; see :class:`segbench.kernels.Device`. :func:`cuda` returns the one of each number."""

    def __init__(self, index: int) -> None:
        import cupy

        self.name = self.place = f"cuda:{index}"
        self.xp: Any = cupy
        self._index = index
        attributes = cupy.cuda.Device(index).attributes
        self.processors: int = attributes["MultiProcessorCount"]
        self.shared_bytes: int = attributes["MaxSharedMemoryPerBlockOptin"] // 2  # so that two blocks fit
        self._functions: dict[str, Any] = {}
        self._last: Any = None  # the stream of the last turn

    def view(self, values: Any, what: str) -> Any:
        """View a torch tensor or another library's array on this device as CuPy's, without a copy.

        Raises
        ------
        UsageError
            When it lies elsewhere.
        """
        place = place_of(values)
        if place != self.name:
            raise UsageError(
                f"{what} is on {place}, and what it is counted with on {self.name}: move one of them"
            )
        if type(values) is self.xp.ndarray:
            return values
        with self.xp.cuda.Device(self._index):
            return self.xp.from_dlpack(plain_tensor(values))

    @contextmanager
    def turn(self, *values: Any) -> Iterator[None]:
        """Work on the stream of the caller: torch's where a value is torch's, else CuPy's.

        It waits on the device, not on the CPU, for what an earlier turn began on another stream.
        """
        with self.xp.cuda.Device(self._index):
            stream = self._stream(values)
            with stream:
                if self._last is not None and self._last.ptr != stream.ptr:
                    stream.wait_event(self._last.record())
                self._last = stream
                yield

    def _stream(self, values: Sequence[Any]) -> Any:
        if any(type(value).__module__.partition(".")[0] == "torch" for value in values):
            import torch

            return self.xp.cuda.Stream.from_external(_TorchStream(torch.cuda.current_stream(self._index)))
        return self.xp.cuda.get_current_stream()

    def launch(
        self, kernel: str, grid: tuple[int, int], block: int, args: Sequence[Any], shared: int = 0
    ) -> None:
        """Start a kernel of gpu.cu on the current stream."""
        function = self._functions.get(kernel)
        if function is None:
            function = self._functions[kernel] = _module(self._index).get_function(kernel)
        if shared > _PLAIN_SHARED and shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = shared
        function(grid, (block,), tuple(args), shared_mem=shared)

    def to_host(self, array: Any) -> NDArray[np.generic]:
        """Wait for an array and copy it to the CPU."""
        with self.turn():
            copied: NDArray[np.generic] = self.xp.asnumpy(array)
            return copied


class _TorchStream:
    """A torch stream, as CuPy asks for it."""

    def __init__(self, stream: Any) -> None:
        self._pointer: int = stream.cuda_stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer


@cache
def _module(index: int) -> Any:
    import cupy

    with cupy.cuda.Device(index) as device:
        return cupy.RawModule(path=str(machine_code(cupy.cuda.nvrtc, int(device.compute_capability))))


def cuda(index: int = 0) -> Cuda:
    """Return the CUDA device of a number.

    Raises
    ------
    UsageError
        When there is no CuPy, no GPU, or none of this number; it says what to install.
    """
    try:
        import cupy
    except ImportError as error:
        raise UsageError(f"device 'cuda' needs CuPy ({error}): {INSTALL}") from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise UsageError(
            f"CuPy finds no GPU ({error}): install NVIDIA's driver and the CuPy that fits it ({INSTALL}), or "
            "use device='cpu'"
        ) from None
    if not 0 <= index < count:
        raise UsageError(f"there is no cuda:{index}: this machine has {count} CUDA devices, numbered from 0")
    return _device(index)


@cache
def _device(index: int) -> Cuda:
    return Cuda(index)
