"""The board of speed as a page, written from ``leaderboards/speed/bench.json`` and nothing else.

``python tests/benchmarks/speed_page.py`` writes ``bench.md`` and ``index.html`` beside it anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compare import Row, ratios
from measure import HERE
from report import Result, to_markdown
from speed import FOLDER, ROOT, results
from tools import OURS

sys.path.insert(0, str(HERE.parent))
from plain_page import plain_page

WIDTH = 120
"""Of the longest bar of a column, in pixels."""


def to_html(content: Mapping[str, Any]) -> str:
    """One section a case: what each tool took, as numbers and as bars."""
    return plain_page(
        HERE / "speed.html",
        title="Speed beside the reference tools",
        machine="{processor}, {cores} cores, {system}, load {load}".format(**content["machine"]),
        how=_how(content),
        cases=[_case(result) for result in results(content)],
    )


def write(content: Mapping[str, Any], folder: Path) -> None:
    """Write ``bench.md`` and ``index.html``."""
    (folder / "bench.md").write_text(to_markdown(results(content), content), encoding="utf-8")
    (folder / "index.html").write_text(to_html(content), encoding="utf-8")


def _how(content: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    return (
        f"Medians of {content['repeats']} rounds, each a process of one thread where nothing else is said; "
        "CPU is user and system time, imports and all. “Of theirs” is ours over theirs, with the least and "
        f"the largest of single rounds. {versions}."
    )


def _case(result: Result) -> dict[str, Any]:
    ours = next(row for row in result.rows if row.tool == OURS)
    ran = [row for row in result.rows if row.runs and not row.failure]
    return {
        "name": result.case.name,
        "title": result.case.title,
        "images": f"{result.images:,}",
        "target": result.case.target,
        "rows": [_row(row, ours, ran) for row in sorted(result.rows, key=_order)],
    }


def _order(row: Row) -> float:
    return row.median("cpu") if row.runs and not row.failure else float("inf")


def _row(row: Row, ours: Row, ran: Sequence[Row]) -> dict[str, Any]:
    shown = {"tool": row.tool, "note": row.note, "ours": row is ours, "failure": row.failure}
    if row.failure or not row.runs:
        return {**shown, "failure": f"failed: {row.failure}"}
    cells = []
    for what, digits in (("cpu", ".2f"), ("megabytes", ".0f")):
        longest = max(getattr(run, what) for one in ran for run in one.runs)
        values = sorted(getattr(run, what) for run in row.runs)
        scale = WIDTH / longest
        cells.append(
            {
                "text": format(row.median(what), digits),
                "width": f"{max(1.0, scale * row.median(what)):.1f}",
                "low": f"{scale * values[0]:.1f}" if len(values) > 1 else "",
                "high": f"{scale * values[-1]:.1f}",
                "best": row.median(what) == min(one.median(what) for one in ran),
            }
        )
        cells.append(_plain("" if row is ours else _of_theirs(ours, row, what)))
    cells.append(_plain(f"{row.median('wall'):.2f}"))
    return {**shown, "cells": cells, "scores": _scores(row, ours)}


def _plain(words: str) -> dict[str, Any]:
    return {"text": words, "width": "", "best": False}


def _of_theirs(ours: Row, row: Row, what: str) -> str:
    found = ratios(ours, row, what)
    if found is None:
        return "–"
    return "{:.2f} ({:.2f}–{:.2f})".format(*found) if len(row.runs) > 1 else f"{found[0]:.2f}"


def _scores(row: Row, ours: Row) -> str:
    if row is ours:
        return next((f"{key} {value:.6g}" for key, value in row.scores.items() if value is not None), "")
    if row.difference is None:
        return "not compared"
    return "the same" if row.difference == 0 else f"agree to {row.difference:.0e}"


if __name__ == "__main__":
    folder = ROOT / FOLDER
    write(json.loads((folder / "bench.json").read_text("utf-8")), folder)
