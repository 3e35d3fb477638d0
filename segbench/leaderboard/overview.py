"""Models across boards, for a page of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Critical, Row
from segbench.leaderboard.order import across_notes
from segbench.leaderboard.plot_critical import critical_plot


def overview(boards: Sequence[Board]) -> dict[str, Any] | None:
    """Each model's score and rank on each board; None where no model stands on two.

    Scores of several boards have no common scale, so none is averaged. A model with several runs on a board
    has the best of them there. The order is that of the first board; those that are not on it come last.
    """
    cells: dict[str, dict[int, dict[str, Any]]] = {}
    for place, board in enumerate(boards):
        digits = text.decimals(board)
        for row in reversed(board.rows):
            cells.setdefault(_name(row), {})[place] = _cell(row, digits)
    if max((len(found) for found in cells.values()), default=0) < 2:
        return None
    return {
        "columns": [_column(board) for board in boards],
        "rows": [
            {"name": name, "cells": [cells[name].get(place) for place in range(len(boards))]}
            for name in sorted(cells, key=lambda name: _order(name, cells[name]))
        ],
    }


def across_views(found: Sequence[Critical]) -> list[dict[str, Any]]:
    """Models across the data sets of a task, for the page's template: title, diagram and sentences."""
    from markupsafe import Markup

    return [
        {
            "id": f"across-{place}",
            "title": f"Across {len(one.datasets)} data sets: {text.TASKS[one.task].lower()} segmentation",
            "caption": f"Mean rank of each model by {text.label(one.metric)}, the best at the right",
            "svg": Markup(critical_plot(one, f"across-{place}")),
            "notes": list(across_notes(one)),
        }
        for place, one in enumerate(found)
    ]


def _order(name: str, cells: dict[int, dict[str, Any]]) -> tuple[float, str]:
    return -float(cells[0]["value"]) if 0 in cells else 1.0, name.casefold()


def _name(row: Row) -> str:
    return text.clean(row.record.model["name"])


def _column(board: Board) -> dict[str, str]:
    title = text.clean(board.dataset)
    task = text.TASKS[board.task].lower()
    return {
        "title": title,
        "short": text.shorten(title, 24),
        "task": task,
        "metric": text.label(board.metric),
    }


def _cell(row: Row, digits: int) -> dict[str, Any]:
    return {"value": f"{row.value:.7g}", "text": text.percent(row.value, digits), "rank": row.rank}
