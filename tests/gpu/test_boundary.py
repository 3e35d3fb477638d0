"""BoundaryIoU on a device gives what it gives on the CPU, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from gpu.arrays import LIBRARIES
from gpu.test_semantic import batches
from segbench.errors import DataError, UsageError
from segbench.metrics import BoundaryIoU


def same_scores(one, other):
    ours, theirs = one.compute(), other.compute()
    assert dict(ours) == pytest.approx(dict(theirs), abs=0, rel=0, nan_ok=True)
    assert ours.per_class.equals(theirs.per_class)
    assert one.warnings == other.warnings


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("ratio", [0.02, 0.1, 1])
def test_regions(device, library, ratio):
    on_cpu, there = (BoundaryIoU(4, settings={"dilation_ratio": ratio}, device=d) for d in ("cpu", device))
    for pred, truth in batches(5):
        on_cpu.update(pred, truth)
        there.update(*(LIBRARIES[library](values, device) for values in (pred, truth)))
    same_scores(there, on_cpu)


def test_merging_adds_exactly(device):
    whole, first, second = (BoundaryIoU(4, device=where) for where in ("cpu", device, device))
    for metric, (pred, truth) in zip((first, second, first), batches(6), strict=True):
        whole.update(pred, truth)
        metric.update(*map(device.xp.asarray, (pred, truth)))
    second.merge(first)
    same_scores(second, whole)
    second.reset()
    assert np.isnan(second.compute()["boundary_miou"])


def test_what_is_refused(device):
    zeros = device.xp.zeros
    with pytest.raises(DataError, match="need"):
        BoundaryIoU(4, device=device).update(zeros((2, 3), np.uint8), zeros((3, 2), np.uint8))
    with pytest.raises(UsageError, match="'boundary-f1' measures contours, on the CPU alone"):
        BoundaryIoU(4, protocol="boundary-f1", device=device).update(zeros((2, 3), int), zeros((2, 3), int))
    metric = BoundaryIoU(4, device=device)
    metric.update(zeros((2, 3), np.uint8) + 9, zeros((2, 3), np.uint8))
    with pytest.raises(DataError, match=r"ids that are no category, on 6 boundary pixels; ids are 0\.\.3"):
        metric.compute()
