"""The kernels without one of their barriers, or one step too far: the emulator shows that each is missed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from emulator.build import KERNELS
from emulator.device import Emulator, EmulatorError
from segbench import kernels

BARRIER = "__syncthreads();"
PIXELS, IMAGES = 640, 3
RNG = np.random.default_rng(0)
TRUTH, PRED = (np.repeat(RNG.integers(0, 5, PIXELS * IMAGES // 2), 2).astype(np.uint8) for _ in range(2))
LABELS = TRUTH, np.int32(0), PRED, np.int32(0), np.int64(IMAGES), np.int64(PIXELS), np.int32(4)
EXPECTED = np.zeros((IMAGES, 7, 7), np.uint64)
for i in range(IMAGES):
    part = slice(i * PIXELS, (i + 1) * PIXELS)
    t, p, n = kernels.confusion(TRUTH[part], PRED[part], 5, 255)
    EXPECTED[i, t, p] = n


def confusion(device):
    """All images by two blocks, one after the other."""
    counts = np.zeros_like(EXPECTED)
    device.launch("confusion", (2, 1), 64, (*LABELS, np.int64(5), np.int64(255), np.int32(1), counts), 4 * 49)
    return counts


def pairs(device):
    keys, counts, lost = kernels.segment_tables(device, IMAGES, 64)
    device.launch("segment_pairs", (2, 1), 64, (*LABELS, np.int64(64), keys, counts, lost), 1024 * 12)
    out = np.zeros_like(EXPECTED)
    image, slot = np.nonzero(counts)
    found = keys[image, slot]
    known = found <= np.uint64(4 << 32 | 4)
    truth, pred = (
        part.astype(int)[known] for part in (found >> np.uint64(32), found & np.uint64(0xFFFFFFFF))
    )
    out[image[known], truth % 7, pred % 7] = counts[image, slot][known]
    return out


CALLS = {"gpu_overlap.cu": confusion, "gpu_panoptic.cu": pairs}


def changed(folder, file, old, new, place):
    """All sources in a folder, one of them with the text at some place changed."""
    for path in [*KERNELS.glob("*.h"), *KERNELS.glob("*.cu")]:
        shutil.copy(path, folder)
    parts = (folder / file).read_text(encoding="utf-8").split(old)
    assert len(parts) > place + 1
    text = old.join(parts[: place + 1]) + new + old.join(parts[place + 1 :])
    (folder / file).write_text(text, encoding="utf-8")
    return folder


def is_missed(source, call):
    """Whether some order of threads and blocks shows that it is wrong."""
    for seed in range(12):
        try:
            if (call(Emulator(source, seed=seed)) != EXPECTED).any():
                return True
        except EmulatorError:
            return True
    return False


@pytest.mark.parametrize("kernel", CALLS)
def test_nothing_is_missed_as_they_are(kernel):
    assert not is_missed(KERNELS / "gpu.cu", CALLS[kernel])


@pytest.mark.parametrize(
    ("kernel", "file", "place"),
    [("gpu_overlap.cu", "gpu.h", place) for place in range(2)]
    + [("gpu_panoptic.cu", "gpu_panoptic.cu", place) for place in range(2)],
)
def test_every_barrier_is_missed(kernel, file, place, tmp_path):
    assert is_missed(changed(tmp_path, file, BARRIER, "", place) / kernel, CALLS[kernel])


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("gpu_pairs.h", "group < groups", "group <= groups"),
        ("gpu_pairs.h", "groups * n + thread_number()", "groups * n + 1 + thread_number()"),
        ("gpu.h", "for (int64_t i = threadIdx.x; i < n;", "for (int64_t i = threadIdx.x; i < n - 1;"),
        ("gpu.h", "if (next != key)", "if (next > key)"),
        ("gpu.h", "if (!local) return;\n    for", "if (!local || threadIdx.x == 3) return;\n    for"),
    ],
)
def test_one_step_too_far_is_missed(file, old, new, tmp_path):
    """With a map that does not end where a group of pixels does."""

    def call(device):
        counts = np.zeros((1, 7, 7), np.uint64)
        size = np.int64(1), np.int64(PIXELS - 3), np.int32(4)
        args = (*LABELS[:4], *size, np.int64(5), np.int64(255), np.int32(1), counts)
        device.launch("confusion", (2, 1), 64, args, 4 * 49)
        t, p, n = kernels.confusion(TRUTH[: PIXELS - 3], PRED[: PIXELS - 3], 5, 255)
        counts[0, t, p] -= n.astype(np.uint64)
        return EXPECTED + counts

    assert not is_missed(KERNELS / "gpu.cu", call)
    assert is_missed(changed(tmp_path, file, old, new, 0) / "gpu_overlap.cu", call)
