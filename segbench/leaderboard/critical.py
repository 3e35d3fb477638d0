"""Models across data sets: mean ranks, and by how much they must differ to say anything.

Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006,
https://www.jmlr.org/papers/v7/demsar06a.html: Friedman's test of all models, Nemenyi's critical difference of
mean ranks, and Wilcoxon's signed-rank test of each pair with Holm's correction.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from segbench.leaderboard.boards import Board, Critical
from segbench.leaderboard.pooled import Floats
from segbench.leaderboard.rank import ALPHA, holm
from segbench.leaderboard.runs import scoring_settings

FEWEST = 5
"""Data sets that a comparison needs."""


def across(boards: Sequence[Board]) -> list[Critical]:
    """Compare models across the boards of each task and protocol, where there are five data sets or more.

    A model with several runs on a board has the best of them there; one that a board lacks is left out.
    """
    alike: dict[tuple[str, ...], list[Board]] = defaultdict(list)
    for board in boards:
        first = board.rows[0].record
        rules = json.dumps([first.protocol.get("version"), scoring_settings(first)], sort_keys=True)
        alike[board.task, board.protocol, board.metric, rules].append(board)
    found = [_across(group) for group in alike.values() if len(group) >= FEWEST]
    return [one for one in found if one is not None]


def _across(boards: Sequence[Board]) -> Critical | None:
    scores = [{row.record.model["name"]: row.value for row in reversed(board.rows)} for board in boards]
    names = list(dict.fromkeys(name for one in scores for name in one))
    everywhere = [name for name in names if all(name in one for one in scores)]
    if len(everywhere) < 2:
        return None
    values = np.array([[one[name] for one in scores] for name in everywhere])
    ranks = mean_ranks(values)
    order = np.argsort(ranks, kind="stable")
    ranks, values = ranks[order], values[order]
    difference = critical_difference(*values.shape)
    return Critical(
        task=boards[0].task,
        protocol=boards[0].protocol,
        metric=boards[0].metric,
        datasets=[board.dataset for board in boards],
        models=[everywhere[i] for i in order],
        mean_ranks=np.round(ranks, 9).tolist(),
        values=values.tolist(),
        friedman_p=friedman(values),
        difference=round(difference, 9),
        groups=groups(ranks, difference),
        p_values=np.round(wilcoxon_holm(values), 9).tolist(),
        left_out=[name for name in names if name not in everywhere],
    )


def mean_ranks(values: Floats) -> Floats:
    """Mean rank of each model, float64 [k], of scores [k, N]; the best is 1, equals share."""
    from scipy.stats import rankdata  # scipy.stats takes 0.5 s to import

    return np.asarray(rankdata(-values, axis=0).mean(axis=1), np.float64)


def critical_difference(n_models: int, n_datasets: int, alpha: float = ALPHA) -> float:
    """Nemenyi's ``q sqrt(k (k + 1) / 6 N)``, q of the studentized range with infinite degrees of freedom."""
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - alpha, n_models, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_datasets)))


def friedman(values: Floats) -> float | None:
    """p of Friedman's test that all models are equal; None of two of them."""
    from scipy.stats import friedmanchisquare

    if len(values) < 3:
        return None
    with np.errstate(invalid="ignore"):
        p = float(friedmanchisquare(*values).pvalue)
    return round(p, 9) if np.isfinite(p) else 1.0


def wilcoxon_holm(values: Floats) -> Floats:
    """p of each pair of models, float64 [k, k], by Wilcoxon's signed-rank test, after Holm's correction."""
    rows, columns = np.triu_indices(len(values), 1)
    result = np.ones((len(values), len(values)))
    result[rows, columns] = result[columns, rows] = wilcoxon(values[rows] - values[columns])
    return holm(result)


def wilcoxon(apart: Floats) -> Floats:
    """Two-sided p that differences [P, N] are as often up as down, float64 [P].

    Exact where they are of N sizes and none is 0; else as SciPy does it, by the normal distribution.
    """
    sizes = np.sort(np.abs(apart), axis=1)
    plain = (sizes[:, 0] > 0) & (np.diff(sizes, axis=1) > 0).all(axis=1)
    ranks = 1 + np.abs(apart).argsort(axis=1).argsort(axis=1)
    up = np.where(apart > 0, ranks, 0).sum(axis=1)
    n = apart.shape[1]
    below = np.cumsum(_rank_sums(n))
    p = np.minimum(2 * below[np.minimum(up, n * (n + 1) // 2 - up)], 1)
    return np.array([one if exact else _tied(row) for one, exact, row in zip(p, plain, apart, strict=True)])


def _rank_sums(n: int) -> Floats:
    """How probable each sum is of those of the ranks 1..n that a coin picks, float64 [n (n + 1) / 2 + 1]."""
    shares = np.zeros(n * (n + 1) // 2 + 1)
    shares[0] = 1
    for rank in range(1, n + 1):
        shares[rank:] = (shares[rank:] + shares[:-rank]) / 2
        shares[:rank] /= 2
    return shares


def _tied(apart: Floats) -> float:
    from scipy.stats import wilcoxon

    if not apart.any():
        return 1.0
    with warnings.catch_warnings(action="ignore"):  # it says that it approximates
        return float(wilcoxon(apart).pvalue)


def groups(ranks: Floats, difference: float) -> list[tuple[int, int]]:
    """First and last place of models, by rising rank, that lie within a difference: the largest groups."""
    last = [int(np.searchsorted(ranks, rank + difference, side="left")) - 1 for rank in ranks]
    found = [(i, j) for i, j in enumerate(last) if j > i]
    return [(i, j) for i, j in found if not any(a < i and b >= j for a, b in found)]
