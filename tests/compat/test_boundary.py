"""The drop-in COCOeval on boundaries: every array as with plain masks and their erosions."""

from __future__ import annotations

import contextlib
import io
import pickle

import numpy as np
import pytest
from metrics.test_boundary_instance import reference, with_ignore
from metrics.test_instance import random_case

from segbench.compat.pycocotools.coco import COCO
from segbench.compat.pycocotools.cocoeval import COCOeval

SEEDS = range(40)


def evaluate(truth, results, ratio, max_dets):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = pickle.loads(pickle.dumps(truth))
        coco.createIndex()
        found = COCOeval(coco, coco.loadRes(pickle.loads(pickle.dumps(results))), "boundary", ratio)
        found.params.maxDets = list(max_dets)
        found.evaluate()
        found.accumulate()
        found.summarize()
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_array_is_equal(seed):
    truth, results = with_ignore(random_case(seed), seed)
    case = truth, results, (0.02, 0.05)[seed % 2], ((1, 10, 100), (1, 2, 3))[seed % 2]
    found, expected = evaluate(*case), reference(*case)
    for name in ("precision", "recall", "scores"):
        assert found.eval[name].tobytes() == expected.eval[name].tobytes(), name
    assert found.stats.tobytes() == np.asarray(expected.stats).tobytes()
    for ours, theirs in zip(found.evalImgs, expected.evalImgs, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.keys() == theirs.keys()
            assert all(np.array_equal(ours[key], theirs[key]) for key in ours if key != "maxDet")


def test_the_width_changes_the_score():
    truth, results = random_case(4)
    wide, narrow = (evaluate(truth, results, ratio, (1, 10, 100)).stats[0] for ratio in (1, 0.005))
    assert narrow < wide
