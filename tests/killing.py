"""Runs a model in child processes that are killed at random moments; prints what came of it as JSON.

``python killing.py SPEC DATA OUT KILLS [WORKERS]`` starts runs until so many were killed, each with what the
one before it left, and with a number of workers of this list (``0,2,3``; 0 is none). When one comes to its
end, its record is listed, and the next begins anew. Children are forked from a process that has imported
everything and has no threads: a kill costs milliseconds.
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
import segbench.runs.running


def run(spec, data, out, workers):
    segbench.run(spec, data, out=out, shard_size=4, threads=2, workers=workers or None)
    return str(next(out.rglob("run.json")).parent)


def killed_in_time(spec, data, out, workers, seconds):
    """Whether a run in a child was killed before it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            run(spec, data, out, workers)
        finally:
            os._exit(0)
    deadline = time.monotonic() + seconds
    while (
        time.monotonic() < deadline
        and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(spec, data, out, kills, crews="0"):
    out, crews, moments = Path(out), [int(word) for word in crews.split(",")], random.Random(0)
    killed, records, round_out = 0, [], out / "0"
    while killed < int(kills):
        workers = moments.choice(crews)
        seconds = moments.uniform(0.2, 1) if workers else moments.uniform(0.01, 0.15)
        if killed_in_time(spec, data, round_out, workers, seconds):
            killed += 1
        else:
            records.append(str(next(round_out.rglob("run.json")).parent))
            round_out = out / str(len(records))
    records.append(run(spec, data, round_out, crews[-1]))
    left = sorted(str(file.relative_to(out)) for file in out.rglob("*.part"))
    print(json.dumps({"killed": killed, "records": records, "left": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])
