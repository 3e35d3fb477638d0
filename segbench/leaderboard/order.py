"""How sure the order of a board is, in words and numbers: what tables and the page say below a ranking."""

from __future__ import annotations

import math
from collections.abc import Iterator

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Critical
from segbench.leaderboard.plots import pareto

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
        most = ends[0] if ends[0] == ends[1] else " to ".join(ends)
        yield f"Kendall’s τ between this order and that on resamples: {tau} on average, {most} for 95 %."
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


def on_front(board: Board) -> list[bool | None]:
    """Whether no other run is both faster and better, of each run; None where it was not timed."""
    speeds = [text.speed(row) for row in board.rows]
    timed = [i for i, speed in enumerate(speeds) if speed is not None]
    front = pareto([(speeds[i] or 0.0, board.rows[i].value) for i in timed])
    best = {timed[i] for i in front}
    return [None if speed is None else i in best for i, speed in enumerate(speeds)]


def across_notes(found: Critical) -> Iterator[str]:
    """Sentences on models across data sets."""
    if found.friedman_p is not None:
        p = "below 0.0001" if found.friedman_p < 1e-4 else f"{found.friedman_p:.2g}"
        yield f"Friedman’s test that all models are equal: p {p}."
    alike = "; ".join(_group(found, *ends) for ends in found.groups)
    yield (
        f"Nemenyi’s critical difference of mean ranks at 5 %: {found.difference:.2f}. "
        + (f"Not told apart: {alike}." if alike else "All models are told apart.")
    )
    if found.left_out:
        yield f"Not on every board: {', '.join(map(text.clean, found.left_out))}."


def _group(found: Critical, first: int, last: int) -> str:
    names = [text.clean(name) for name in found.models[first : last + 1]]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
