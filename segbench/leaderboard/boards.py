"""What a leaderboard holds: boards of comparable runs, their rows, and the runs left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.leaderboard.analyses.table import Analysis
from segbench.leaderboard.stability import Stability
from segbench.records.results import RunRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Estimate:
    """A score, a fraction, and its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One ranked run.

    Attributes
    ----------
    rank
        Of its tie group: 1, 1, 3 …
    model
        Its name; with the start of the run id where two runs of a board share it.
    value, ci_low, ci_high
        Primary metric, a fraction, and its 95 % interval (NaN with fewer than two images).
    rank_low, rank_high
        95 % interval of the rank among resamples.
    p_best
        Share of resamples in which it is best.
    run_id, record
        The run; the record without its tables.
    worst
        ``{category_id, or None for all: [(image_id, score), …]}``, lowest first.
    badge
        A key of :data:`segbench.leaderboard.badges.BADGES`.
    classes
        ``{category_id: Estimate}`` of the primary metric, without an interval where a single image (or
        cluster) has the category; empty where the protocol averages images.
    place_low, place_high
        Its best and its worst place when any one category is left out.
    """

    rank: int
    model: str
    value: float
    ci_low: float
    ci_high: float
    rank_low: int
    rank_high: int
    p_best: float
    run_id: str
    record: RunRecord
    worst: Mapping[int | None, Sequence[tuple[str, float]]] = field(repr=False)
    badge: str = "self-reported"
    classes: Mapping[int, Estimate] = field(default_factory=dict, repr=False)
    place_low: int = 1
    place_high: int = 1


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """The pictures of a board.

    Attributes
    ----------
    pictures
        ``{image_id: what the page's script reads}``.
    colors
        ``{category_id: "#rrggbb"}``.
    notes
        What is not shown, and why.
    runs
        Places of the rows whose predictions are shown.
    """

    pictures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    colors: Mapping[int, str] = field(default_factory=dict, repr=False)
    notes: Sequence[str] = ()
    runs: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Board:
    """Runs of one task on the same images under the same protocol, best first.

    ``dataset`` and ``protocol`` are names, ``metric`` is the key of the primary metric, and ``p_values`` are
    those of all pairs of rows after Holm's correction. ``exhibit`` is None where no pictures were asked for.
    ``cluster`` is the attribute whose values were drawn in place of images, where one was named, and
    ``n_units`` how many there are; ``stability`` is None for a single row. ``analyses`` are those of
    :data:`segbench.leaderboard.analyses.ANALYSES` that have something to tell.
    """

    task: str
    dataset: str
    fingerprint: str
    protocol: str
    metric: str
    n_images: int
    rows: Sequence[Row]
    p_values: Sequence[Sequence[float]] = field(repr=False)
    warnings: Sequence[str] = ()
    exhibit: Exhibit | None = None
    n_units: int = 0
    cluster: str | None = None
    stability: Stability | None = None
    analyses: Mapping[str, Analysis] = field(default_factory=dict, repr=False)

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Categories that any run scores, by id."""
        found = {row["category_id"]: row.get("name") for run in self.rows for row in run.record.per_class}
        return {category: str(found[category] or category) for category in sorted(found)}

    def frame(self, analysis: str) -> pd.DataFrame:
        """An analysis as a data frame, with models and classes by name."""
        return self.analyses[analysis].frame([row.model for row in self.rows], self.class_names)


@dataclass(frozen=True)
class LeftOut:
    """A run without a rank: its folder below the results, its model where known, and the reason."""

    path: str
    model: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Critical:
    """k models on N data sets, best mean rank first.

    Attributes
    ----------
    task, protocol, metric
        What the boards have in common.
    datasets
        Names of the data sets.
    models, mean_ranks
        Those that stand on all of the boards, and their mean rank, 1 the best; equal scores share ranks.
    values
        float64 [k][N]: their scores.
    friedman_p
        p that all are equal; None of two models.
    difference
        Nemenyi's critical difference of mean ranks at 5 %.
    groups
        ``(first, last)`` places of the models that it does not tell apart, the largest such groups.
    p_values
        [k][k]: of each pair by Wilcoxon's test with Holm's correction; 1 on the diagonal.
    left_out
        Models that some of the boards lack.
    """

    task: str
    protocol: str
    metric: str
    datasets: Sequence[str]
    models: Sequence[str]
    mean_ranks: Sequence[float]
    values: Sequence[Sequence[float]] = field(repr=False)
    friedman_p: float | None
    difference: float
    groups: Sequence[tuple[int, int]]
    p_values: Sequence[Sequence[float]] = field(repr=False)
    left_out: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """All boards of a folder of results, what was left out, and the files written.

    ``interval`` and ``test`` say how intervals and p were found: see
    :func:`segbench.leaderboard.build_leaderboard`. ``across`` compares models over the boards of each task
    and protocol that has five data sets or more.
    """

    boards: Sequence[Board]
    left_out: Sequence[LeftOut]
    n_boot: int
    seed: int
    paths: Sequence[Path] = ()
    interval: str = "percentile"
    test: str = "bootstrap"
    across: Sequence[Critical] = ()
