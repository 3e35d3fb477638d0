"""What the page's template shows of a board: plain dicts of text, no markup but the plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.badges import BADGES
from segbench.leaderboard.boards import Board, Row
from segbench.leaderboard.order import on_front, order_notes, without_category
from segbench.leaderboard.plots import MOST_INTERVALS, interval_plot, speed_plot
from segbench.leaderboard.tables import HIDDEN, best_of

WITHOUT = "Places without a class"


def board_view(board: Board, name: str) -> dict[str, Any]:
    """One board; ``name`` starts the ids of its elements."""
    first = board.rows[0].record
    split = first.dataset.get("split")
    columns = _columns(board)
    rows = [_row(board, place) for place in range(len(board.rows))]
    for key, cells in _cells(board, columns).items():
        for row, cell in zip(rows, cells, strict=True):
            row["cells"].append({"column": columns[key], "classes": _classes(columns[key], cell), **cell})
    return {
        "id": name,
        "title": text.clean(f"{board.dataset} {split}" if split else board.dataset),
        "task": text.TASKS[board.task].lower(),
        "n_images": text.count(board.n_images, "image"),
        "protocol": text.clean(f"{board.protocol} {first.protocol.get('version') or ''}".strip()),
        "fingerprint": text.clean(board.fingerprint)[:24],
        "settings": text.clean(text.settings_text(first.rules)),
        "warnings": board.warnings,
        "order": list(order_notes(board)),
        "metric": text.label(board.metric),
        "columns": list(columns.values()),
        "filters": list(_filters(rows)),
        "rows": rows,
        "plots": _plots(board, name),
        "has_classes": any(row.record.per_class for row in board.rows),
    }


def _columns(board: Board) -> dict[str, dict[str, Any]]:
    timed = any(text.speed(row) for row in board.rows)
    placed = without_category(board)
    keys = [key for key in text.metric_keys(board.rows) if key != board.metric]
    columns = [
        _column("rank", "Rank", "rank", rising=True),
        _column("name", "Model", "name", number=False),
        _column("value", text.label(board.metric), "score"),
        _column("interval", "95 % interval", "interval", optional=True),
        _column("rank_interval", "Rank interval", "number", optional=True, rising=True),
        _column("p_best", "P(best), %", "number", optional=True),
        *(_column(key, text.label(key), "number", optional=True, hidden=_is_hidden(key)) for key in keys),
        *([_column("speed", "Images/s", "number", optional=True)] if timed else []),
        *([_column("without", WITHOUT, "number", optional=True, rising=True, hidden=True)] if placed else []),
        _column("badge", "Evidence", "badge", optional=True, rising=True),
    ]
    return {column["key"]: column for column in columns}


def _is_hidden(key: str) -> bool:
    plain = key.removeprefix(text.BOUNDARY)
    return plain in HIDDEN or plain not in text.LABELS


def _column(key: str, label: str, kind: str, *, number: bool = True, **options: bool) -> dict[str, Any]:
    flags = {"optional": False, "hidden": False, "rising": False, **options}
    return {"key": text.clean(key), "label": text.clean(label), "kind": kind, "number": number, **flags}


def _cells(board: Board, columns: Mapping[str, object]) -> dict[str, list[dict[str, Any]]]:
    digits = text.decimals(board)
    rows = board.rows
    bars = _bars(rows)
    shown = {
        "rank": [_cell(str(row.rank), row.rank) for row in rows],
        "name": [_cell(text.clean(row.model), "") for row in rows],
        "value": [_cell(text.percent(row.value, digits), row.value, best=row.rank == 1) for row in rows],
        "interval": [
            _cell(text.interval(row, digits), row.ci_low, bar=bar)
            for row, bar in zip(rows, bars, strict=True)
        ],
        "rank_interval": [_cell(text.span(row.rank_low, row.rank_high), row.rank_low) for row in rows],
        "p_best": [_cell(text.probability(row.p_best), row.p_best) for row in rows],
        "speed": [
            _cell(text.speed_text(text.speed(row)), text.speed(row), best=bool(best))
            for row, best in zip(rows, on_front(board), strict=True)
        ],
        "without": [_cell(text.span(*ends), ends[0]) for ends in without_category(board) or ()],
        "badge": [_cell(row.badge, list(BADGES).index(row.badge)) for row in rows],
    }
    for key in columns:
        if key not in shown:
            values = [row.record.metrics[key].value if key in row.record.metrics else None for row in rows]
            marked = best_of([text.percent(value, digits) for value in values])
            shown[key] = [
                _cell(cell.text, value, best=cell.best) for cell, value in zip(marked, values, strict=True)
            ]
    return {key: shown[key] for key in columns}


def _cell(shown: str, value: object, *, bar: object = None, best: bool = False) -> dict[str, Any]:
    known = isinstance(value, int | float) and math.isfinite(value)
    return {"text": shown, "value": f"{value:.7g}" if known else "", "bar": bar, "best": best}


def _classes(column: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
    """A large page has tens of thousands of cells: most have no class."""
    kinds = (column["kind"] if column["kind"] != "number" else "", "best" if cell["best"] else "")
    return " ".join(filter(None, kinds))


def _bars(rows: Sequence[Row]) -> list[dict[str, str] | None]:
    """Place and width of each interval on a scale of 0..100 that all rows share."""
    known = [row for row in rows if math.isfinite(row.ci_low)]
    if not known:
        return [None] * len(rows)
    low, high = min(row.ci_low for row in known), max(row.ci_high for row in known)
    scale = 100 / max(high - low, 1e-9)
    return [
        {
            "low": f"{scale * (row.ci_low - low):.1f}",
            "width": f"{max(scale * (row.ci_high - row.ci_low), 1):.1f}",
            "at": f"{scale * (row.value - low):.1f}",
        }
        for row in rows
    ]


def _row(board: Board, place: int) -> dict[str, Any]:
    row = board.rows[place]
    name = text.clean(row.model)
    ranks = sorted({other.rank for other in board.rows})
    digits = text.decimals(board)
    headline = f"rank {row.rank}, {text.label(board.metric)} {text.percent(row.value, digits)}"
    return {
        "place": place,
        "rank": row.rank,
        "name": name,
        "band": ranks.index(row.rank) % 2 == 0,
        "search": f"{name} {row.run_id} {text.clean(row.record.model.get('revision') or '')}",
        "hardware": _hardware(row),
        "badge": row.badge,
        "headline": headline,
        "warnings": [text.clean(warning) for warning in row.record.warnings],
        "cells": [],
    }


def _hardware(row: Row) -> str:
    env = row.record.env
    return text.clean(env.get("hardware") or env.get("device") or "unknown")


def _filters(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The choices by which rows can be filtered, where there is more than one."""
    filters = [
        {"key": key, "label": label, "choices": sorted({row[key] for row in rows})}
        for key, label in (("rank", "Rank"), ("hardware", "Hardware"), ("badge", "Evidence"))
    ]
    return [one for one in filters if len(one["choices"]) > 1]


def _plots(board: Board, name: str) -> list[dict[str, Any]]:
    from markupsafe import Markup

    metric = text.label(board.metric)
    first = f" of the best {MOST_INTERVALS}" if len(board.rows) > MOST_INTERVALS else ""
    captions = (
        f"{metric} with 95 % intervals{first}; rank at the right",
        f"{metric} against speed; filled: no other run is both faster and better",
    )
    svgs = interval_plot(board, f"{name}-intervals"), speed_plot(board, f"{name}-speed")
    return [
        {"caption": caption, "svg": Markup(svg)} for caption, svg in zip(captions, svgs, strict=True) if svg
    ]
