"""Time the metrics on a GPU beside torchmetrics and torch code, and beside reading the bytes alone.

A row's time is the median over updates: each of a new metric, on other arrays than the ones before, so many
that they do not stay in the GPU's caches, between two CUDA events. The floor is the time to read the
arguments, at the bandwidth of a copy measured beside. A profile tells copies to the CPU and waits inside
``update``.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gpu.workloads import Work
from segbench import __version__

WAITS = ("Memcpy DtoH", "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
"""Names in a profile of what an update must not do."""


def timed(call: Callable[[], Any], on_gpu: bool) -> float:
    """Milliseconds of a call, on the GPU where it is one."""
    if not on_gpu:
        begin = time.perf_counter()
        call()
        return 1e3 * (time.perf_counter() - begin)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def median(
    function: Callable[..., Any], arguments: list[tuple[Any, ...]], on_gpu: bool, repeats: int
) -> float:
    """Median milliseconds of a function, with each of the arguments in turn."""
    for one in arguments[:2]:
        function(*one)
    turns = [arguments[i % len(arguments)] for i in range(repeats)]
    return statistics.median(timed(lambda one=one: function(*one), on_gpu) for one in turns)


def copy_bandwidth(repeats: int = 20, megabytes: int = 512) -> float:
    """Bytes read and written a millisecond by a copy on the GPU."""
    source = torch.empty(megabytes << 20, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    return (
        2
        * source.numel()
        / statistics.median(timed(lambda: target.copy_(source), True) for _ in range(repeats))
    )


def waits_in(call: Callable[[], Any]) -> dict[str, int]:
    """How often each of WAITS happens in a call, as the profiler sees it."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        call()
    events = [event.key for event in seen.key_averages() for _ in range(event.count)]
    return {name: sum(name in key for key in events) for name in WAITS}


def arguments_of(work: Work, on_gpu: bool) -> list[tuple[Any, ...]]:
    """So many arguments that they are thrice what the caches hold, up to 12."""
    if not on_gpu:
        return [work.make()]
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    return [work.make() for _ in range(min(12, max(2, 3 * cache // max(1, work.read) + 1)))]


def measured(work: Work, bandwidth: float | None, repeats: int) -> dict[str, Any]:
    """One row of the table."""
    on_gpu = bandwidth is not None
    arguments = arguments_of(work, on_gpu)
    work.same(*arguments[0])
    row: dict[str, Any] = {"work": work.name, "ours_ms": median(work.ours, arguments, on_gpu, repeats)}
    for tool, function in work.theirs.items():
        row[f"{tool}_ms"] = median(function, arguments, on_gpu, max(3, repeats // 5))
    if bandwidth is not None:
        row["floor_ms"] = work.read / bandwidth
        row["waits"] = waits_in(lambda: work.ours(*arguments[0]))
    return row


def table(result: dict[str, Any]) -> str:
    """The rows in Markdown."""
    lines = [
        "| work | ms | torchmetrics | torch bincount | × the floor | copies to the CPU and waits |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in result["rows"]:
        times = [row.get(f"{tool}_ms") for tool in ("torchmetrics", "bincount")]
        others = ["" if ms is None else f"{ms:.3f} ({ms / row['ours_ms']:.0f}×)" for ms in times]
        floor = f"{row['ours_ms'] / row['floor_ms']:.1f}" if "floor_ms" in row else ""
        waits = str(sum(row["waits"].values())) if "waits" in row else ""
        lines.append(f"| {row['work']} | {row['ours_ms']:.3f} | {' | '.join([*others, floor, waits])} |")
    return "\n".join([f"{result['device']}, {result['software']}.", "", *lines, ""])


def run(works: list[Work], out: Path | None, repeats: int = 50) -> dict[str, Any]:
    """Measure all, print the table, and keep it as Markdown and JSON where there is a folder for it."""
    on_gpu = torch.cuda.is_available()
    bandwidth = copy_bandwidth() if on_gpu else None
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else "emulator",
        "software": f"segbench {__version__}, torch {torch.__version__}",
        "copy_gb_s": None if bandwidth is None else bandwidth / 1e6,
        "rows": [measured(work, bandwidth, repeats) for work in works],
    }
    text = table(result)
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "bench.md").write_text(text, encoding="utf-8")
        (out / "bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result
