"""What is measured: one module a task, with ``TOOLS``: name -> :class:`Tool`, ours first.

A tool does the whole task in a process of its own, as its documentation shows, so every import is inside its
function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

Scores = Mapping[str, float | None]
"""Numbers on which tools must agree, where they name the same; None is undefined."""

OURS = "segbench"
EXACT = 1e-9


class Job(NamedTuple):
    """The folder of a workload, the file or number of categories that a case names, and where to write."""

    source: Path
    argument: str
    target: Path


class Tool(NamedTuple):
    """One way to do a task.

    Attributes
    ----------
    run
        Does it, and returns the scores where there are some.
    module, package
        What to import, and the name under which it is installed.
    inspect
        Reads the scores out of what ``run`` wrote; not measured.
    tolerance
        How far scores may be from ours, relative where they exceed 1.
    note
        What a reader of the comparison should know.
    rounds
        At most so many runs, none of them to warm up: for tools that take long. None is every round.
    """

    run: Callable[[Job], Scores]
    module: str
    package: str
    inspect: Callable[[Job], Scores] | None = None
    tolerance: float = EXACT
    note: str = ""
    rounds: int | None = None
