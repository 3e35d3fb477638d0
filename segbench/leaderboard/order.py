"""How sure the order of a board is, in words and numbers: what tables and the page say below a ranking."""

from __future__ import annotations

import math
from collections.abc import Iterator

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board

MOST_NAMED = 5
"""Categories that a sentence names."""


def order_notes(board: Board) -> Iterator[str]:
    """Sentences on the order: how it holds among resamples, and without any one category."""
    stable = board.stability
    if stable is None:
        return
    if math.isfinite(stable.tau):
        tau, *ends = [
            f"{value:.2f}".replace("-", "−") for value in (stable.tau, stable.tau_low, stable.tau_high)
        ]
        yield f"Kendall’s τ between this order and that on resamples: {tau} ({' to '.join(ends)})."
    if not any(row.classes for row in board.rows):
        return
    if not stable.deciding:
        yield "The order stays the same whichever category is left out."
        return
    names = text.class_names(board)
    named = [names.get(one, str(one)) for one in list(stable.deciding)[:MOST_NAMED]]
    more = len(stable.deciding) - len(named)
    yield f"The order is another without {', '.join(named)}{f' or any of {more} others' if more else ''}."


def without_category(board: Board) -> list[tuple[int, int]] | None:
    """Best and worst place of each run when any one category is left out; None where none matters."""
    if board.stability is None or not board.stability.deciding:
        return None
    return [(row.place_low, row.place_high) for row in board.rows]
