"""How time and memory of ours grow with the number of images: ``run.py --growth [N …]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from measure import Run, run_child
from tools import OURS

DEFAULT = (500, 5000)


class Work(NamedTuple):
    """A task, its workload and what tools are told of the files."""

    title: str
    module: str
    workload: str
    argument: str


WORKS = (
    Work("mask AP", "instance", "coco", "results.json"),
    Work("mIoU", "semantic", "small", "150"),
    Work("PQ", "panoptic", "panoptic", "-"),
    Work("COCO to png", "to_png", "pictures", "-"),
    Work("COCO to VOC", "to_voc", "pictures", "-"),
    Work("COCO to the canonical form", "to_canonical", "pictures", "-"),
)


def needed(counts: Sequence[int]) -> list[tuple[str, int]]:
    """Return the workloads to generate."""
    return list(dict.fromkeys((work.workload, n) for work in WORKS for n in counts))


def measure(counts: Sequence[int], sources: Mapping[tuple[str, int], Path], scratch: Path) -> str:
    """Run ours on each number of images, one warm-up first, and return a Markdown table."""
    lines = ["| work | images | CPU s | CPU ms an image | peak MB |", "|---|--:|--:|--:|--:|"]
    for work in WORKS:
        run = _runner(work, sources, scratch)
        run(counts[0])
        for n in counts:
            one = run(n)
            numbers = [
                f"{n:,}", f"{one.cpu:.2f}", f"{one.cpu / n * 1e3:.3f}", f"{one.megabytes:.0f}",
            ]  # fmt: skip
            lines.append(f"| {work.title} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


def _runner(work: Work, sources: Mapping[tuple[str, int], Path], scratch: Path) -> Callable[[int], Run]:
    def run(n: int) -> Run:
        source, target = sources[work.workload, n], scratch / "target"
        try:
            return run_child("child.py", "run", work.module, OURS, source, work.argument, target)
        finally:
            rmtree(target, ignore_errors=True)
            Path(f"{target}.report").unlink(missing_ok=True)

    return run
