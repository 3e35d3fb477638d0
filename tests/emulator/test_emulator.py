"""The emulator finds planted mistakes, and nothing in the same kernels without them."""

import numpy as np
import pytest

from emulator.build import HERE, KERNELS, build, kernel_names
from emulator.device import Emulator, EmulatorError

PLANTED = HERE / "planted.cu"
NUMBERS = np.arange(64, dtype=np.int32)


def reversed_by(kernel, seed):
    out = np.zeros(64, np.int32)
    Emulator(PLANTED, seed=seed).launch(kernel, (1, 1), 64, (NUMBERS, out), 4 * 64)
    return out


@pytest.mark.parametrize("seed", range(20))
def test_a_barrier_orders_threads(seed):
    np.testing.assert_array_equal(reversed_by("reverse", seed), NUMBERS[::-1])


def test_a_missing_barrier_shows():
    assert any((reversed_by("reverse_without_barrier", seed) != NUMBERS[::-1]).any() for seed in range(3))


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("barrier_in_a_branch", r"waits at __syncthreads in line \d+ for one that has ended"),
        (
            "barriers_in_both_branches",
            r"waits at __syncthreads in line \d+ for one that waits at __syncthreads",
        ),
        ("barrier_after_leaving", "has ended"),
        ("barrier_beside_exchange", "waits at __ballot_sync in line .* waits at __syncthreads"),
        ("exchange_by_an_outsider", "a lane is not in the mask that it names at __shfl_sync"),
    ],
)
def test_divergence_is_told(kernel, message):
    with pytest.raises(EmulatorError, match=f"{kernel}: divergence: .*{message}"):
        Emulator(PLANTED).launch(kernel, (1, 1), 64, (np.zeros(64, np.int32),))


def test_warps_exchange():
    out = np.zeros(1, np.int32)
    Emulator(PLANTED).launch("sum", (1, 1), 32, (NUMBERS, out))
    assert out == NUMBERS[:32].sum()
    with pytest.raises(EmulatorError, match="sum_in_a_branch: divergence: .* for one that has ended"):
        Emulator(PLANTED).launch("sum_in_a_branch", (1, 1), 32, (NUMBERS, out))
    with pytest.raises(EmulatorError, match="divergence: .* for one that is not there"):
        Emulator(PLANTED).launch("sum", (1, 1), 31, (NUMBERS, out))


def test_shared_memory_is_poisoned():
    out = np.zeros(2, np.int32)
    Emulator(PLANTED).launch("count_without_zero", (1, 1), 64, (out,), 8)
    assert (out != 32).all()


def test_a_lost_addition_shows():
    out = np.zeros(1, np.int32)
    Emulator(PLANTED).launch("add_in_two_steps", (1, 1), 64, (out,))
    assert out < 64


@pytest.mark.parametrize(
    ("args", "message"),
    [((), "0 arguments for 1"), ((np.int32(1),), "argument 0 has 4 bytes, its parameter 8")],
)
def test_arguments_are_checked(args, message):
    with pytest.raises(EmulatorError, match=message):
        Emulator(PLANTED).launch("past_array", (1, 1), 32, args)
    with pytest.raises(EmulatorError, match="no such kernel"):
        Emulator(PLANTED).launch("none", (1, 1), 32, (np.int32(1),))


def test_every_kernel_is_known():
    assert {"confusion", "segment_pairs", "packed_iou"} <= set(kernel_names(KERNELS / "gpu.cu"))


def test_what_does_not_compile_is_an_error(tmp_path):
    source = tmp_path / "broken.cu"
    source.write_text('#include "gpu.h"\nSEG_KERNEL(broken)(int64_t* out) { atomicAdd(out, out[1]); }\n')
    with pytest.raises(RuntimeError, match="atomicAdd"):
        build(source)
