"""Analyses: what a reader asks of a board beyond its ranks, as tables, computed from the records alone.

One file each. Such a module has ``TITLE``, ``ABOUT`` (how to read it), ``TASKS``, ``COLUMNS`` and
``rows(run, plan)``, which yields tuples of these columns for one run; ``brief(row)`` may say which of them
tell the most. An analysis that has rows of no run of a board is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from segbench.leaderboard.analyses.table import Analysis, Column
from segbench.leaderboard.analyses.tables_of import RunTables
from segbench.leaderboard.plan import Plan

if TYPE_CHECKING:
    from segbench.leaderboard.runs import Entry

ANALYSES = {
    "sizes": "segbench.leaderboard.analyses.sizes",
    "errors": "segbench.leaderboard.analyses.errors",
    "quality": "segbench.leaderboard.analyses.quality",
    "confusion": "segbench.leaderboard.analyses.confusion",
    "curves": "segbench.leaderboard.analyses.curves",
    "calibration": "segbench.leaderboard.analyses.calibration",
    "amount": "segbench.leaderboard.analyses.amount",
    "slices": "segbench.leaderboard.analyses.slices",
}
"""Name → module, in the order in which they are shown."""

MOST_BRIEF = 12
"""Rows of a run in brief."""


def analyse(entries: Sequence[Entry], plan: Plan) -> dict[str, Analysis]:
    """Every analysis of the runs of a board, in their order; one run's tables are held at a time."""
    modules = {name: import_module(home) for name, home in ANALYSES.items()}
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in modules}
    for place, entry in enumerate(entries):
        run = RunTables.of(entry.run.folder, entry.evidence)
        for name, module in modules.items():
            if run.record.task in module.TASKS:
                found[name] += [(place, *row) for row in module.rows(run, plan)]
    return {name: _analysis(module, found[name]) for name, module in modules.items() if found[name]}


def _analysis(module: Any, rows: Sequence[tuple[Any, ...]]) -> Analysis:
    """The table of these rows; in brief what ``module.brief`` picks of each run's, else the first of them."""
    by_run: dict[Any, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_run.setdefault(row[0], []).append(row)
    picked = [one for mine in by_run.values() for one in _brief(module, mine)]
    columns = (Column("run", "run"), *module.COLUMNS)
    return Analysis(module.TITLE, module.ABOUT, columns, tuple(rows), tuple(picked))


def _brief(module: Any, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    if hasattr(module, "brief"):
        return [row for row in rows if module.brief(row[1:])]
    return rows[:MOST_BRIEF]
