"""Boards as JSON: all that tables and the page say, for other programs; its schema is shipped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Leaderboard, Row
from segbench.leaderboard.order import on_front

SCHEMA_VERSION = 1


def leaderboard_schema() -> dict[str, Any]:
    """The schema of ``leaderboard.json``, as JSON Schema (draft 2020-12) states it."""
    name = f"leaderboard-{SCHEMA_VERSION}.json"
    return json.loads(files("segbench").joinpath("schemas", name).read_text(encoding="utf-8"))


def json_text(leaderboard: Leaderboard) -> str:
    """The leaderboard as JSON in ASCII; undefined numbers are null."""
    return json.dumps(_plain(to_dict(leaderboard)), indent=1, allow_nan=False) + "\n"


def to_dict(leaderboard: Leaderboard) -> dict[str, Any]:
    """What ``leaderboard.json`` holds."""
    keys = text.metric_keys([row for board in leaderboard.boards for row in board.rows])
    return {
        "schema_version": SCHEMA_VERSION,
        "n_boot": leaderboard.n_boot,
        "seed": leaderboard.seed,
        "interval": leaderboard.interval,
        "test": leaderboard.test,
        "labels": {key: text.label(key) for key in keys},
        "boards": [_board(board) for board in leaderboard.boards],
        "across": [asdict(one) for one in leaderboard.across],
        "left_out": [asdict(one) for one in leaderboard.left_out],
    }


def _board(board: Board) -> dict[str, Any]:
    first = board.rows[0].record
    return {
        "task": board.task,
        "dataset": board.dataset,
        "split": first.dataset.get("split"),
        "fingerprint": board.fingerprint,
        "protocol": {
            "name": board.protocol,
            "version": first.protocol.get("version"),
            "settings": first.protocol.get("settings") or {},
        },
        "metric": board.metric,
        "n_images": board.n_images,
        "n_units": board.n_units,
        "cluster": board.cluster,
        "warnings": list(board.warnings),
        "classes": [{"category_id": i, "name": name} for i, name in board.class_names.items()],
        "rows": [_row(row, front) for row, front in zip(board.rows, on_front(board), strict=True)],
        "p_values": board.p_values,
        "stability": _stability(board),
        "analyses": {name: one.to_dict() for name, one in board.analyses.items()},
    }


def _row(row: Row, front: bool | None) -> dict[str, Any]:
    numbers = (
        "rank",
        "rank_low",
        "rank_high",
        "p_best",
        "place_low",
        "place_high",
        "value",
        "ci_low",
        "ci_high",
    )
    return {
        "model": row.model,
        "run_id": row.run_id,
        "badge": row.badge,
        **{name: getattr(row, name) for name in numbers},
        "images_per_second": text.speed(row),
        "on_pareto_front": front,
        "metrics": {key: metric.value for key, metric in row.record.metrics.items()},
        "classes": [{"category_id": i, **asdict(one)} for i, one in row.classes.items()],
        "warnings": list(row.record.warnings),
    }


def _stability(board: Board) -> dict[str, Any] | None:
    stable = board.stability
    if stable is None:
        return None
    return {
        "tau": stable.tau,
        "tau_low": stable.tau_low,
        "tau_high": stable.tau_high,
        "deciding": [{"category_id": i, "changes": n} for i, n in stable.deciding.items()],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
