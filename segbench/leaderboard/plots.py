"""Plots of a board: its intervals, and its speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Row
from segbench.leaderboard.svg import ACCENT, BAND, INK, LINE, MUTED, new_figure, settings, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMED = 20
"""Runs of the plot of speed, of which all have names; of more, those of the front."""

MOST_INTERVALS = 25
"""Runs of the plot of intervals; the table draws all."""


def interval_plot(board: Board, prefix: str) -> str:
    """The score of each run with its 95 % interval, best first, tie groups banded.

    ``prefix`` makes the ids of the SVG unique in its page.
    """
    rows = board.rows[:MOST_INTERVALS]
    with settings():
        figure, axes = new_figure(0.66 + 0.28 * len(rows))
        _bands(axes, rows)
        across = axes.get_yaxis_transform()  # x in shares of the width
        for place, row in enumerate(rows):
            if not math.isnan(row.ci_low):
                axes.plot([100 * row.ci_low, 100 * row.ci_high], [place, place], color=ACCENT, linewidth=1.6)
            axes.plot(100 * row.value, place, "o", color=ACCENT, markersize=5)
            axes.text(1.02, place, str(row.rank), color=MUTED, va="center", transform=across)
        axes.set_yticks(range(len(rows)), [text.shorten(row.model, 24) for row in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(f"{text.label(board.metric)}, %")
        title = f"{text.label(board.metric)} of {len(rows)} runs with 95 % intervals"
        return to_svg(figure, prefix, title)


def speed_plot(board: Board, prefix: str) -> str | None:
    """Speed against score with the Pareto front; None with fewer than two timed runs."""
    timed = [(speed, 100 * row.value, row) for row in board.rows if (speed := text.speed(row)) is not None]
    if len(timed) < 2:
        return None
    with settings():
        figure, axes = new_figure(3)
        front = pareto([(speed, value) for speed, value, _ in timed])
        behind = [i for i in range(len(timed)) if i not in front]
        speeds = [speed for speed, _, _ in timed]
        if max(speeds) > 8 * min(speeds):
            axes.set_xscale("log")
        axes.margins(0.12)
        corners = sorted((timed[i][0], timed[i][1]) for i in front)
        axes.plot(*zip(*corners, strict=True), color=ACCENT, linewidth=1.2, drawstyle="steps-pre", alpha=0.6)
        for at, face in ((front, ACCENT), (behind, "none")):
            points = [timed[i][0] for i in at], [timed[i][1] for i in at]
            axes.plot(*points, "o", color=ACCENT, markerfacecolor=face, markersize=5.5)
        axes.grid(color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.set_xlabel("images per second")
        axes.set_ylabel(f"{text.label(board.metric)}, %")
        _name_points(axes, [timed[i] for i in (front if len(timed) > MOST_NAMED else [*front, *behind])])
        return to_svg(figure, prefix, f"Speed against {text.label(board.metric)} of {len(timed)} runs")


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points that no other beats in both numbers (at least as good in both, better in one)."""
    return [
        i
        for i, (x, y) in enumerate(points)
        if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in points)
    ]


def _bands(axes: Axes, rows: Sequence[Row]) -> None:
    ranks = [row.rank for row in rows]
    for rank in sorted(set(ranks))[::2]:
        first = ranks.index(rank)
        axes.axhspan(first - 0.5, first + ranks.count(rank) - 0.5, color=BAND, linewidth=0, zorder=0)


def _name_points(axes: Axes, points: Sequence[tuple[float, float, Row]]) -> None:
    """Write names beside points, in the order given, and leave out those that would cover another's."""
    taken: list[tuple[float, float, float]] = []
    axes.autoscale_view()
    box = axes.get_xlim(), axes.get_ylim()
    for speed, value, row in points:
        name = text.shorten(row.model, 22)
        x, y = axes.transAxes.inverted().transform(axes.transData.transform((speed, value)))
        width = 0.02 * len(name)
        on_left = x + width > 0.97
        start = x - width if on_left else x
        if any(
            abs(y - other) < 0.06 and start < stop and start + width > left for left, stop, other in taken
        ):
            continue
        taken.append((start, start + width, y))
        axes.annotate(
            name,
            (speed, value),
            xytext=(-6 if on_left else 6, 3),
            textcoords="offset points",
            ha="right" if on_left else "left",
            fontsize=9,
        )
    axes.set(xlim=box[0], ylim=box[1])
