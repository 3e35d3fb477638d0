"""Time, memory and scores of segbench beside those of the reference tools that are installed.

``python tests/benchmarks/run.py [--images N] [--repeats R] [--only CASE …] [--peers TOOL …] [--out FOLDER]``
writes ``bench.md`` and ``bench.json``, and ends with 1 where scores differ. Tools that are missing are named,
never installed. ``--readme`` writes README's table of speed too; ``--growth [N …]`` runs segbench alone on so
many images, and writes ``growth.md``. ``--uncertainty [SETS]`` times boards, and holds what their intervals
and tests promise against so many drawn data sets; it writes ``uncertainty.md``, and ends with 1 where a
promise is not kept. ``--runner [N …]`` measures what ``segbench run`` itself costs, and writes ``runner.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import growth
import runner
import speed_page
import uncertainty
from compare import Case, compare
from measure import HERE, run_child
from report import Result, describe, to_dict, to_markdown
from speed import FOLDER, ROOT, publish
from tools import OURS, Tool

CASES = (
    Case(
        "segm", "mask AP, results without boxes", "instance", "coco", 5000, "results.json",
        "0.50 hotcoco, 0.35 ultrafast-pycocotools, 260 MB",
    ),
    Case(
        "segm-bbox", "mask AP, results with boxes", "instance", "coco", 5000, "results-bbox.json",
        "0.45 hotcoco, 0.65 ultrafast-pycocotools",
    ),
    Case(
        "segm-light", "mask AP, few results without boxes", "instance", "light", 5000, "results.json",
        "0.70 of the fastest",
    ),
    Case(
        "segm-threads", "mask AP on two threads, beside one", "threads", "coco", 5000, "results.json",
        "0.62 in wall time", "wall",
    ),
    Case(
        "miou-city", "mIoU of 1024 × 2048 label maps, 19 categories", "semantic", "city", 500, "19",
        "0.50 of the fastest",
    ),
    Case(
        "miou-ade", "mIoU of 512 × 683 label maps, 150 categories", "semantic", "ade", 2000, "150",
        "0.50 of the fastest",
    ),
    Case(
        "miou-city-maps", "mIoU of 1024 × 2048 maps in memory, 100 times", "semantic_maps", "city_maps",
        16, "19",
        "0.35 hotcoco, 3.5 memory-read",
    ),
    Case(
        "miou-ade-maps", "mIoU of 512 × 683 maps in memory, 100 times", "semantic_maps", "ade_maps",
        64, "150",
        "0.35 hotcoco",
    ),
    Case("pq", "PQ of 480 × 640 maps", "panoptic", "panoptic", 600, target="0.75 hotcoco"),
    Case(
        "boundary-ap", "boundary AP", "boundary_ap", "coco", 500, "results-bbox.json",
        "0.25 boundary-iou-api",
    ),
    Case(
        "boundary-pq", "boundary PQ of 480 × 640 maps", "boundary_pq", "panoptic", 200,
        target="0.25 boundary-iou-api",
    ),
    Case(
        "boundary-miou", "boundary IoU of 1024 × 2048 label maps, 19 categories", "boundary_miou", "city",
        30, "19", "0.25 boundary-iou-api",
    ),
    Case("to-canonical", "COCO and its pictures, converted", "to_canonical", "pictures", 1000,
        target="0.15 supervision (datumaro draws no maps here)"),
    Case("to-png", "COCO to a label map an image", "to_png", "pictures", 1000,
        target="0.20 datumaro, 0.15 supervision"),
    Case(
        "to-voc", "COCO and its pictures to VOC's two maps an image", "to_voc", "pictures", 1000,
        target="0.20 datumaro, 0.15 supervision",
    ),
    Case(
        "to-cityscapes", "COCO and its pictures to Cityscapes' three maps an image", "to_cityscapes",
        "pictures", 1000, target="0.20 datumaro, 0.15 supervision",
    ),
    Case(
        "voc-workers", "COCO to VOC by two workers, beside one", "workers", "pictures", 1000,
        target="0.60 in wall time", measure="wall",
    ),
    Case(
        "panoptic-to-voc", "COCO panoptic to VOC's two maps an image", "panoptic_to_voc", "panoptic", 600,
        target="0.20 datumaro",
    ),
)  # fmt: skip
TOOLS: dict[str, dict[str, Tool]] = {
    case.module: import_module(f"tools.{case.module}").TOOLS for case in CASES
}
OUT = HERE.parent.parent / "build" / "bench"


def main(argv: Sequence[str]) -> int:
    """Measure, write, print; 1 where a case failed."""
    options = _parse(argv)
    if options.growth is not None:
        return grow(sorted(set(options.growth or growth.DEFAULT)), options.out)
    if options.uncertainty is not None:
        return doubt(options.uncertainty, options.out)
    if options.runner is not None:
        return cost(sorted(set(options.runner or runner.DEFAULT)), options.out, options.repeats)
    cases = [case for case in CASES if case.name in (options.only or [c.name for c in CASES])]
    needed = {(case.workload, options.images or case.images) for case in cases}
    sources = prepare(sorted(needed), options.out / "data")
    every: dict[str, Tool] = {}
    results = []
    with TemporaryDirectory(prefix="targets-", dir=options.out) as targets:
        for case in cases:
            tools = TOOLS[case.module]
            tools = {k: tool for k, tool in tools.items() if k == OURS or k in (options.peers or tools)}
            every |= tools
            images = options.images or case.images
            print(f"{case.name}: {images} images", file=sys.stderr)
            source = sources[case.workload, images]
            rows, missing = compare(case, tools, source, options.repeats, Path(targets))
            results.append(Result(case, images, rows, missing))
    command = shlex.join(["python", "tests/benchmarks/run.py", *argv])
    facts = describe(command, options.repeats, every)
    markdown = to_markdown(results, facts)
    (options.out / "bench.md").write_text(markdown, encoding="utf-8")
    content = to_dict(results, facts)
    (options.out / "bench.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(markdown)
    failed = any(result.failure for result in results)
    if options.readme and not failed:
        publish(content, options.out)
        speed_page.write(content, ROOT / FOLDER)
    return int(failed)


def grow(counts: Sequence[int], out: Path) -> int:
    """Measure ours on so many images, write and print."""
    markdown = growth.measure(counts, prepare(growth.needed(counts), out / "data"), out)
    (out / "growth.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    return 0


def doubt(sets: int, out: Path) -> int:
    """Time boards and simulate, write and print."""
    markdown, kept = uncertainty.measure(sets, out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "uncertainty.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    return int(not kept)


def cost(counts: Sequence[int], out: Path, repeats: int) -> int:
    """Measure what the runner costs on so many tiny images, write and print."""
    markdown = runner.measure(counts, out / "data", repeats, min(1000, *counts))
    (out / "runner.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    return 0


def prepare(needed: Sequence[tuple[str, int]], root: Path) -> dict[tuple[str, int], Path]:
    """Generate workloads of so many images, at the same time; nothing is measured yet."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = pool.map(lambda one: generate(*one, root), needed)
        return dict(zip(needed, folders, strict=True))


def generate(workload: str, images: int, root: Path) -> Path:
    """Generate a workload in a process of its own, unless the same generator has already done so."""
    sources = b"".join((HERE / name).read_bytes() for name in ("workloads.py", "shapes.py"))
    folder = root / f"{workload}-{images}-{hashlib.sha256(sources).hexdigest()[:8]}"
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        run_child("workloads.py", workload, part, str(images))
        part.rename(folder)
    return folder


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in CASES]
    peers = sorted({name for tools in TOOLS.values() for name in tools} - {OURS})
    parser.add_argument("--images", type=int, help="of every case; COCO's validation set has 5000")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--only", action="append", choices=names, metavar="CASE", help=", ".join(names))
    parser.add_argument("--peers", action="append", choices=peers, metavar="TOOL", help=", ".join(peers))
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write (default build/bench)")
    parser.add_argument("--readme", action="store_true", help="write README's table and leaderboards/speed/")
    growing = "segbench alone, on 500 and 5000 images or on N"
    parser.add_argument("--growth", type=int, nargs="*", metavar="N", help=growing)
    doubting = f"time boards, and simulate intervals and tests on {uncertainty.SETS} data sets or SETS"
    parser.add_argument(
        "--uncertainty", type=int, nargs="?", const=uncertainty.SETS, metavar="SETS", help=doubting
    )
    costing = "what `segbench run` itself costs, on 10,000 and 100,000 tiny images or on N"
    parser.add_argument("--runner", type=int, nargs="*", metavar="N", help=costing)
    options = parser.parse_args(argv)
    if (
        min(options.repeats, options.images or 1, options.uncertainty or 1, *(options.growth or [1])) < 1
        or options.images == 0
    ):
        parser.error("--images, --repeats and --growth are at least 1")
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
