"""One script under the original package and under ours, and how strictly the outcomes are compared."""

from __future__ import annotations

import contextlib
import io
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
import pycocotools.mask

import segbench.compat.pycocotools.coco
import segbench.compat.pycocotools.cocoeval
import segbench.compat.pycocotools.mask
from segbench.compat.pycocotools import patch

THEIRS = SimpleNamespace(
    COCO=pycocotools.coco.COCO,
    COCOeval=pycocotools.cocoeval.COCOeval,
    Params=pycocotools.cocoeval.Params,
    mask=pycocotools.mask,
)
OURS = SimpleNamespace(
    COCO=segbench.compat.pycocotools.coco.COCO,
    COCOeval=segbench.compat.pycocotools.cocoeval.COCOeval,
    Params=segbench.compat.pycocotools.cocoeval.Params,
    mask=segbench.compat.pycocotools.mask,
)
TIMES = re.compile(r"(?<=t=)\d+\.\d\d(?=s)|(?<=elapsed: )\d+\.\d\d")
ARRAYS = ("precision", "recall", "scores")


def printed(function, *args, **options):
    """Call, and return (what was printed, with timings as 0.00; the value)."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        value = function(*args, **options)
    return TIMES.sub("0.00", out.getvalue()), value


def run_script(script, patched, **names):
    """Run a script's text, ``names`` given, and return what it prints and its variables."""

    def execute():
        with patch() if patched else contextlib.nullcontext():
            exec(compile(script, "script.py", "exec"), names)
        return names

    return printed(execute)


def assert_same(ours: Any, theirs: Any, where: str = "value") -> None:
    """Hold equal in type, dtype, shape, memory order, keys, their order, and every bit."""
    assert type(ours) is type(theirs), f"{where}: {type(ours)} is not {type(theirs)}"
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype, where
        assert ours.shape == theirs.shape, where
        assert ours.flags.c_contiguous == theirs.flags.c_contiguous, f"{where}: memory order"
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous, f"{where}: memory order"
        np.testing.assert_array_equal(ours, theirs, err_msg=where)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key, value in theirs.items():
            assert_same(ours[key], value, f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), where
        for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(mine, other, f"{where}[{i}]")
    else:
        assert ours == theirs or (ours != ours and theirs != theirs), f"{where}: {ours!r} is not {theirs!r}"  # noqa: PLR0124 - NaN


def assert_same_evaluation(ours: Any, theirs: Any) -> None:
    """Hold equal every public attribute of two COCOeval."""
    assert_same(ours.ious, theirs.ious, "ious")
    assert_same(ours.evalImgs, theirs.evalImgs, "evalImgs")
    assert list(ours.eval) == list(theirs.eval)
    for name in ("counts", *ARRAYS):
        assert_same(ours.eval[name], theirs.eval[name], name)
    assert_same(ours.stats, theirs.stats, "stats")
    for params in ("params", "_paramsEval"):
        assert_same(vars(getattr(ours, params)), vars(getattr(theirs, params)), params)
    assert_same(ours.cocoGt.dataset, theirs.cocoGt.dataset, "truth")
    assert_same(ours.cocoDt.dataset, theirs.cocoDt.dataset, "results")


def assert_same_outcome(ours, theirs):
    """Hold equal what two calls return, or the types of what they raise."""
    outcomes = []
    for call in (ours, theirs):
        try:
            outcomes.append((call(), None))
        except Exception as error:  # noqa: BLE001 - whatever the original raises
            outcomes.append((None, error))
    (mine, my_error), (other, their_error) = outcomes
    assert type(my_error) is type(their_error), (my_error, their_error)
    assert_same(mine, other)
