"""Boards as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Leaderboard, LeftOut, Row

CSV_COLUMNS = (
    "task",
    "dataset",
    "split",
    "fingerprint",
    "protocol",
    "protocol_version",
    "protocol_settings",
    "metric",
    "rank",
    "rank_low",
    "rank_high",
    "p_best",
    "model",
    "run_id",
    "n_images",
    "value",
    "ci_low",
    "ci_high",
    "images_per_second",
)


def markdown(leaderboard: Leaderboard) -> str:
    """The leaderboard as GitHub Markdown, one table a board."""
    parts = ["# Leaderboard", *(_markdown_board(board) for board in leaderboard.boards)]
    if leaderboard.left_out:
        parts += ["## Left out", "\n".join(_markdown_left_out(one) for one in leaderboard.left_out)]
    return "\n\n".join([*parts, _notes(leaderboard)]) + "\n"


def csv_text(leaderboard: Leaderboard) -> str:
    """The leaderboard as CSV, one line a run, numbers in full precision.

    Text that a spreadsheet would take for a formula gets a leading ``'``.
    """
    rows = [row for board in leaderboard.boards for row in board.rows]
    keys = text.metric_keys(rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, *map(_csv_cell, keys)])
    for board in leaderboard.boards:
        for row in board.rows:
            metrics = row.record.metrics
            scores = [metrics[key].value if key in metrics else None for key in keys]
            writer.writerow(map(_csv_cell, [*_csv_fields(board, row), *scores]))
    return buffer.getvalue()


def _csv_fields(board: Board, row: Row) -> list[object]:
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
        row.rank,
        row.rank_low,
        row.rank_high,
        row.p_best,
        row.model,
        row.run_id,
        board.n_images,
        row.value,
        row.ci_low,
        row.ci_high,
        text.speed(row),
    ]


def _csv_cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float):
        return repr(value)
    shown = str(value)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown


def _markdown_board(board: Board) -> str:
    first = board.rows[0].record
    about = [
        f"protocol **{escape(board.protocol)}** {escape(first.protocol.get('version', ''))}".rstrip(),
        text.count(board.n_images, "image"),
        f"fingerprint `{re.sub('[^0-9A-Za-z:_-]', '', board.fingerprint)[:16]}`",
    ]
    settings = text.settings_text(first.protocol.get("settings"))
    if settings:
        about.append(escape(settings))
    split = first.dataset.get("split")
    title = escape(board.dataset) + (f" {escape(split)}" if split else "")
    parts = [f"## {title}: {text.TASKS[board.task].lower()} segmentation", " · ".join(about)]
    parts += [f"> {escape(warning)}" for warning in board.warnings]
    return "\n\n".join([*parts, _markdown_table(board)])


def _markdown_table(board: Board) -> str:
    digits = text.decimals(board)
    keys = [key for key in text.metric_keys(board.rows) if key != board.metric]
    timed = any(text.speed(row) for row in board.rows)
    heads = ["Rank", "Model", text.label(board.metric), "95 % interval", "Rank interval", "P(best) %"]
    heads += [escape(text.label(key)) for key in keys] + (["Images/s"] if timed else [])
    columns = [
        [str(row.rank) for row in board.rows],
        [escape(row.model) for row in board.rows],
        [_bold(text.percent(row.value, digits), row.rank == 1) for row in board.rows],
        [text.interval(row, digits) for row in board.rows],
        [text.span(row.rank_low, row.rank_high) for row in board.rows],
        [escape(text.probability(row.p_best)) for row in board.rows],
        *(_metric_column(board.rows, key, digits) for key in keys),
    ]
    if timed:
        columns.append([text.speed_text(text.speed(row)) for row in board.rows])
    rules = ["--:", ":--", *["--:"] * (len(heads) - 2)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rules, *zip(*columns, strict=True)])


def _metric_column(rows: Sequence[Row], key: str, digits: int) -> list[str]:
    """Scores of one metric; the best as shown, and all that show the same, in bold."""
    values = [row.record.metrics[key].value if key in row.record.metrics else math.nan for row in rows]
    shown = [text.percent(value, digits) for value in values]
    best = max((float(cell) for cell in shown if cell != text.NONE), default=None)
    return [_bold(cell, cell != text.NONE and float(cell) == best) for cell in shown]


def _markdown_left_out(one: LeftOut) -> str:
    name = "" if one.model is None else f"**{escape(one.model)}** "
    return f"- {name}({escape(one.path)}): {escape(one.reason)}"


def _notes(leaderboard: Leaderboard) -> str:
    test, interval = text.TESTS[leaderboard.test], text.INTERVALS[leaderboard.interval]
    return (
        "Scores are percentages. Runs of equal rank cannot be told apart from the best of their group "
        f"({test} over {escape(text.units(leaderboard))}, Holm over all pairs of a board, 5 %). "
        f"Intervals are 95 % {interval} "
        f"intervals of {leaderboard.n_boot:,} resamples shared by all runs (seed {leaderboard.seed}); the "
        "rank interval and P(best) come from the same resamples. **Bold**: the best group, and the best of "
        "each other column as shown."
    )


def _bold(cell: str, best: bool) -> str:
    return f"**{cell}**" if best else cell


def escape(value: object) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    shown = text.clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = re.sub(r"([\\`*\[\]|~$])", r"\\\1", shown)
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)
    return re.sub(r"^([#+-]|\d+[.)])(?=\s)", r"\\\1", shown.strip())
