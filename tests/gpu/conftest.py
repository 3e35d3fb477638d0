"""Devices to run every case on: the emulator, and the GPU where there is one."""

from __future__ import annotations

import pytest
from emulator.build import missing

from segbench.errors import UsageError
from segbench.kernels import gpu


def no_gpu() -> str | None:
    """Return why there is no GPU to test on, or None."""
    try:
        gpu.cuda()
    except UsageError as error:
        return str(error)
    return None


NO_GPU = no_gpu()
DEVICES = ["emulator"] if NO_GPU else ["emulator", "cuda"]


def open_device(name: str, **options):
    """Open a device by name, or skip the test."""
    if name == "cuda":
        return gpu.cuda()
    reason = missing()
    if reason:
        pytest.skip(reason)
    from emulator.device import Emulator

    return Emulator(**options)


@pytest.fixture(params=DEVICES)
def device(request):
    return open_device(request.param)


@pytest.fixture
def small_device():
    """A device whose blocks have next to no shared memory."""
    return open_device("emulator", shared_bytes=1024)
