"""``leaderboards/index.html``: what ``leaderboards/README.md`` lists, as a page, with the best of each table.

``python tests/boards_index.py`` writes it anew.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

from plain_page import plain_page

from segbench.leaderboard import text

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "leaderboards"
LISTED = re.compile(
    r"^\| \[(?P<name>[^\]]+)\]\((?P<table>[^)]+)\) \| (?P<what>.+) \| `(?P<made_by>.+)` \|$", re.M
)


def index(folder=FOLDER):
    """The page as text."""
    listed = [one.groupdict() for one in LISTED.finditer((folder / "README.md").read_text("utf-8"))]
    boards = [
        {**one, "page": _page(folder, one["table"]), "best": _best(folder, one["table"])} for one in listed
    ]
    return plain_page(HERE / "boards_index.html", boards=boards)


def _page(folder, table):
    page = Path(table).with_name("index.html")
    return page.as_posix() if (folder / page).is_file() else table


def _best(folder, table):
    """The leader of each board, from the table as CSV; nothing where there is none."""
    file = (folder / table).with_suffix(".csv")
    if not file.is_file():
        return []
    boards = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            boards[row["task"], row["fingerprint"], row["protocol"], row["protocol_settings"]].append(row)
    return [_leader(rows) for rows in boards.values()]


def _leader(rows):
    value, low, high = (f"{100 * float(rows[0][name]):.1f}" for name in ("value", "ci_low", "ci_high"))
    row = {name: rows[0][name] for name in ("dataset", "task", "model", "metric")}
    row["metric"] = text.label(row["metric"])
    return {**row, "value": value, "interval": f"{low}–{high}", "runs": len(rows)}


if __name__ == "__main__":
    (FOLDER / "index.html").write_text(index(), encoding="utf-8")
