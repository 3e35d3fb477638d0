"""README's table of speed, written from ``leaderboards/speed/bench.json`` and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from compare import Case, Row
from measure import HERE, Run
from report import Result, ratio
from tools import OURS

ROOT = HERE.parent.parent
FOLDER = Path("leaderboards", "speed")
BEGIN, END = "<!-- speed: written by make bench -->\n", "<!-- /speed -->\n"
FAST = ("hotcoco", "ultrafast-pycocotools", "vernier", "one-thread", "boundary-iou-api")
"""What the table names beside ours; all of a case's tools where it has none of these."""


def publish(content: Mapping[str, Any], out: Path, root: Path = ROOT) -> None:
    """Copy ``bench.json`` and ``bench.md`` from ``out`` to ``leaderboards/speed/``; write README's table."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("bench.json", "bench.md"):
        (folder / name).write_text((out / name).read_text("utf-8"), encoding="utf-8")
    readme = root / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}{to_table(content)}{END}{after}", encoding="utf-8")


def read(root: Path = ROOT) -> dict[str, Any]:
    """Read the committed ``bench.json``."""
    return dict(json.loads((root / FOLDER / "bench.json").read_text("utf-8")))


def to_table(content: Mapping[str, Any]) -> str:
    """Return the table, the command that gave it, the machine and the versions."""
    lines = ["| work | images | CPU s | peak MB | ours / theirs | target |", "|---|--:|--:|--:|---|---|"]
    lines += [_line(result) for result in results(content)]
    machine = "{processor}, {cores} cores, {system}, load {load}".format(**content["machine"])
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    lines += ["", f"`{content['command']}`; rounds: {content['repeats']}.  ", f"{machine}.  ", f"{versions}."]
    return "\n".join(lines) + "\n"


def results(content: Mapping[str, Any]) -> list[Result]:
    """Return what ``bench.json`` was written from."""
    found = []
    for case in content["cases"]:
        rows = [_row(row) for row in case["rows"]]
        known = Case(**{f.name: case[f.name] for f in fields(Case)})
        found.append(Result(known, case["images"], rows, case["missing"]))
    return found


def _row(content: Mapping[str, Any]) -> Row:
    known = {f.name: content[f.name] for f in fields(Row)}
    return Row(**{**known, "runs": [Run(**run) for run in known["runs"]]})


def _line(result: Result) -> str:
    case = result.case
    ours = next(row for row in result.rows if row.tool == OURS)
    others = [row for row in result.rows if row is not ours and row.runs and not row.failure]
    chosen = [row for row in others if row.tool in FAST] or others
    beside = "; ".join(f"{row.tool} {ratio(ours, row, case.measure)}" for row in chosen)
    suffix = "" if case.measure == "cpu" else ", wall time"
    numbers = [f"{result.images:,}", f"{ours.median('cpu'):.2f}", f"{ours.median('megabytes'):.0f}"]
    return f"| {' | '.join([case.title, *numbers, beside + suffix, case.target or '–'])} |"
