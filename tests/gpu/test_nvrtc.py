"""Every kernel compiles for every architecture that is served, without a warning; no GPU is needed."""

import pytest
from emulator.build import KERNELS, kernel_names

from gpu.nvrtc import TARGETS, compiled, missing


@pytest.mark.parametrize(("cuda", "architecture"), [(c, a) for c, list_ in TARGETS.items() for a in list_])
def test_the_kernels_compile(cuda, architecture):
    reason = missing(cuda)
    if reason:
        pytest.skip(reason)
    done = compiled(cuda, architecture)
    assert done.log == ""
    for name in kernel_names(KERNELS / "gpu.cu"):
        assert b".text." + name.encode() in done.cubin


@pytest.mark.parametrize("cuda", TARGETS)
def test_a_warning_is_told(cuda):
    reason = missing(cuda)
    if reason:
        pytest.skip(reason)
    done = compiled(cuda, 90, 'extern "C" __global__ void f(int* out) { int unused; out[0] = 1; }')
    assert "unused" in done.log
    assert "error" in compiled(cuda, 90, "not code").log
