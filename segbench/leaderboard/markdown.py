"""Boards as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from segbench.leaderboard import tables, text
from segbench.leaderboard.badges import BADGES
from segbench.leaderboard.boards import Board, Critical, Leaderboard, LeftOut
from segbench.leaderboard.order import across_notes, order_notes
from segbench.leaderboard.tables import Column


def markdown(leaderboard: Leaderboard) -> str:
    """The leaderboard as GitHub Markdown: one table a board, its classes and analyses folded below it."""
    parts = ["# Leaderboard", *(_board(board) for board in leaderboard.boards)]
    parts += [_across(found) for found in leaderboard.across]
    if leaderboard.left_out:
        parts += ["## Left out", "\n".join(_left_out(one) for one in leaderboard.left_out)]
    return "\n\n".join([*parts, _notes(leaderboard)]) + "\n"


def escape(value: object) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    shown = text.clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = re.sub(r"([\\`*\[\]|~$])", r"\\\1", shown)
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)
    return re.sub(r"^([#+-]|\d+[.)])(?=\s)", r"\\\1", shown.strip())


def _board(board: Board) -> str:
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
    keys = [key for key in text.metric_keys(board.rows) if key != board.metric]
    columns = [
        *tables.rank_columns(board),
        *tables.certainty_columns(board),
        *tables.metric_columns(board, keys),
        *tables.speed_column(board),
    ]
    notes = " ".join(map(escape, order_notes(board)))
    return "\n\n".join(filter(None, [*parts, _table(columns), notes, *_more(board)]))


def _across(found: Critical) -> str:
    task = text.TASKS[found.task].lower()
    n = len(found.datasets)
    head = f"## Across {n} data sets: {task} segmentation, {escape(text.label(found.metric))}"
    return "\n\n".join([head, _table(tables.across_columns(found)), *map(escape, across_notes(found))])


def _more(board: Board) -> Iterator[str]:
    """Classes and analyses, each folded."""
    best = f" of the best {tables.MOST_RUNS} runs" if len(board.rows) > tables.MOST_RUNS else ""
    classes = tables.class_columns(board)
    if classes:
        metric = text.label(text.class_key(board.metric))
        yield _folded(f"Classes: {metric}{best}", "With 95 % intervals.", classes)
    for analysis in board.analyses.values():
        if not analysis.brief:
            continue
        yield _folded(f"{analysis.title}{best}", analysis.about, tables.analysis_columns(board, analysis))


def _folded(title: str, about: str, columns: Sequence[Column]) -> str:
    head = f"<details><summary>{escape(title)}</summary>"
    return "\n\n".join([head, escape(about), _table(columns), "</details>"])


def _table(columns: Sequence[Column]) -> str:
    cells = [[_cell(cell.text, cell.best) for cell in column.cells] for column in columns]
    heads = [escape(column.head) for column in columns]
    rules = [":--" if column.is_text else "--:" for column in columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rules, *zip(*cells, strict=True)])


def _cell(cell: str, best: bool) -> str:
    shown = escape(cell)
    return f"**{shown}**" if best else shown


def _left_out(one: LeftOut) -> str:
    name = "" if one.model is None else f"**{escape(one.model)}** "
    return f"- {name}({escape(one.path)}): {escape(one.reason)}"


def _notes(leaderboard: Leaderboard) -> str:
    test, interval = text.TESTS[leaderboard.test], text.INTERVALS[leaderboard.interval]
    found = {row.badge for board in leaderboard.boards for row in board.rows}
    badges = [f"{badge}: {meaning}" for badge, meaning in BADGES.items() if badge in found]
    return (
        "Scores are percentages. Runs of equal rank cannot be told apart from the best of their group "
        f"({test} over {escape(text.units(leaderboard))}, Holm over all pairs of a board, 5 %). "
        f"Intervals are 95 % {interval} "
        f"intervals of {leaderboard.n_boot:,} resamples shared by all runs (seed {leaderboard.seed}); the "
        "rank interval and P(best) come from the same resamples. **Bold**: the best group, and the best of "
        "each other column as shown; a speed where no other run is both faster and better. "
        f"Evidence: {'; '.join(badges)}."
    )
