"""Boards as CSV: one line a run, and one line a run and class; numbers in full precision."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Leaderboard, Row
from segbench.leaderboard.order import on_front

BOARD_COLUMNS = (
    *("task", "dataset", "split", "fingerprint", "protocol", "protocol_version", "protocol_settings"),
    "metric",
)
RUN_COLUMNS = (
    *("rank", "rank_low", "rank_high", "p_best", "place_low", "place_high", "model", "run_id", "badge"),
    *("n_images", "value", "ci_low", "ci_high", "tau", "tau_low", "tau_high", "images_per_second"),
    "on_pareto_front",
)
"""Of a run; ``place_low`` and ``place_high`` are its best and worst place when any one class is left out,
``tau`` is Kendall's of the order of its board on resamples."""

CLASS_COLUMNS = ("rank", "model", "run_id", "category_id", "class", "value", "ci_low", "ci_high")


def runs_csv(leaderboard: Leaderboard) -> str:
    """One line a run, with all of its scores.

    Text that a spreadsheet would take for a formula gets a leading ``'``.
    """
    keys = text.metric_keys([row for board in leaderboard.boards for row in board.rows])

    def lines() -> Iterator[list[object]]:
        for board in leaderboard.boards:
            for row, front in zip(board.rows, on_front(board), strict=True):
                metrics = row.record.metrics
                scores = [metrics[key].value if key in metrics else None for key in keys]
                yield [*_board_fields(board, row), *_run_fields(board, row, front), *scores]

    return _csv([*BOARD_COLUMNS, *RUN_COLUMNS, *keys], lines())


def classes_csv(leaderboard: Leaderboard) -> str:
    """One line a run and class: its score with the interval."""

    def lines() -> Iterator[list[object]]:
        for board in leaderboard.boards:
            for row in board.rows:
                for category, one in row.classes.items():
                    name = board.class_names.get(category)
                    fields = [row.rank, row.model, row.run_id, category, name, one.value, one.low, one.high]
                    yield [*_board_fields(board, row), *fields]

    return _csv([*BOARD_COLUMNS, *CLASS_COLUMNS], lines())


def _csv(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(_cell, heads))
    writer.writerows(map(_cell, line) for line in lines)
    return buffer.getvalue()


def _board_fields(board: Board, row: Row) -> list[object]:
    dataset, protocol = row.record.dataset, row.record.protocol
    return [
        board.task,
        dataset["name"],
        dataset.get("split"),
        board.fingerprint,
        board.protocol,
        protocol.get("version"),
        text.settings_text(protocol.get("settings")),
        board.metric,
    ]


def _run_fields(board: Board, row: Row, front: bool | None) -> list[object]:
    stable = board.stability
    return [
        row.rank,
        row.rank_low,
        row.rank_high,
        row.p_best,
        row.place_low,
        row.place_high,
        row.model,
        row.run_id,
        row.badge,
        board.n_images,
        row.value,
        row.ci_low,
        row.ci_high,
        *((None,) * 3 if stable is None else (stable.tau, stable.tau_low, stable.tau_high)),
        text.speed(row),
        None if front is None else str(front).lower(),
    ]


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float):
        return repr(value)
    shown = str(value).replace("\0", "\ufffd")
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown
