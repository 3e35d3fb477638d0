"""Everything that needs a GPU, in one command: ``python -m tests.gpu`` or ``make gpu``.

All cases of this folder on the GPU, the same under compute-sanitizer (memcheck and racecheck), and the
benchmark. What it finds is kept in leaderboards/gpu.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

OUT = ROOT / "leaderboards" / "gpu"
PARTS = "tests", "sanitizer", "bench"
CASES = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "cuda", str(ROOT / "tests" / "gpu")]
TOOLS = "memcheck", "racecheck"


def kept(command: list[str], name: str) -> int:
    """Run a command, show what it says, and keep it; return its exit status."""
    print("$", *command, flush=True)
    env = os.environ | {"PYTHONPATH": str(ROOT / "tests"), "CUPY_CACHE_SAVE_CUDA_SOURCE": "0"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).replace(str(ROOT), ".")
    print(said)
    (OUT / f"{name}.txt").write_text("\n".join(said.splitlines()[-40:]) + "\n", encoding="utf-8")
    return done.returncode


def sanitized() -> int:
    """The cases under each tool of compute-sanitizer."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        print("compute-sanitizer is not on the PATH: it comes with the CUDA toolkit")
        return 1
    failed = 0
    for tool in TOOLS:
        options = ["--tool", tool, "--error-exitcode", "9", "--target-processes", "all"]
        failed |= kept([program, *options, sys.executable, *CASES], tool)
    return failed


def bench() -> int:
    """The table of times."""
    from gpu.bench import run
    from gpu.workloads import full_size
    from segbench.kernels import gpu

    run(full_size(gpu.cuda()), OUT)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="do this part; may be repeated")
    parts = parser.parse_args().only or PARTS
    from gpu.conftest import NO_GPU

    if NO_GPU:
        print(f"error: {NO_GPU}", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    steps = {
        "tests": lambda: kept([sys.executable, *CASES], "tests"),
        "sanitizer": sanitized,
        "bench": bench,
    }
    return max([steps[part]() for part in PARTS if part in parts], default=0)


if __name__ == "__main__":
    sys.exit(main())
