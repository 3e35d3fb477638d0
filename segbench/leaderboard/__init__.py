"""Leaderboards from run records: statistics, tables, plots and a page; no data, no model.

::

    build.py      a folder of records → boards of comparable runs → files
    boards.py     Leaderboard, Board, Row, LeftOut
    evidence.py   a record's tables → what is resampled: Ratios or Detections
    pooled.py     Ratios: mIoU and PQ of weighted images
    precision.py  Detections: AP of weighted images
    compare.py    two runs: the difference, of classes and images too; compare_text.py prints it
    plan.py       how runs are resampled and tested
    analyses/     Board.analyses: {name: Analysis}, tables of columns and rows that the page can draw
    rank.py       paired bootstrap, Holm, tie groups, rank intervals
    text.py       labels, digits, safe text
    critical.py   Leaderboard.across: models over five data sets or more; plot_critical.py draws it
    tables.py     columns of plain text, for markdown.py and latex.py
    csv_files.py  CSV of runs and of classes; json_file.py: JSON of a shipped schema
    plots.py      SVG
    view.py       what the page's template shows of a board
    order.py      how sure the order of a board is, in words
    overview.py   models across boards
    page_data.py  what the page's script shows of a board
    page_views.py what of it the page draws when it is asked for
    page.py       HTML, from the templates, style sheets and scripts in web/
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segbench.leaderboard.boards import Board, Leaderboard, LeftOut, Row
    from segbench.leaderboard.build import build_leaderboard
    from segbench.leaderboard.compare import RunDifference, compare_runs

__all__ = ["Board", "Leaderboard", "LeftOut", "Row", "RunDifference", "build_leaderboard", "compare_runs"]

_HOMES = {"RunDifference": "compare", "build_leaderboard": "build", "compare_runs": "compare"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'boards')}"), name)


def __dir__() -> list[str]:
    return __all__
