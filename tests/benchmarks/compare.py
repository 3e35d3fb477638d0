"""One case: every tool on the same files, in turn, and whether their scores are ours."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measure import ChildError, Run, run_child
from tools import OURS, Scores, Tool


@dataclass(frozen=True, slots=True)
class Case:
    """A task on a workload.

    Attributes
    ----------
    name, title
        What ``--only`` and the report call it.
    module
        The module of its tools.
    workload, images
        Which files, and by default of how many images.
    argument
        What the tools are told of the files.
    target
        What ours should reach, in words.
    measure
        Whether that is ``cpu`` or ``wall``.
    """

    name: str
    title: str
    module: str
    workload: str
    images: int
    argument: str = "-"
    target: str = ""
    measure: str = "cpu"


@dataclass(slots=True)
class Row:
    """What one tool did: its runs, its scores and how far they are from ours, or why there are none."""

    tool: str
    note: str
    tolerance: float
    runs: list[Run] = field(default_factory=list)
    scores: Scores = field(default_factory=dict)
    difference: float | None = None
    failure: str = ""

    @property
    def agrees(self) -> bool:
        """Whether its scores were compared, and are ours."""
        return self.difference is not None and self.difference <= self.tolerance

    def median(self, what: str) -> float:
        """Median over the runs of ``cpu``, ``wall`` or ``megabytes``."""
        return statistics.median(getattr(run, what) for run in self.runs)


def compare(
    case: Case, tools: Mapping[str, Tool], source: Path, repeats: int, scratch: Path
) -> tuple[list[Row], list[str]]:
    """Measure the tools that can be imported, each once a round; return their rows, and the others' names.

    What is not slow runs once before, uncounted. What is written stays in ``scratch``: while many files have
    been deleted lately, ext4 takes longer to make new ones than most tools take to fill them.
    """
    present = {name: tool for name, tool in tools.items() if find_spec(tool.module)}
    rows = [Row(name, tool.note, tool.tolerance) for name, tool in present.items()]
    for row in rows:
        if present[row.tool].rounds is None:
            _measure(case, present[row.tool], row, source, scratch)
            row.runs.clear()  # byte code and files are in their caches now
    for number in range(repeats):
        first = number % len(rows)  # each has its turn to go first
        for row in rows[first:] + rows[:first]:
            rounds = present[row.tool].rounds
            if not row.failure and (rounds is None or number < rounds):
                _measure(case, present[row.tool], row, source, scratch)
    ours = next(row for row in rows if row.tool == OURS)
    for row in rows:
        row.difference = None if row.failure or row is ours else difference(ours.scores, row.scores)
    return rows, [name for name in tools if name not in present]


def _measure(case: Case, tool: Tool, row: Row, source: Path, scratch: Path) -> None:
    """Run a tool once; scores must be those of its run before."""
    target = Path(tempfile.mkdtemp(prefix=f"{case.name}-{row.tool}-", dir=scratch))
    arguments = (case.module, row.tool, source, case.argument, target)
    try:
        run = run_child("child.py", "run", *arguments)
        scores = run_child("child.py", "inspect", *arguments).answer if tool.inspect else run.answer
    except ChildError as error:
        row.failure = str(error)
    else:
        row.runs.append(run)
        if row.scores and scores != row.scores:
            row.failure = "another round gave other scores"
        row.scores = scores


def difference(ours: Scores, theirs: Scores) -> float | None:
    """Return the largest difference of the scores that both name, relative where they exceed 1.

    None where they name none alike; infinite where one is undefined and the other is not.
    """
    found = [_distance(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()]
    return max(found, default=None)


def _distance(a: float | None, b: float | None) -> float:
    if a is None or b is None:
        return 0.0 if a is b else float("inf")
    return abs(a - b) / max(1.0, abs(a))


def ratios(ours: Row, theirs: Row, what: str) -> tuple[float, float, float] | None:
    """Ours over theirs: that of the medians, and the least and the largest of single rounds."""
    pairs: Sequence[Any] = list(zip(ours.runs, theirs.runs, strict=False))
    if not pairs:
        return None
    each = [getattr(a, what) / getattr(b, what) for a, b in pairs]
    return ours.median(what) / theirs.median(what), min(each), max(each)


def verdict(rows: Sequence[Row]) -> str:
    """Why a case has failed; nothing where ours ran and every tool that ran agrees with it."""
    ours = next(row for row in rows if row.tool == OURS)
    if ours.failure:
        return f"{OURS}: {ours.failure}"
    compared = [row for row in rows if row.difference is not None]
    if not compared:
        return "no other tool ran to compare with"
    wrong = [f"{row.tool} by {row.difference}" for row in compared if not row.agrees]
    return f"scores differ: {', '.join(wrong)}" if wrong else ""
