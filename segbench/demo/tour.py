"""The whole line on the drawn data set: draw, convert, run, rank."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from segbench.conversions.conversion import convert
from segbench.demo import STUFF, DemoSources, draw
from segbench.errors import UsageError
from segbench.formats import open_dataset
from segbench.leaderboard import Leaderboard, build_leaderboard
from segbench.pictures import Pictures
from segbench.records.results import find_records, read_record, saved_predictions
from segbench.runs.running import run

MODELS = ("PixelColor", "SmoothColor", "CoarseGrid")
NAME = "demo-landscapes"
MARK = ".segbench-demo"
TASKS = {"semantic": "png", "instance": "coco", "panoptic": "coco-panoptic"}
"""Task → the format in which predictions are saved, so that the page can show them."""

SETTINGS = {"instance": {"keep_errors": True}}
"""Settings of the protocols: the board tells what kinds of errors instances have."""

COMMITTED_MB = 0.8
"""Megabytes of pictures within the page of ``leaderboards/demo``."""


def tour(out: Path, say: Callable[[str], None]) -> Path:
    """Do the whole line below ``out``, saying each step, and return the path of the page.

    ``out`` gets ``source`` (what was drawn), ``data`` (the canonical form), ``results`` (run records) and
    ``leaderboard``; those of an earlier demo are replaced.

    Raises
    ------
    UsageError
        When ``out`` holds anything but an earlier demo.
    """
    started = time.perf_counter()
    _make_room(out)
    sources = draw(out / "source")
    say(f"drew {len(list(sources.images.iterdir()))} pictures with COCO, panoptic and label-map truth")
    for task, source, options in _sources(sources):
        dataset = open_dataset(source, options=options)
        dataset.name = NAME
        say(str(convert(dataset, out / "data" / task, overwrite=True)))
    for task, kept in TASKS.items():
        dataset = open_dataset(out / "data" / task)
        for name in MODELS:
            spec = f"module:segbench.demo_models:{name}"
            ignore = STUFF if task == "instance" else ()
            record = run(
                spec,
                dataset,
                task=task,
                settings=SETTINGS.get(task),
                ignore=ignore,
                out=out / "results",
                save_predictions=kept,
            )
            key, metric = next(iter(record.metrics.items()))
            say(f"{record.model['name']:<14}{task:<10}{key} {100 * metric.value:5.1f} %")
    board = board_of(out, out / "results", out / "leaderboard")
    say(f"{len(board.boards)} leaderboards in {time.perf_counter() - started:.1f} s")
    return next(path for path in board.paths if path.suffix == ".html")


def board_of(demo: Path, results: Path, out: Path, page_mb: float = 16) -> Leaderboard:
    """Make the boards of records of the demo; pictures show the data and the predictions of ``demo``."""
    words = [
        f"{demo / 'data' / record.task}={saved}"
        for record in map(read_record, find_records(demo / "results"))
        if record.path is not None and (saved := saved_predictions(record.path)) is not None
    ]
    return build_leaderboard(results, out, pictures=Pictures(words), page_mb=page_mb)


def _make_room(out: Path) -> None:
    """Empty a folder that an earlier demo left, and mark it as one."""
    mark = out / MARK
    if out.exists() and not mark.is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} holds other files; name a folder that is empty or new")
    for name in ("source", "data", "results", "leaderboard"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text("Made by segbench demo, which replaces what lies here.\n", encoding="utf-8")


def _sources(sources: DemoSources) -> list[tuple[str, Path, dict[str, str]]]:
    images = {"images": str(sources.images)}
    return [
        ("semantic", sources.labels, {**images, "labels": str(sources.id2label)}),
        ("instance", sources.instances, images),
        ("panoptic", sources.panoptic, images),
    ]
