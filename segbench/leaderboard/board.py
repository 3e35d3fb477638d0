"""From comparable runs to the board that ranks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from segbench.leaderboard.analyses import analyse
from segbench.leaderboard.badges import badge_of
from segbench.leaderboard.boards import Board, Estimate, Row
from segbench.leaderboard.evidence import RunEvidence, primary
from segbench.leaderboard.paired import bootstrap_p_values, permutation_p_values
from segbench.leaderboard.plan import Plan
from segbench.leaderboard.pooled import Floats, Ints
from segbench.leaderboard.rank import (
    FEW_IMAGES,
    FEW_OF_CLASS,
    Ranking,
    Scored,
    class_units,
    rank_models,
    score_on,
    together,
)
from segbench.leaderboard.resample import Draws
from segbench.leaderboard.runs import Entry
from segbench.leaderboard.stability import Stability, stability
from segbench.records.results import RunRecord

N_WORST_BY_CATEGORY = 8

MOST_RARE = 0.1
"""Share of the classes that may be rare without a warning."""


def make_board(entries: Sequence[Entry], plan: Plan) -> Board:
    """Rank comparable runs over the same images; DataError as :meth:`Plan.draws`."""
    metric = primary(entries[0].run.record)
    entries = sorted(entries, key=lambda entry: _order(entry.run.record, metric))
    records = [entry.run.record for entry in entries]
    draws = plan.draws(entries[0].evidence, records[0].dataset["name"])
    models = [entry.evidence.pooled for entry in entries]
    scored = [score_on(model, draws, plan.how, plan.interval) for model in models]
    values = np.array([record.metrics[metric].value for record in records], dtype=np.float64)
    replicates = together(scored)
    if plan.test == "permutation":
        p_values = permutation_p_values(models, draws, plan.how)
    else:
        p_values = bootstrap_p_values(values, replicates, draws.n_units)
    ranking = rank_models(values, replicates, p_values)
    stable = _stability(entries, scored, values, replicates)
    first = records[0]
    return Board(
        task=first.task,
        dataset=first.dataset["name"],
        fingerprint=first.dataset["fingerprint"],
        protocol=first.protocol["name"],
        metric=metric,
        n_images=draws.n_images,
        rows=_rows(entries, scored, ranking, stable),
        p_values=np.round(ranking.p_values, 9).tolist(),
        warnings=list(_warnings(draws, entries, plan)),
        n_units=draws.n_units,
        cluster=plan.cluster,
        stability=stable if len(entries) > 1 else None,
        analyses=analyse(entries, plan),
    )


def _stability(
    entries: Sequence[Entry], scored: Sequence[Scored], values: Floats, replicates: Floats
) -> Stability:
    ids, table = _class_table(entries, scored)
    return stability(values, replicates, ids, table)


def _class_table(entries: Sequence[Entry], scored: Sequence[Scored]) -> tuple[Ints, Floats]:
    """Every category that any run has, int64 [C], and the scores of all runs, float64 [m, C]."""
    known = [entry.evidence.pooled.class_ids for entry in entries if entry.evidence.by_class]
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *known]))
    table = np.full((len(entries), len(ids)), np.nan)
    for row, entry, one in zip(table, entries, scored, strict=True):
        if entry.evidence.by_class:
            row[np.searchsorted(ids, entry.evidence.pooled.class_ids)] = one.class_values
    return ids, table


def _rows(
    entries: Sequence[Entry], scored: Sequence[Scored], ranking: Ranking, stable: Stability
) -> list[Row]:
    columns = ("rank", "rank_low", "rank_high", "p_best")
    lists = [np.round(getattr(ranking, column), 9).tolist() for column in columns]
    counts = Counter(entry.run.record.model["name"] for entry in entries)
    rows = []
    for place, (entry, one, numbers) in enumerate(
        zip(entries, scored, zip(*lists, strict=True), strict=True)
    ):
        record, run_id = entry.run.record, entry.run.run_id
        name = record.model["name"]
        rows.append(
            Row(
                model=name if counts[name] == 1 else f"{name} ({run_id[:8]})",
                value=record.metrics[primary(record)].value,
                ci_low=round(one.low, 9),
                ci_high=round(one.high, 9),
                run_id=run_id,
                record=record,
                worst=_worst(entry.evidence),
                badge=badge_of(entry.run, entry.copies),
                classes=_classes(entry.evidence, one),
                place_low=stable.without_category[place][0],
                place_high=stable.without_category[place][1],
                **_numbers(columns, numbers),
            )
        )
    return rows


def _numbers(columns: Sequence[str], numbers: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(columns, numbers, strict=True))


def _classes(evidence: RunEvidence, scored: Scored) -> dict[int, Estimate]:
    if not evidence.by_class:
        return {}
    table = np.round([scored.class_values, scored.class_low, scored.class_high], 9).T.tolist()
    return {
        category: Estimate(*row)
        for category, row in zip(evidence.pooled.class_ids.tolist(), table, strict=True)
    }


def _order(record: RunRecord, metric: str) -> tuple[float, str, str]:
    return -record.metrics[metric].value, record.model["name"], record.run_id


def _warnings(draws: Draws, entries: Sequence[Entry], plan: Plan) -> Iterator[str]:
    noun = "image" if plan.cluster is None else "cluster"
    first = entries[0].evidence
    rare = class_units(first.pooled, draws)[1:] < FEW_OF_CLASS
    if draws.n_units < FEW_IMAGES:
        units = noun if draws.n_units == 1 else f"{noun}s"
        yield f"Only {draws.n_units} {units}: below {FEW_IMAGES}, bootstrap intervals tend to be too narrow."
    elif first.by_class and np.count_nonzero(rare) > MOST_RARE * len(rare):
        n_rare, instance = np.count_nonzero(rare), entries[0].run.record.task == "instance"
        helps = " (--interval bca is better for AP)" if instance and plan.interval == "percentile" else ""
        few = f"fewer than {FEW_OF_CLASS} {noun}s"
        yield f"{n_rare} of {len(rare)} classes are in {few}: intervals tend to be too narrow{helps}."
    if len({entry.run.record.dataset["name"] for entry in entries}) > 1:
        yield "The runs call this data set by different names; the fingerprint says that it is the same."


def _worst(evidence: RunEvidence) -> dict[int | None, list[tuple[str, float]]]:
    ids, scores = evidence.image_ids, np.round(evidence.by_image, 6)
    n_worst = int(np.clip(len(ids) // 4, 6, 24))
    order = np.argsort(scores, kind="stable")[: min(n_worst, np.count_nonzero(np.isfinite(scores)))]
    worst: dict[int | None, list[tuple[str, float]]] = {None: [(ids[i], float(scores[i])) for i in order]}
    for category, (images, ratios) in evidence.cells.worst_by_category(N_WORST_BY_CATEGORY).items():
        worst[category] = [(ids[i], round(float(ratio), 6)) for i, ratio in zip(images, ratios, strict=True)]
    return worst
