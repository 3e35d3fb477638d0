"""What is fuzzed: how a seed becomes a case, and how a case is checked."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from fuzz import (
    boundary_cases,
    coco_cases,
    coco_check,
    panoptic_cases,
    panoptic_check,
    semantic_cases,
    semantic_check,
)
from fuzz.compare import Difference
from fuzz.shrink import shrink

Row = dict[str, Any]


class Kind(NamedTuple):
    """A generator of cases, and the check that raises Difference."""

    make: Callable[[int], Row]
    check: Callable[[Row, Path], None]


class Finding(NamedTuple):
    """A case that failed, made as small as was found."""

    kind: str
    seed: int
    message: str
    case: Row

    def __str__(self) -> str:
        return f"{self.kind} seed {self.seed}: {self.message}\n{json.dumps(self.case)}"


KINDS = {
    "instance": Kind(coco_cases.make, coco_check.check),
    "panoptic": Kind(panoptic_cases.make, panoptic_check.check),
    "semantic": Kind(semantic_cases.make, semantic_check.check),
}
KINDS["boundary"] = Kind(boundary_cases.make, lambda case, folder: KINDS[case["of"]].check(case, folder))


def run(kind: str, seeds: Iterable[int]) -> list[Finding]:
    """Check the cases of these seeds, and return those that fail."""
    found = []
    for seed in seeds:
        case = KINDS[kind].make(seed)
        message = failure(case)
        if message is not None:
            small = shrink(case, failure, message)
            found.append(Finding(kind, seed, failure(small) or message, small))
    return found


def failure(case: Row) -> str | None:
    """Return what is wrong with a case, its first words alike for alike faults; None if nothing is."""
    try:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            _quick_records(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error", RuntimeWarning)  # NumPy's, of what is undefined
            KINDS[case["kind"]].check(case, Path(folder))
    except Difference as difference:
        return str(difference)
    except Exception as error:  # noqa: BLE001 - whatever a scorer raises is a finding
        return f"{type(error).__name__}: {error}"
    return None


def _quick_records() -> Any:
    """Records without the machine and the commit, which take longer than a small case."""
    return mock.patch.multiple(
        "segbench.scoring.evaluate", environment=lambda *_: {}, provenance=lambda *_: {"git_commit": None}
    )
