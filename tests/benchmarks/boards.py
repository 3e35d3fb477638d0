"""Made-up run records, and how long boards of them take: ``boards.py ACTION ARGUMENT …`` answers in JSON.

``write KIND FOLDER`` writes the records of one of ``WORKS``, ``build FOLDER RESAMPLES`` ranks what lies
there, ``read FOLDER`` only reads it; ``simulate …`` is that of the tests of leaderboards.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from measure import HERE

from segbench import Categories, Category, MetricValue, RunRecord
from segbench.leaderboard import build_leaderboard
from segbench.leaderboard.runs import comparable, entries_of, read_runs
from segbench.metrics.ap_rules import Rules
from segbench.records.columns import lists, numbers, strings, table
from segbench.records.recount import metric_of

if TYPE_CHECKING:
    import pyarrow as pa

Rng = np.random.Generator
PER_IMAGE = 10
"""Categories of an image."""

PROTOCOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "semantic": ("exact", {"ignore_index": 255}),
    "panoptic": ("panopticapi", {"chunks": 1}),
    "instance": ("coco-instance", Rules().to_json()),
}


class Work(NamedTuple):
    """So many models on so many data sets of so many images, and categories; detections of a model."""

    task: str
    models: int
    images: int
    categories: int
    detections: int = 0
    datasets: int = 1


WORKS = {
    "miou": Work("semantic", 20, 5000, 150),
    "pq": Work("panoptic", 20, 5000, 150),
    "ap": Work("instance", 8, 5000, 80, 300_000),
    "many": Work("semantic", 100, 100, 20, datasets=10),
}


def write(kind: str, folder: str, share: str = "1") -> dict[str, Any]:
    """Write the records of a work, of so large a share of its models and images."""
    work = WORKS[kind]
    small = {
        name: max(2, int(float(share) * getattr(work, name))) for name in ("models", "images", "detections")
    }
    work = work._replace(**small)
    for dataset in range(work.datasets):
        for model in range(work.models):
            rng = np.random.default_rng([dataset, model])
            _record(work, rng, f"data-{dataset}", f"model-{model}").write(folder)
    return {"records": work.datasets * work.models}


def _record(work: Work, rng: Rng, dataset: str, model: str) -> RunRecord:
    images, detections = _TABLES[work.task](work, rng, rng.uniform(0.6, 0.8))
    protocol, settings = PROTOCOLS[work.task]
    categories = Categories([Category(id=i, name=f"class {i}") for i in range(work.categories)])
    facts = {"split": "val", "format": "none", "fingerprint": dataset, "categories": categories.to_json()}
    counts = dict.fromkeys(("n_images", "n_expected", "n_scored"), work.images)
    record = RunRecord(
        task=work.task,
        model={"name": model},
        dataset={"name": dataset, **facts, **counts, "n_failed": 0},
        protocol={"name": protocol, "version": "1", "settings": settings},
        metrics={},
        per_class=[],
        images=images,
        detections=detections,
    )
    scores = metric_of(record).compute()
    metrics = {key: MetricValue(value) for key, value in scores.items()}
    return replace(record, metrics=metrics, per_class=scores.class_rows)


def _images(n: int, starts: np.ndarray[Any, Any], columns: dict[str, Any]) -> pa.Table:
    fixed = {"image_id": strings([f"{i:06d}" for i in range(n)]), "index": numbers(np.arange(n))}
    return table({**fixed, **{name: lists(starts, values) for name, values in columns.items()}})


def _categories(work: Work, rng: Rng) -> tuple[Any, Any]:
    """Where each image's categories begin, and these, rising."""
    per_image = min(PER_IMAGE, work.categories)
    ids = rng.random((work.images, work.categories)).argsort(axis=1)[:, :per_image]
    return np.arange(work.images + 1) * per_image, np.sort(ids, axis=1).ravel().astype(np.int32)


def _semantic(work: Work, rng: Rng, quality: float) -> tuple[pa.Table, None]:
    starts, ids = _categories(work, rng)
    area = rng.integers(100, 40_000, len(ids))
    tp = (area * rng.beta(8 * quality, 8 * (1 - quality), len(ids))).astype(np.int64)
    columns = {"category_ids": ids, "tp": tp, "fp": rng.permutation(area - tp), "fn": area - tp}
    return _images(work.images, starts, columns), None


def _panoptic(work: Work, rng: Rng, quality: float) -> tuple[pa.Table, None]:
    starts, ids = _categories(work, rng)
    truths = rng.integers(1, 4, len(ids))
    tp = rng.binomial(truths, quality)
    fp = rng.poisson(0.4, len(ids))
    columns = {"category_ids": ids, "tp": tp, "fp": fp, "fn": truths - tp}
    images = _images(work.images, starts, columns)
    matches = np.concatenate([[0], np.cumsum(tp)])[starts]
    images = images.append_column("match_category_ids", lists(matches, np.repeat(ids, tp)))
    ious = 0.5 + 0.5 * rng.beta(5, 2, int(tp.sum()))
    return images.append_column("match_ious", lists(matches, ious)), None


def _instance(work: Work, rng: Rng, quality: float) -> tuple[pa.Table, pa.Table]:
    starts, ids = _categories(work, rng)
    truths = rng.integers(1, 3, len(ids))
    columns = {
        "category_ids": ids,
        **{f"truths_{size}": truths for size in PROTOCOLS["instance"][1]["area_ranges"]},
    }
    images = _images(work.images, starts, columns)
    cells = np.sort(rng.integers(0, len(ids), work.detections))
    first = np.searchsorted(cells, cells)
    rank = np.arange(len(cells)) - first
    hit = (rank < truths[cells]) & (rng.random(len(cells)) < quality)
    levels = np.where(hit, rng.integers(1, 11, len(cells)), 0)
    score = np.where(hit, rng.beta(4, 2, len(cells)), rng.beta(1, 4, len(cells)))
    order = np.lexsort((-score, cells))
    matched = (np.uint64(1) << levels.astype(np.uint64)) - np.uint64(1)
    rows = {
        "image_index": np.searchsorted(starts, cells, side="right") - 1,
        "category_id": ids[cells],
        "rank": rank.astype(np.int32),
        "score": score[order],
    }
    for size in PROTOCOLS["instance"][1]["area_ranges"]:
        rows |= {f"matched_{size}": matched[order], f"ignored_{size}": np.zeros(len(cells), np.uint64)}
    return images, table({name: numbers(values) for name, values in rows.items()})


_TABLES: dict[str, Any] = {"semantic": _semantic, "panoptic": _panoptic, "instance": _instance}


def build(folder: str, n_boot: str) -> dict[str, float]:
    """Rank the records of a folder and write Markdown, CSV and the page."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        build_leaderboard(folder, out, n_boot=int(n_boot))
        return {"seconds": time.perf_counter() - started}


def read(folder: str) -> dict[str, float]:
    """Read the records of a folder with their tables."""
    started = time.perf_counter()
    runs, _ = read_runs(Path(folder))
    n = sum(len(entries_of(group)[0]) for group in comparable(runs))
    return {"seconds": time.perf_counter() - started, "runs": n}


def simulate(
    name: str, method: str, test: str, n_images: str, sets: str, seed: str, rates: str = "COMMON"
) -> dict[str, Any]:
    """See ``tests/leaderboard/simulate.py``."""
    sys.path.insert(0, str(HERE.parent))
    from leaderboard import simulate as module

    found = module.simulate(
        name,
        method,
        test,
        n_images=int(n_images),
        sets=int(sets),
        seed=int(seed),
        rates=getattr(module, rates),
    )
    return asdict(found)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
