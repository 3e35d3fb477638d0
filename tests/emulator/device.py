"""The emulator as a device: the kernels of gpu.cu on NumPy arrays and torch tensors of the CPU."""

from __future__ import annotations

import ctypes
import os
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np

from emulator.build import KERNELS, build
from segbench.kernels._device import host_view

SANITIZED = os.environ.get("SEGBENCH_EMULATOR") == "sanitized"
"""Whether kernels are built with sanitizers; tests/emulator/test_sanitizers.py runs such a process."""


class EmulatorError(RuntimeError):
    """What the emulator found wrong in a kernel or a launch."""


class Emulator:
    """A small GPU on the CPU. ``seed`` draws the order in which blocks and threads take turns."""

    name = "emulator"
    place = "cpu"
    xp = np
    processors = 1

    def __init__(self, source: Path = KERNELS / "gpu.cu", *, seed: int = 0, shared_bytes: int = 48 << 10):
        self._library = _library(source)
        self._seed = seed
        self.shared_bytes = shared_bytes
        self.launched: list[str] = []

    def view(self, values, what):
        return host_view(values, what)

    def turn(self, *values):
        return nullcontext()

    def to_host(self, array):
        return array.copy()

    def launch(self, kernel, grid, block, args, shared=0):
        assert shared <= self.shared_bytes
        self.launched.append(kernel)
        pairs = [_argument(value) for value in args]
        held, sizes = [value for value, _ in pairs], [size for _, size in pairs]
        values = (ctypes.c_void_p * len(args))(*(ctypes.addressof(value) for value in held))
        message = ctypes.create_string_buffer(400)
        failed = self._library.emulate(
            kernel.encode(),
            (ctypes.c_uint * 3)(*grid, 1),
            (ctypes.c_uint * 3)(block, 1, 1),
            ctypes.c_int64(shared),
            ctypes.c_uint(self._seed + len(self.launched)),
            values,
            (ctypes.c_int64 * len(args))(*sizes),
            ctypes.c_int64(len(args)),
            message,
            ctypes.c_int64(len(message)),
        )
        if failed:
            raise EmulatorError(message.value.decode())


def _argument(value):
    """What a parameter is given, and its size: as CuPy gives it."""
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data), ctypes.sizeof(ctypes.c_void_p)
    assert isinstance(value, np.generic), f"a kernel takes arrays and NumPy scalars, not {value!r}"
    return ctypes.create_string_buffer(value.tobytes(), value.itemsize), value.itemsize


@cache
def _library(source: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(build(source, sanitized=SANITIZED)))
