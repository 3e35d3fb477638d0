"""The long run: ``python -m fuzz [--cases N] [--kind KIND …] [--first SEED] [--replay FILE]``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fuzz.kinds import KINDS, Finding, failure, run

SHARE = {"instance": 1.0, "panoptic": 0.25, "semantic": 0.25, "boundary": 0.5}
"""Cases of each kind for one that is asked for."""
FOLDER = Path("build/fuzz")
CHUNK = 25


def main() -> int:
    """Run what the command line asks for, and return 1 where something was found."""
    options = _options()
    if options.replay:
        return _replay(options.replay)
    found = [f for kind in options.kind for f in _fuzz(kind, options)]
    return int(bool(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="instance cases; others in proportion")
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--replay", type=Path, help="check one case that a run has written")
    return parser.parse_args()


def _replay(path: Path) -> int:
    message = failure(json.loads(path.read_text(encoding="utf-8")))
    print(message or "no difference")
    return int(message is not None)


def _fuzz(kind: str, options: argparse.Namespace) -> list[Finding]:
    n = max(1, round(options.cases * SHARE[kind]))
    first, started, shown = options.first, time.monotonic(), 0.0
    found: list[Finding] = []
    done = 0
    for checked, findings in _results(kind, range(first, first + n), options.processes):
        done = min(done + checked, n)
        found += findings
        for finding in findings:
            _keep(finding)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(
                f"{kind}: {done:,} of {n:,} cases, {_rate(done, started)}, {len(found)} differences",
                flush=True,
            )
    print(
        f"{kind}: {n:,} cases (seeds {first}–{first + n - 1}), {_rate(n, started)}, {len(found)} differences"
    )
    return found


def _results(kind: str, seeds: range, processes: int) -> Iterator[tuple[int, list[Finding]]]:
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for found in pool.imap(partial(run, kind), chunks):
            yield min(CHUNK, len(seeds)), found


def _rate(done: int, started: float) -> str:
    seconds = time.monotonic() - started
    return f"{seconds:.0f} s, {done / max(seconds, 1e-9):.0f} a second"


def _keep(finding: Finding) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{finding.kind}-{finding.seed}.json"
    path.write_text(json.dumps(finding.case), encoding="utf-8")
    print(f'{finding}\nagain: make fuzz ARGS="--replay {path}"', flush=True)


if __name__ == "__main__":
    sys.exit(main())
