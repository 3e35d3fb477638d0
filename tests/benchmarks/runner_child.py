"""One measurement of ``segbench run``, as JSON: ``runner_child.py WHAT FOLDER [OPTIONS]``.

======  =============================================================================================
make    write so many pictures of a size and their truth: ``make FOLDER {"n": …, "height": …, "width": …}``;
        ``"mixed": true`` names them so that the data set is not in the order of its ids
bare    decode each, ask the model, measure, on so many threads: what no runner can save
run     run it, with these options
======  =============================================================================================
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import numpy as np

import segbench
from segbench.canonical.images import encode_image, encode_labels
from segbench.models import Batch, ClassMap, load_model
from segbench.models.predictions import prediction_sample
from segbench.runs.shards import Kept
from segbench.scoring.pairing import choose_protocols
from segbench.scoring.panel import Panel

SPEC = f"file:{Path(__file__).parent / 'still_model.py'}:Still"
DIFFERENT = 50


def make(folder: Path, n: int, height: int, width: int, mixed: bool = False) -> dict[str, Any]:
    """Few pictures, each under many names."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "id2label.json").write_text(json.dumps({i: f"c{i}" for i in range(19)}))
    blocks = [rng.integers(0, 256, (3, height // 8, width // 8), np.uint8) for _ in range(DIFFERENT)]
    images = [block.repeat(8, 1).repeat(8, 2) for block in blocks]
    files = [(encode_image(image), encode_labels(image[0] % 19)) for image in images]
    for i in range(n):
        name = f"{i}.png" if mixed else f"{i:07d}.png"
        for kind, data in zip(("images", "masks"), files[i % DIFFERENT], strict=True):
            (folder / kind / name).write_bytes(data)
    return {}


def bare(folder: Path, threads: int = 1) -> dict[str, Any]:
    """CPU seconds of all images, of which each thread takes every so-manieth."""
    truth, model = segbench.open_dataset(folder), load_model(SPEC)
    panel = Panel.of(choose_protocols(None, None, truth, None, ("semantic",)), truth)
    class_map = ClassMap.match(model.info, truth.categories)

    def work(first: int) -> None:
        for i in range(first, len(truth), threads):
            sample = truth[i]
            batch = Batch(images=[sample.image], image_ids=[sample.image_id], task="semantic")
            (answer,) = model.predict(batch)
            panel.measure(prediction_sample(answer, sample, class_map, truth.ignore_index), sample, i)

    started = time.process_time()
    workers = [Thread(target=work, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"cpu": time.process_time() - started, "n": len(truth)}


def run(folder: Path, **options: Any) -> dict[str, Any]:
    """CPU seconds of this process, wall seconds of all, of the merge, and of the model alone."""
    merging = []

    def timed(kept: Kept, panel: Panel) -> Any:
        began = time.perf_counter()
        found = merge(kept, panel)
        merging.append(time.perf_counter() - began)
        return found

    merge, Kept.merge = Kept.merge, timed
    with TemporaryDirectory(dir=folder.parent) as out:
        began, cpu = time.perf_counter(), time.process_time()
        record = segbench.run(SPEC, folder, out=out, **options)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    model = sum(record.images["latency_ms"].to_pylist()) / 1000
    return {"cpu": cpu, "wall": wall, "merge": merging[0], "model": model, "n": record.dataset["n_images"]}


WHAT = {"make": make, "bare": bare, "run": run}

if __name__ == "__main__":
    action, place, *rest = sys.argv[1:]
    print(json.dumps(WHAT[action](Path(place), **json.loads(rest[0] if rest else "{}"))))
