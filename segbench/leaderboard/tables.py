"""Tables of a board as columns of plain text: what Markdown and LaTeX have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.analyses.table import Analysis
from segbench.leaderboard.boards import Board, Critical, Row
from segbench.leaderboard.order import on_front, without_category

MOST_RUNS = 8
"""Runs of the tables of classes and analyses: the best."""

HIDDEN = frozenset(
    [
        *("mean_dice", "mean_precision", "mean_recall", "mean_fscore"),
        *("ar_1", "ar_10", "ar_small", "ar_medium", "ar_large"),
        *("sq_things", "rq_things", "sq_stuff", "rq_stuff"),
    ]
)
"""Metrics that have no column at first, on the page and in print."""


@dataclass(frozen=True)
class Cell:
    """Text as it is, not yet safe in any format; whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table; text stands on the left, numbers on the right."""

    head: str
    cells: Sequence[Cell]
    is_text: bool = False


def rank_columns(board: Board) -> list[Column]:
    """Rank, model, score and interval: what every table begins with."""
    rows, digits = board.rows, text.decimals(board)
    return [
        _column("Rank", [str(row.rank) for row in rows]),
        _column("Model", [row.model for row in rows], is_text=True),
        Column(
            text.label(board.metric), [Cell(text.percent(row.value, digits), row.rank == 1) for row in rows]
        ),
        _column("95 % interval", [text.interval(row, digits) for row in rows]),
    ]


def certainty_columns(board: Board) -> Iterator[Column]:
    """How sure the rank is, and what proves the run."""
    yield _column("Rank interval", [text.span(row.rank_low, row.rank_high) for row in board.rows])
    yield _column("P(best) %", [text.probability(row.p_best) for row in board.rows])
    placed = without_category(board)
    if placed is not None:
        yield _column("Places without a class", [text.span(*ends) for ends in placed])
    yield _column("Evidence", [row.badge for row in board.rows], is_text=True)


def metric_columns(board: Board, keys: Sequence[str]) -> Iterator[Column]:
    """The other scores; the best as shown, and all that show the same, are the best."""
    digits = text.decimals(board)
    for key in keys:
        values = [_metric(row, key) for row in board.rows]
        yield Column(text.label(key), best_of([text.percent(value, digits) for value in values]))


def speed_column(board: Board) -> Iterator[Column]:
    """Images a second, where any run was timed; those are the best that no other beats in score and speed."""
    speeds = [text.speed(row) for row in board.rows]
    if any(speeds):
        shown = zip(speeds, on_front(board), strict=True)
        yield Column("Images/s", [Cell(text.speed_text(speed), bool(best)) for speed, best in shown])


def class_columns(board: Board) -> list[Column]:
    """The score of each class with its interval, one column for each of the best runs."""
    runs = [row for row in board.rows[:MOST_RUNS] if row.classes]
    ids = [one for one in board.class_names if any(one in row.classes for row in runs)]
    if not ids:
        return []
    widths = [one.high - one.low for row in runs for one in row.classes.values() if one.high > one.low]
    digits = text.digits([median(widths)] if widths else [])
    columns = [[_estimate(row, one, digits) for one in ids] for row in runs]
    by_class = [best_of([value for value, _ in cells]) for cells in zip(*columns, strict=True)]
    shown = [
        [
            Cell(f"{best[place].text}{span}", best[place].best)
            for best, (_, span) in zip(by_class, column, strict=True)
        ]
        for place, column in enumerate(columns)
    ]
    names = [board.class_names[one] for one in ids]
    return [
        _column("Class", names, is_text=True),
        *(Column(row.model, cells) for row, cells in zip(runs, shown, strict=True)),
    ]


def across_columns(found: Critical) -> list[Column]:
    """Mean rank of each model, and its score on each data set."""
    values = [best_of([text.percent(row[i], 1) for row in found.values]) for i in range(len(found.datasets))]
    return [
        _column("Model", found.models, is_text=True),
        _column("Mean rank", [f"{rank:.2f}" for rank in found.mean_ranks]),
        *(Column(name, cells) for name, cells in zip(found.datasets, values, strict=True)),
    ]


def analysis_columns(board: Board, analysis: Analysis) -> list[Column]:
    """The brief form of an analysis, of the best runs."""
    rows = [row for row in analysis.brief if row[0] < MOST_RUNS]
    return [
        _column(
            _head(column.name),
            [_shown(board, column.kind, row[i]) for row in rows],
            is_text=column.kind in _TEXTS,
        )
        for i, column in enumerate(analysis.columns)
    ]


_TEXTS = ("run", "category", "text")


def best_of(cells: Sequence[str]) -> list[Cell]:
    """Numbers as shown, the highest of them marked; none where all are equal."""
    known = [float(cell) for cell in cells if cell != text.NONE]
    best = max(known, default=None) if len(cells) == 1 or len({*known}) > 1 else None
    return [Cell(cell, cell != text.NONE and float(cell) == best) for cell in cells]


def _column(head: str, cells: Sequence[str], *, is_text: bool = False) -> Column:
    return Column(head, [Cell(cell) for cell in cells], is_text)


def _metric(row: Row, key: str) -> float:
    return row.record.metrics[key].value if key in row.record.metrics else math.nan


def _estimate(row: Row, category: int, digits: int) -> tuple[str, str]:
    """A score, and its interval in brackets."""
    one = row.classes.get(category)
    if one is None or math.isnan(one.value):
        return text.NONE, ""
    if math.isnan(one.low):
        return text.percent(one.value, digits), ""
    return text.percent(
        one.value, digits
    ), f" ({text.percent(one.low, digits)}{text.NONE}{text.percent(one.high, digits)})"


def _head(name: str) -> str:
    known = text.label(name)
    plain = {"run": "Model", "category_id": "Class", "ece": "ECE", "iou": "IoU"}
    words = name.removesuffix("_id").replace("_", " ").capitalize()
    return known if known != name else plain.get(name, words.replace("category", "class"))


def _shown(board: Board, kind: str, value: Any) -> str:
    if kind == "run":
        return board.rows[value].model
    if value is None:
        return "all" if kind == "category" else text.NONE
    shown = {
        "category": lambda: board.class_names.get(value, str(value)),
        "share": lambda: text.percent(value, 1),
        "difference": lambda: f"{100 * value:+.1f}".replace("-", "−"),
        "count": lambda: f"{value:,}",
        "number": lambda: f"{value:,.10g}" if abs(value) < 1e9 else "∞",
    }
    return shown[kind]() if kind in shown else str(value)
