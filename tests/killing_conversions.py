"""Converts in child processes that are killed at random moments; prints what came of it as JSON.

``python killing_conversions.py SOURCE TARGET FORMAT WORKERS KILLS`` kills so many conversions, each of which
goes on with what the one before it left, then lets one come to its end. One that ends before is begun anew.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from shutil import rmtree

import pyarrow.parquet  # noqa: F401 - a child that is killed while it imports tests nothing

import segbench
import segbench.canonical.writer
import segbench.conversions.conversion
from segbench.canonical import pen
from segbench.conversions.journal import Journal

source, target, name, workers, kills = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
pen.CHUNK = pen.FEW = 3
moments = random.Random(name)
killed, whole, went_on = 0, 0, 0


def convert():
    segbench.convert(source, target, target_format=name, allow_loss=True, workers=int(workers))


def is_there():
    return target.exists() and (target.is_file() or any(target.iterdir()))


while killed < int(kills):
    child = os.fork()
    if child == 0:
        convert()
        os._exit(0)
    deadline = time.monotonic() + moments.uniform(0.02, 0.2)
    while (
        time.monotonic() < deadline
        and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed += os.WIFSIGNALED(status)
    if is_there():  # whole, or never there
        assert segbench.open_dataset(target, format=name).image_ids
        whole += 1
        rmtree(target) if target.is_dir() else target.unlink()
        target.with_suffix("").is_dir() and rmtree(target.with_suffix(""))

read = Journal.read


def counted(journal, part, indices):
    global went_on  # noqa: PLW0603 - of a script
    chunk = read(journal, part, indices)
    went_on += chunk is not None
    return chunk


Journal.read = counted
convert()
left = sorted(path.name for path in target.parent.iterdir() if path.name.endswith(".part"))
print(json.dumps({"killed": killed, "whole": whole, "went_on": went_on, "left": left}))
