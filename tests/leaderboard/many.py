"""A leaderboard of many made-up models on many data sets: for the size and speed of pages."""

from __future__ import annotations

import numpy as np

from segbench.leaderboard.analyses import amount, confusion
from segbench.leaderboard.analyses.table import Analysis, Column
from segbench.leaderboard.boards import Board, Leaderboard, Row
from segbench.records.results import MetricValue, RunRecord

METRICS = (
    "miou",
    "pixel_accuracy",
    "mean_accuracy",
    "fw_iou",
    "mean_dice",
    "mean_precision",
    "mean_recall",
    "mean_fscore",
)
CLASS_SCORES = ("iou", "accuracy", "dice", "precision", "recall", "fscore")


def many(n_models, n_boards, n_classes, n_images=2000):
    rng = np.random.default_rng(0)
    boards = [_board(rng, place, n_models, n_classes, n_images) for place in range(n_boards)]
    return Leaderboard(boards=boards, left_out=[], n_boot=2000, seed=0)


def _board(rng, place, n_models, n_classes, n_images):
    values = np.sort(rng.uniform(0.3, 0.9, n_models))[::-1]
    rows = [_row(rng, place, i, float(v), n_classes, n_images) for i, v in enumerate(values)]
    return Board(
        task="semantic",
        dataset=f"data-set-{place}",
        fingerprint=f"{place:064x}",
        protocol="exact",
        metric="miou",
        n_images=n_images,
        rows=rows,
        p_values=[[1.0] * n_models] * n_models,
        analyses={"confusion": _confusion(rng, n_models, n_classes), "amount": _amount(rng, n_models)},
    )


def _confusion(rng, n_models, n_classes):
    pairs = rng.integers(n_classes, size=(n_models, confusion.MOST_PAIRS, 2)).tolist()
    rows = [
        (run, truth, pred, 1000 * (200 - i), 0.1 / (i + 1))
        for run in range(n_models)
        for i, (truth, pred) in enumerate(pairs[run])
    ]
    return Analysis(confusion.TITLE, confusion.ABOUT, (Column("run", "run"), *confusion.COLUMNS), rows)


def _amount(rng, n_models):
    rows = [(run, f"step {i}", 100, float(rng.uniform())) for run in range(n_models) for i in range(6)]
    return Analysis(amount.TITLE, amount.ABOUT, (Column("run", "run"), *amount.COLUMNS), rows)


def _row(rng, board, rank, value, n_classes, n_images):
    classes = np.clip(rng.normal(value, 0.15, (n_classes, len(CLASS_SCORES))), 0, 1)
    names = [f"category {i}" for i in range(n_classes)]
    record = RunRecord(
        task="semantic",
        model={
            "name": f"model-{(7 * rank + board) % 1000:03d}-large",
            "spec": "hf:org/name@0123",
            "revision": f"{rank:040x}",
            "class_map": {str(i): i for i in range(n_classes)},
        },
        dataset={
            "name": f"data-set-{board}",
            "split": "val",
            "fingerprint": f"{board:064x}",
            "n_images": n_images,
        },
        protocol={"name": "exact", "version": "1", "settings": {"ignore_index": 255}},
        metrics={
            key: MetricValue(float(v)) for key, v in zip(METRICS, rng.normal(value, 0.03, 8), strict=True)
        },
        per_class=[
            {"category_id": i, "name": names[i], **dict(zip(CLASS_SCORES, map(float, row), strict=True))}
            for i, row in enumerate(classes)
        ],
        timing={"images_per_second": float(rng.uniform(2, 200)), "latency_ms": {"p50": 8.25, "p95": 9.5}},
        env={"hardware": f"GPU {rank % 4}", "packages": {"numpy": "2.3.1", "torch": "2.13.0"}},
        provenance={
            "git_commit": "0123abc" * 5,
            "command": ["segbench", "run", f"model-{rank}", f"data-{board}"],
        },
    )
    worst = {None: _worst(rng, 24, n_images)} | {i: _worst(rng, 8, n_images) for i in range(n_classes)}
    return Row(
        rank=rank + 1,
        model=record.model["name"],
        value=value,
        ci_low=value - 0.01,
        ci_high=value + 0.01,
        rank_low=rank + 1,
        rank_high=rank + 1,
        p_best=float(rank == 0),
        run_id=f"{board:08x}{rank:08x}",
        record=record,
        worst=worst,
    )


def _worst(rng, n, n_images):
    images = rng.choice(n_images, n, replace=False)
    return [(f"{i:012d}", float(s)) for i, s in zip(images, np.sort(rng.uniform(0, 0.5, n)), strict=True)]
