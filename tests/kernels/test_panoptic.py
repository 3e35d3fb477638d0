"""Panoptic matching against its plain twin, under all rules, on the CPU and on a device."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from naive_panoptic import Part, match_segments

from segbench import kernels
from segbench.kernels import CROWD, IGNORED, STATED, STUFF, SegmentTable
from segbench.metrics.panoptic_rules import PANOPTIC_RULES, PanopticRules

CHOICES = {
    "crowds": ("unmatched", "void", "ordinary"),
    "areas": ("stated", "pixels"),
    "merge_stuff": (False, True),
    "pred_void": (False, True),
    "stuff": ("match", "overlap"),
    "void_images": ("scored", "skipped"),
    "float32": (False, True),
}
RULES = [PanopticRules(**dict(zip(CHOICES, chosen, strict=True))) for chosen in product(*CHOICES.values())]


def parts(rng, ids, of_truth):
    """Segments of some ids, in any order: the first categories are things, the others stuff."""
    out = []
    for i in rng.permutation(ids).tolist():
        category = int(rng.integers(4))
        out.append(
            Part(
                i,
                category,
                iscrowd=bool(rng.random() < 0.25),
                ignore=bool(of_truth and rng.random() < 0.15),
                stuff=category > 1,
                area=float(rng.integers(0, 60)) / 2 if of_truth and rng.random() < 0.3 else None,
            )
        )
    return out


def image(seed):
    """``({(truth id, pred id): pixels}, true parts, predicted parts)`` of a crowded image."""
    rng = np.random.default_rng(seed)
    start = int(rng.random() < 0.9)
    truth_ids, pred_ids = (rng.choice(np.arange(start, 40), rng.integers(0, 7), replace=False) for _ in "tp")
    ids = [[0, *truth_ids.tolist(), 77], [0, *pred_ids.tolist()]]
    pairs = Counter()
    for p in pred_ids.tolist():
        pairs[rng.choice(ids[0]).item(), p] += int(rng.integers(1, 30))
    for _ in range(rng.integers(0, 12)):
        pairs[rng.choice(ids[0]).item(), rng.choice(ids[1]).item()] += int(rng.integers(1, 30))
    drawn = truth_ids[rng.random(len(truth_ids)) < 0.9]
    return dict(sorted(pairs.items())), parts(rng, drawn, True), parts(rng, pred_ids, False)


def table(pairs, truths, preds):
    columns = [(t, p, n) for (t, p), n in pairs.items()]
    return SegmentTable(
        np.array(columns, np.int64).reshape(-1, 3).T.copy(), *arrays(truths), *arrays(preds)[:2]
    )


def arrays(segments):
    order = sorted(range(len(segments)), key=lambda i: segments[i].id)
    ordered = [segments[i] for i in order]
    kinds = [
        CROWD * s.iscrowd | IGNORED * s.ignore | STUFF * s.stuff | STATED * (s.area is not None)
        for s in ordered
    ]
    return (
        np.array([s.id for s in ordered], np.int64),
        np.array([order, [s.category_id for s in ordered], kinds], np.int32),
        np.array([s.area or 0 for s in ordered], np.float64),
    )


def found_in(one, given):
    """Matches, tp, fp and fn by category, as the twin returns them."""
    true_rows, pred_rows = given.truth_rows[1].tolist(), given.pred_rows[1].tolist()
    counts = (Counter(), Counter(), Counter())
    for count, rows, times in zip(
        counts, (true_rows, pred_rows, true_rows), (one.tp, one.fp, one.fn), strict=True
    ):
        for category, n in zip(rows, times.tolist(), strict=True):
            count[category] += n
    matches = zip(one.truth_categories.tolist(), one.pred_categories.tolist(), one.ious.tolist(), strict=True)
    return list(matches), *(+count for count in counts)


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: str(rules.bits))
def test_matches_are_those_of_the_twin(rules):
    images = [image(1000 * rules.bits + seed) for seed in range(30)]
    tables = [table(*one) for one in images]
    for one, given, (pairs, truths, preds) in zip(
        kernels.match_segments(tables, rules.bits), tables, images, strict=True
    ):
        assert found_in(one, given) == match_segments(pairs, truths, preds, rules)
        shared = Counter()
        for (t, _), n in pairs.items():
            shared[t] += n
        assert one.truth_pixels.tolist() == [shared[i] for i in given.truth_ids.tolist()]


def test_every_rule_has_a_bit_of_its_own():
    assert len({rules.bits for rules in RULES}) == len(RULES)
    assert {rules.bits for rules in PANOPTIC_RULES.values()} <= {rules.bits for rules in RULES}


def test_edges_bound_the_iou():
    pairs, parts_ = {(1, 1): 10, (2, 2): 10}, [Part(1, 0), Part(2, 0)]
    given = table(pairs, parts_, parts_)._replace(edge_iou=np.array([0.75, 0.5]))
    (one,) = kernels.match_segments([given])
    assert (one.ious.tolist(), one.tp.tolist(), one.fn.tolist()) == ([0.75], [1, 0], [0, 1])


def test_of_no_image_and_of_an_empty_one():
    assert kernels.match_segments([]) == []
    (one,) = kernels.match_segments([table({}, [], [])])
    assert [len(column) for column in one] == [0] * 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": np.zeros((2, 1), np.int64)}, r"pairs must have shape \[3, 1\], not \[2, 1\]"),
        ({"truth_rows": np.zeros((3, 2), np.int32)}, r"truth_rows must have shape \[3, 1\], not \[3, 2\]"),
        ({"pred_rows": np.zeros((3, 0), np.int32)}, r"pred_rows must have shape \[3, 1\], not \[3, 0\]"),
        ({"stated": np.zeros(3)}, r"stated must have shape \[1\], not \[3\]"),
        ({"edge_iou": np.zeros(3)}, r"edge_iou must have shape \[1\], not \[3\]"),
    ],
)
def test_shapes_are_checked(change, message):
    given = table({(1, 1): 10}, [Part(1, 0)], [Part(1, 0)])._replace(**change)
    with pytest.raises(ValueError, match=message):
        kernels.match_segments([given])
