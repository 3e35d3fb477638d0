"""How long boards take, and whether intervals and tests keep their word: ``run.py --uncertainty [SETS]``."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from measure import run_child

SETS = 4000
"""Data sets drawn for each score; the standard error of a coverage of 95 % is then 0.34 %."""

SCORES = ("mIoU", "PQ", "AP")
METHODS = (("percentile", "bootstrap"), ("bca", "permutation"))
IMAGES = 300
PARTS = 8
"""Processes that share the data sets of a score, each with a seed of its own."""


class Board(NamedTuple):
    """What is timed: the records, the action, its argument, and the most wall seconds and megabytes."""

    title: str
    kind: str
    action: str
    argument: tuple[str, ...]
    seconds: float
    megabytes: float


BOARDS = (
    Board(
        "mIoU, 20 models × 5,000 images × 150 classes, 2,000 resamples", "miou", "build", ("2000",), 15, 1000
    ),
    Board("PQ, 20 models × 5,000 images × 150 classes, 2,000 resamples", "pq", "build", ("2000",), 15, 1000),
    Board(
        "AP, 8 models × 5,000 images × 300,000 detections, 1,000 resamples",
        "ap",
        "build",
        ("1000",),
        60,
        1000,
    ),
    Board("1,000 runs of 100 images, read", "many", "read", (), 10, 1000),
)


def measure(sets: int, out: Path, share: float = 1) -> tuple[str, bool]:
    """Time boards, of so large a share, and simulate; a Markdown page, and whether every limit is kept."""
    times, quick = _times(out, share)
    kept, honest = _simulations(sets)
    return "\n".join([*times, "", *kept]) + "\n", quick and honest


def _times(out: Path, share: float) -> tuple[list[str], bool]:
    lines = ["| board | CPU s | wall s | at most | peak MB | at most |", "|---|--:|--:|--:|--:|--:|"]
    good = True
    for board in BOARDS:
        folder = out / "boards" / board.kind
        shutil.rmtree(folder, ignore_errors=True)
        run_child("boards.py", "write", board.kind, folder, str(share))
        run = run_child("boards.py", board.action, folder, *board.argument)
        good &= run.wall <= board.seconds and run.megabytes <= board.megabytes
        numbers = (
            f"{run.cpu:.1f} | {run.wall:.1f} | {board.seconds:g} | {run.megabytes:.0f} | {board.megabytes:g}"
        )
        lines.append(f"| {board.title} | {numbers} |")
    return lines, good


def _simulations(sets: int) -> tuple[list[str], bool]:
    lines = [
        f"Of {sets:,} data sets of {IMAGES} images with two models of equal skill, 1,000 resamples each. Of "
        "a quarter as many, classes are rare, half of 40 in fewer than 30 images: boards warn of such.",
        "",
        "| score | classes | interval | holds the true score | test | finds a difference at 5 % |",
        "|---|---|---|--:|---|--:|",
    ]
    good = True
    for rates in ("COMMON", "RARE"):
        for name in SCORES:
            for method, test in METHODS:
                each = sets if rates == "COMMON" else sets // 4
                covered, rejected = _simulated(each, name, method, test, rates)
                numbers = f"{method} | {covered:.1%} | {test} | {rejected:.1%}"
                lines.append(f"| {name} | {rates.lower()} | {numbers} |")
                if rates == "COMMON":
                    good &= 0.94 <= covered <= 0.96 and 0.04 <= rejected <= 0.06
    return lines, good


def _simulated(sets: int, name: str, method: str, test: str, rates: str) -> tuple[float, float]:
    """The shares of data sets whose interval holds the true score, and whose models a test tells apart."""

    def part(seed: int) -> dict[str, Any]:
        size = str(IMAGES), str(max(1, sets // PARTS))
        return run_child("boards.py", "simulate", name, method, test, *size, str(seed), rates).answer

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(part, range(PARTS)))
    total = sum(one["sets"] for one in found)
    return sum(one["covered"] for one in found) / total, sum(one["rejected"] for one in found) / total
