"""Runs a model in child processes that are killed at random moments; prints what came of it as JSON.

``python killing.py SPEC DATA OUT KILLS`` starts runs until so many were killed, each with what the one
before it left. When one comes to its end, its record is listed, and the next begins anew. Children are
forked from a process that has imported everything and has no threads: a kill costs milliseconds.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - a child that is killed while it imports tests nothing

import segbench
import segbench.metrics.semantic
import segbench.models.predictions
import segbench.running

spec, data, out, kills = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
moments = random.Random(0)
killed, records, round_out = 0, [], out / "0"
while killed < kills:
    child = os.fork()
    if child == 0:
        segbench.run(spec, data, out=round_out, shard_size=4, threads=2)
        os._exit(0)
    deadline = time.monotonic() + moments.uniform(0.01, 0.15)
    while (
        time.monotonic() < deadline
        and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed += os.WIFSIGNALED(status)
    if os.WIFEXITED(status):
        records.append(str(next(round_out.rglob("run.json")).parent))
        round_out = out / str(len(records))
segbench.run(spec, data, out=round_out, shard_size=4, threads=2)
records.append(str(next(round_out.rglob("run.json")).parent))
left = sorted(str(file.relative_to(out)) for file in out.rglob("*.part"))
print(json.dumps({"killed": killed, "records": records, "left": left}))
