"""What ``segbench run`` costs beside decoding, the model and the metric: ``run.py --runner [N …]``.

What an image costs is what a run takes beyond a bare loop over the same images on as many threads, the median
of rounds of both. A model that answers at once, or after 20 ms, takes the part of a real one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measure import Run, run_child

DEFAULT = (10_000, 100_000)
SIZE = {"height": 480, "width": 640}
TINY = {"height": 16, "width": 16}
SLOW = "0.02"
FEW = 16
"""Images of a run that costs hardly more than one without any."""
LIMITS = {"overhead": 0.5, "share": 0.9}
"""CPU ms an image; the model's part of the wall time, where it takes 20 ms an image."""


def measure(counts: Sequence[int], root: Path, repeats: int, images: int = 1000) -> str:
    """Measure, and return Markdown: what an image costs, then what grows with their number."""
    lines = ["| what | measured | limit |", "|---|--:|--:|"]
    lines += [f"| {' | '.join(row)} |" for row in _costs(root, repeats, images)]
    lines += ["", "| images | in the order of ids | CPU ms an image | merge s | peak MB |"]
    lines += ["|--:|---|--:|--:|--:|"]
    for n in counts:
        for name in ("tiny", "mixed"):
            found = _child("run", _made(root, name, n=n, mixed=name == "mixed", **TINY))
            cpu, merge = 1e3 * found.answer["cpu"] / n, found.answer["merge"]
            order = "no" if name == "mixed" else "yes"
            lines.append(f"| {n:,} | {order} | {cpu:.2f} | {merge:.1f} | {found.megabytes:.0f} |")
    return "\n".join(lines) + "\n"


def _costs(root: Path, repeats: int, images: int) -> Iterator[tuple[str, str, str]]:
    """Of few images and of many, so that what a run costs is told from what an image costs."""
    few, many = (_made(root, "large", n=n, **SIZE) for n in (FEW, images))

    def cpu(what: str, folder: Path, **options: Any) -> float:
        return float(_child(what, folder, **options).answer["cpu"])

    for threads in (1, 2):
        rounds = [
            [cpu(what, at, threads=threads) for at in (few, many) for what in ("bare", "run")]
            for _ in range(repeats)
        ]
        once = median(run - bare for bare, run, _, _ in rounds)
        image = median((run - bare - once) / (images - FEW) for _, _, bare, run in rounds)
        what = f"CPU of the runner an image of 640 × 480, threads: {threads}"
        yield what, f"{1e3 * image:.2f} ms", f"{LIMITS['overhead']} ms"
        yield f"CPU of the runner a run, threads: {threads}", f"{once:.2f} s", ""
    large, small = (min(cpu("run", many, threads=1, shard_size=n) for _ in range(repeats)) for n in (128, 4))
    shards = images / 4 - images / 128
    yield "CPU of one more shard", f"{1e3 * (small - large) / shards:.1f} ms", ""
    os.environ["SLOW"] = SLOW
    try:
        slow = [_child("run", many, threads=2).answer for _ in range(repeats)]
    finally:
        del os.environ["SLOW"]
    share = median(one["model"] / one["wall"] for one in slow)
    yield "wall time that is the model's, at 20 ms an image", f"{share:.1%}", f"{LIMITS['share']:.0%}"


def _made(root: Path, name: str, **options: Any) -> Path:
    folder = root / f"{name}-{options['n']}"
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        _child("make", part, **options)
        part.rename(folder)
    return folder


def _child(what: str, folder: Path, **options: Any) -> Run:
    return run_child("runner_child.py", what, folder, json.dumps(options))
