"""What the page draws when a reader asks for it: pairs of runs, and the analyses of a board, as plain data.

A table becomes one flat list a run: shares and their differences in hundredths of a percent, texts as places
in a list of them. A page of a hundred models on ten data sets shows the analyses of the first runs of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.analyses.table import Analysis
from segbench.leaderboard.boards import Board

MOST_CELLS = 90_000
"""Numbers of all analyses of a page."""

MOST_ROWS = {"confusion": 100}
"""Rows of a run that the page holds of an analysis; others whole."""

CURVE_STEP = 0.02
"""Of the recalls of a curve that the page draws."""


def views(board: Board, n_runs: int) -> dict[str, Any]:
    """Name of a view → what it draws; ``n_runs`` are the runs whose analyses are shown."""
    found: dict[str, Any] = {} if len(board.rows) < 2 else {"pairs": _pairs(board)}
    return found | {name: _table(name, one, n_runs) for name, one in board.analyses.items()}


def runs_analysed(boards: Sequence[Board]) -> int:
    """How many runs of each board have their analyses on the page: as many as fit, and never none."""
    most = max((len(board.rows) for board in boards), default=0)
    cells = 0  # of one run on every board
    for board in boards:
        for name, one in board.analyses.items():
            rows = _by_run(name, one)
            cells += len(one.columns) * max(map(len, rows.values()), default=0)
    return max(1, min(most, MOST_CELLS // max(1, cells)))


def _pairs(board: Board) -> dict[str, Any]:
    """Scores in hundredths of a percent, and p of each run with those above it, in thousandths."""
    return {
        "values": [round(10_000 * row.value) for row in board.rows],
        "p": [[round(1000 * p) for p in row[:place]] for place, row in enumerate(board.p_values)],
        "digits": text.decimals(board),
        "metric": text.label(board.metric),
    }


def _table(name: str, analysis: Analysis, n_runs: int) -> dict[str, Any]:
    """An analysis: its columns but that of the run, and the cells of each run, row by row."""
    texts: dict[str, int] = {}
    columns = list(analysis.columns)[1:]
    encoders = [_encoder(column.kind, texts) for column in columns]
    rows = _by_run(name, analysis)
    cells = {
        place: [
            None if value is None else encode(value)
            for row in rows[place]
            for encode, value in zip(encoders, row[1:], strict=True)
        ]
        for place in rows
        if place < n_runs
    }
    return {
        "about": analysis.about,
        "columns": [[column.name, column.kind] for column in columns],
        "cells": cells,
        "texts": [text.clean(word) for word in texts],
        "runs": len(rows),
    }


def _by_run(name: str, analysis: Analysis) -> dict[int, list[Sequence[Any]]]:
    """What the page shows of the rows of each run."""
    found: dict[int, list[Sequence[Any]]] = {}
    for row in analysis.rows:
        if name != "curves" or abs(row[2] / CURVE_STEP - round(row[2] / CURVE_STEP)) < 1e-6:
            found.setdefault(row[0], []).append(row)
    return {place: rows[: MOST_ROWS.get(name)] for place, rows in found.items()}


def _encoder(kind: str, texts: dict[str, int]) -> Callable[[Any], int | float]:
    if kind in ("share", "difference"):
        return lambda value: round(10_000 * value)
    if kind == "text":
        return lambda value: texts.setdefault(str(value), len(texts))
    if kind == "number":
        return lambda value: float(f"{value:.6g}") if value % 1 else int(value)
    return int
