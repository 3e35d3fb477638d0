"""Mask AP of ours on two threads; what stands beside it is the same on one."""

from __future__ import annotations

from tools import OURS, Job, Scores, Tool
from tools.instance import score_segbench


def run_two(job: Job) -> Scores:
    """segbench.score on two threads."""
    return score_segbench(job, threads=2)


def run_one(job: Job) -> Scores:
    """segbench.score on one."""
    return score_segbench(job, threads=1)


TOOLS = {
    OURS: Tool(run_two, "segbench", "segbench", note="two threads"),
    "one-thread": Tool(run_one, "segbench", "segbench", note="segbench on one thread"),
}
