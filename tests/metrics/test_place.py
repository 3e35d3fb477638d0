"""Where metrics count, and what is said of arrays that are elsewhere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from segbench.errors import UsageError
from segbench.metrics import MeanIoU
from segbench.metrics.place import Place, open_device


class There(np.ndarray):
    """An array that says it is on a GPU."""

    def __dlpack_device__(self):
        return 2, 0


HERE = np.zeros((2, 3), np.uint8)
THERE = HERE.view(There)


class Gpu:
    """A device of that name."""

    name = place = "cuda:0"


@pytest.mark.parametrize(
    ("asked", "arrays", "message"),
    [
        (
            "cpu",
            {"pred": THERE, "truth": HERE},
            "pred is on cuda:0, truth is on cpu, and this metric counts on c",
        ),
        (
            Gpu(),
            {"pred": THERE, "truth": HERE},
            "pred is on cuda:0, truth is on cpu, .* counts on cuda:0",
        ),
        (
            Gpu(),
            {"pred": HERE, "truth": HERE},
            "pred is on cpu, truth is on cpu, .* counts on cuda:0",
        ),
        ("auto", {"pred": HERE, "truth": THERE}, "truth is on cuda:0, and this metric counts on cpu"),
    ],
)
def test_mixed_devices_are_refused(asked, arrays, message):
    with pytest.raises(UsageError, match=message):
        Place(asked).settle(**arrays)


def test_auto_stays_where_the_first_arrays_are():
    place = Place("auto")
    assert place.settle(pred=HERE, truth=HERE) is None
    assert place.name == "cpu"
    with pytest.raises(UsageError, match="counts on cpu"):
        place.settle(pred=THERE, truth=THERE)
    assert pickle.loads(pickle.dumps(place)).name == "cpu"


def test_auto_says_what_it_needs_for_arrays_on_a_gpu():
    try:
        open_device("cuda")
    except UsageError:
        with pytest.raises(UsageError, match=r"pred is on cuda:0: .*segbench\[cuda1"):
            MeanIoU(2).update(THERE, THERE)
        with pytest.raises(UsageError, match=r"segbench\[cuda1"):
            MeanIoU(2, device="cuda")
    else:
        assert MeanIoU(2, device="cuda") is not None


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "tpu:0"])
def test_unknown_devices(name):
    with pytest.raises(UsageError, match="unknown device"):
        Place(name)
