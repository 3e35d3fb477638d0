"""The critical-difference diagram: mean ranks on a line, bars below models that cannot be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.leaderboard import text
from segbench.leaderboard.boards import Critical
from segbench.leaderboard.svg import ACCENT, INK, LINE, MUTED, new_figure, settings, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = 0.26
"""Inches from one name to the next."""


def critical_plot(found: Critical, prefix: str) -> str:
    """Draw the diagram: the best model at the right, as Demšar draws it; ``prefix`` starts the ids."""
    k = len(found.models)
    rows = (k + 1) // 2
    bars = len(found.groups)
    with settings():
        figure, axes = new_figure(0.75 + STEP * rows + 0.1 * bars)
        axes.set_axis_off()
        axes.set_xlim(k + 0.6, 0.4)
        axes.set_ylim(-0.35 * bars - rows - 0.9, 1.9)
        _scale(axes, k, found.difference)
        for place, (first, last) in enumerate(found.groups):
            ends = found.mean_ranks[first] - 0.05, found.mean_ranks[last] + 0.05
            axes.plot(ends, [-0.35 * (place + 1)] * 2, color=ACCENT, linewidth=3.5, solid_capstyle="round")
        for place, (model, rank) in enumerate(zip(found.models, found.mean_ranks, strict=True)):
            _name(axes, place, k, (model, rank), -0.35 * bars - 1.0)
        metric = text.label(found.metric)
        return to_svg(
            figure, prefix, f"Mean ranks by {metric} of {k} models on {len(found.datasets)} data sets"
        )


def _scale(axes: Axes, k: int, difference: float) -> None:
    """The line of ranks, and the critical difference above it."""
    axes.plot([1, k], [0, 0], color=MUTED, linewidth=1.2)
    for rank in range(1, k + 1):
        axes.plot([rank, rank], [0, 0.18], color=MUTED, linewidth=1.2)
        axes.text(rank, 0.3, str(rank), color=MUTED, ha="center", va="bottom", fontsize=9)
    start = min(k, 1 + difference)
    axes.plot([1, start], [1.25, 1.25], color=INK, linewidth=1.2, marker="|", markersize=6)
    axes.text((1 + start) / 2, 1.35, f"CD {difference:.2f}", ha="center", va="bottom", fontsize=9)


def _name(axes: Axes, place: int, k: int, model: tuple[str, float], top: float) -> None:
    """A model's name at the side that is nearer to its rank, and a line from there to its rank."""
    name, rank = model
    best = place < (k + 1) // 2
    row = place if best else k - 1 - place
    y, end = top - row, (0.5 if best else k + 0.5)
    axes.plot([rank, rank, end], [0, y, y], color=LINE, linewidth=1)
    axes.plot(rank, 0, "o", color=ACCENT, markersize=4)
    shown = f"{text.shorten(name, 24)}  {rank:.2f}" if best else f"{rank:.2f}  {text.shorten(name, 24)}"
    axes.text(end, y + 0.08, shown, ha="right" if best else "left", va="bottom", fontsize=9)
