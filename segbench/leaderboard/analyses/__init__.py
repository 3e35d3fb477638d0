"""Analyses: what a reader asks of a board beyond its ranks, as tables, computed from the records alone.

One file each. Such a module has ``TITLE``, ``ABOUT`` (how to read it), ``TASKS``, ``COLUMNS`` and
``rows(run, plan)``, which yields tuples of these columns for one run. An analysis that has rows of no run of
a board is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

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


def analyse(entries: Sequence[Entry], plan: Plan) -> dict[str, Analysis]:
    """Every analysis of the runs of a board, in their order; one run's tables are held at a time."""
    modules = {name: import_module(home) for name, home in ANALYSES.items()}
    found: dict[str, list[tuple[object, ...]]] = {name: [] for name in modules}
    for place, entry in enumerate(entries):
        run = RunTables.of(entry.run.folder, entry.evidence)
        for name, module in modules.items():
            if run.record.task in module.TASKS:
                found[name] += [(place, *row) for row in module.rows(run, plan)]
    return {
        name: Analysis(
            module.TITLE, module.ABOUT, (Column("run", "run"), *module.COLUMNS), tuple(found[name])
        )
        for name, module in modules.items()
        if found[name]
    }
