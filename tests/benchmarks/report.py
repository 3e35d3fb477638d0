"""What a comparison found, as Markdown and as JSON."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from compare import Case, Row, ratios, verdict
from measure import HERE
from tools import OURS, Tool

BESIDE = "ours / theirs"
COLUMNS = ("tool", "runs", "CPU s", BESIDE, "peak MB", BESIDE, "wall s", BESIDE, "scores")
MEASURES = {"cpu": ".2f", "megabytes": ".0f", "wall": ".2f"}


@dataclass(frozen=True, slots=True)
class Result:
    """One case on so many images: its rows, and the tools that are not installed."""

    case: Case
    images: int
    rows: Sequence[Row]
    missing: Sequence[str]

    @property
    def failure(self) -> str:
        """Nothing, or why it failed."""
        return verdict(self.rows)


def to_markdown(results: Sequence[Result], facts: Mapping[str, Any]) -> str:
    """One table a case, then what is missing, the machine and the versions."""
    parts = [_section(result) for result in results]
    missing = sorted({name for result in results for name in result.missing})
    machine = "{processor}, {cores} cores, {system}, load {load}".format(**facts["machine"])
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    parts.append(
        f"Rounds, in turn: {facts['repeats']}, after one that is not counted; slow tools run once. Each "
        "run is a process of one thread where nothing else is said. CPU is user and system "
        "time of the whole process, imports and all; medians; ratios are ours over theirs, below 1 where "
        "segbench needs less, with the least and the largest of single rounds."
    )
    parts.append(f"Not installed: {', '.join(missing) or 'none'}.  \n{machine}.  \n{versions}.")
    return "\n\n".join(["# Beside the reference tools", f"`{facts['command']}`", *parts]) + "\n"


def to_dict(results: Sequence[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, every run included."""
    cases = [
        {
            **asdict(result.case),
            "images": result.images,
            "missing": list(result.missing),
            "failure": result.failure,
            "rows": [{**asdict(row), "agrees": row.agrees} for row in result.rows],
        }
        for result in results
    ]
    return {**facts, "cases": cases}


def describe(command: str, repeats: int, tools: Mapping[str, Tool]) -> dict[str, Any]:
    """Machine and versions, nothing that tells whose machine it is."""
    versions = {"python": platform.python_version()}
    for tool in tools.values():
        if found := _version(tool.package):
            versions[tool.package] = found
    machine = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": "/".join(f"{x:.1f}" for x in os.getloadavg()),
    }
    return {
        "command": command,
        "commit": _commit(),
        "repeats": repeats,
        "versions": versions,
        "machine": machine,
    }


def _section(result: Result) -> str:
    ours = next(row for row in result.rows if row.tool == OURS)
    lines = [f"## {result.case.name}: {result.case.title}, {result.images} images", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|---|{'--:|' * (len(COLUMNS) - 2)}---|"]
    lines += [f"| {' | '.join(_cells(row, ours))} |" for row in result.rows]
    if result.failure:
        lines += ["", f"**FAILED: {result.failure}**"]
    return "\n".join(lines)


def _cells(row: Row, ours: Row) -> list[str]:
    name = f"**{row.tool}**" if row is ours else f"{row.tool} ({row.note})" if row.note else row.tool
    if row.failure or not row.runs:
        return [name, *"–––––––", f"failed: {row.failure}".replace("|", "/")]
    cells = [name, str(len(row.runs))]
    for what, digits in MEASURES.items():
        cells += [format(row.median(what), digits), "" if row is ours else ratio(ours, row, what)]
    return [*cells, _agreement(row, ours)]


def ratio(ours: Row, theirs: Row, what: str) -> str:
    """Ours over theirs, with the least and the largest of single rounds where there are several."""
    found = ratios(ours, theirs, what)
    if found is None:
        return "–"
    return "{:.2f} ({:.2f}–{:.2f})".format(*found) if len(theirs.runs) > 1 else f"{found[0]:.2f}"


def _agreement(row: Row, ours: Row) -> str:
    if row is ours:
        return next((f"{key} {value:.6g}" for key, value in row.scores.items() if value is not None), "")
    if row.difference is None:
        return "not compared"
    return f"{'agree' if row.agrees else 'DIFFER'}, {row.difference:.1e}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:  # noqa: PTH123 - a device, not a path of data
            lines = [line.partition(":")[2].strip() for line in handle if line.startswith("model name")]
    except OSError:
        lines = []
    return lines[0] if lines else platform.processor() or platform.machine()
