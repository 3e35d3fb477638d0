"""Processes, measured from outside: CPU time (user and system), wall time and peak memory.

Nothing here imports NumPy: on Linux a child starts with the peak memory of the process that made it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class ChildError(Exception):
    """A process failed; the message is the last line of what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds, megabytes, and the JSON that it answered."""

    cpu: float
    wall: float
    megabytes: float
    answer: Any


def run_child(script: str, *arguments: str | Path) -> Run:
    """Run a script of this folder on one thread, and wait.

    Raises
    ------
    ChildError
        When it ends with an error.
    """
    command = [sys.executable, "-W", "ignore", str(HERE / script), *map(str, arguments)]
    env = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONHASHSEED": "0"}
    env.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # a checkout would be compiled again in each run, and no installed peer
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        answer, said = (_text(file) for file in (out, err))
    if process.returncode:
        raise ChildError(_last_line(said) or f"ended with {process.returncode}")
    return Run(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        megabytes=usage.ru_maxrss * _RSS_UNIT / 1e6,
        answer=json.loads(answer) if answer else None,
    )


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
