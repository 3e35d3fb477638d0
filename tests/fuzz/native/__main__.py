"""Build the harnesses and run them: ``python -m fuzz.native [--seconds N] [--only NAME …]``."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.native import seeds
from fuzz.native.build import FOLDER, build, harnesses, missing


def main() -> int:
    """Run what the command line asks for, and return 1 where something was found, 2 without a compiler."""
    parser = argparse.ArgumentParser(prog="fuzz.native", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of each harness")
    parser.add_argument("--only", choices=harnesses(), nargs="+", default=harnesses())
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    reason = missing()
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 2
    programs = build(options.only)
    limit = [f"-max_total_time={options.seconds}"]
    with ThreadPoolExecutor(options.processes) as pool:
        codes = list(pool.map(lambda name: run(programs[name], *limit), programs))
    return int(any(codes))


def run(program: Path, *limits: str, keep: bool = True) -> int:
    """Run one harness from its seeds and, with ``keep``, from what earlier runs found; print one line.

    What it finds is written beside the program, to be run again: ``build/fuzz-native/rle crash-…``.
    """
    folder = FOLDER / f"{program.name}-inputs"
    words = FOLDER / "json.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in seeds.KEYWORDS), encoding="ascii")
    _write_seeds(program.name)
    command = [
        str(program), *limits, "-print_final_stats=1", "-timeout=30", "-rss_limit_mb=3000",
        f"-artifact_prefix={FOLDER}/{program.name}-", f"-dict={words}",
        *([str(folder)] if keep else []), str(FOLDER / f"{program.name}-seeds"),
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    print(f"{program.name}: {_summary(done)}", flush=True)
    if done.returncode:
        print(done.stderr[-6000:], flush=True)
    return done.returncode


def _write_seeds(name: str) -> None:
    folder = FOLDER / f"{name}-seeds"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for i, data in enumerate(getattr(seeds, name, list)()):
        (folder / f"{i:03}").write_bytes(data)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\")


def _summary(done: subprocess.CompletedProcess[str]) -> str:
    text = done.stderr
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", text) or ["0"]
    covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text) or [("0", "0", "0")]
    branches, features, inputs = covered[-1]
    result = "FOUND SOMETHING" if done.returncode else "nothing found"
    return f"{int(runs[0]):,} runs, coverage {branches} ({features} features), {inputs} inputs: {result}"


if __name__ == "__main__":
    sys.exit(main())
