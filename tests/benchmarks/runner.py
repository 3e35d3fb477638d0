"""What ``segbench run`` costs beside decoding, the model and the metric: ``run.py --runner [N …]``.

Processor time is the least of some processes, since others on the machine only add to it. A model that
answers at once, or after 20 ms, takes the part of a real one.
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
    """Of two numbers of images, so that what a run costs is told from what an image costs."""
    sizes = images // 2, images
    half, whole = (_made(root, "large", n=n, **SIZE) for n in sizes)

    def cpu(what: str, **options: Any) -> tuple[float, float]:
        times = [
            min(_child(what, folder, **options).answer["cpu"] for _ in range(repeats))
            for folder in (half, whole)
        ]
        slope = (times[1] - times[0]) / (sizes[1] - sizes[0])
        return slope, times[1] - slope * sizes[1]

    for threads in (1, 2):
        (bare, _), (image, once) = (cpu(what, threads=threads) for what in ("bare", "run"))
        what = f"CPU of the runner an image of 640 × 480, threads: {threads}"
        yield what, f"{1e3 * (image - bare):.2f} ms", f"{LIMITS['overhead']} ms"
        yield f"CPU of the runner a run, threads: {threads}", f"{once:.2f} s", ""
    few, many = (cpu("run", threads=1, shard_size=size)[0] for size in (128, 4))
    yield "CPU of one more shard", f"{1e3 * (many - few) / (1 / 4 - 1 / 128):.1f} ms", ""
    os.environ["SLOW"] = SLOW
    try:
        slow = [_child("run", half, threads=2).answer for _ in range(repeats)]
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
