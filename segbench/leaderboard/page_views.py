"""What the page draws when a reader asks for it: the views below a board, as plain data."""

from __future__ import annotations

from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board


def views(board: Board) -> dict[str, Any]:
    """Name of a view → what it draws; those of which nothing is known are not there."""
    found = {"pairs": _pairs(board)}
    return {name: view for name, view in found.items() if view is not None}


def _pairs(board: Board) -> dict[str, Any] | None:
    """Scores in hundredths of a percent, and p of each run with those above it, in thousandths."""
    if len(board.rows) < 2:
        return None
    return {
        "values": [round(10_000 * row.value) for row in board.rows],
        "p": [[round(1000 * p) for p in row[:place]] for place, row in enumerate(board.p_values)],
        "digits": text.decimals(board),
        "metric": text.label(board.metric),
    }
