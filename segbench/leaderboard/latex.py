"""Boards as LaTeX: a ``table`` of booktabs for each, ready to be taken into a paper.

Letters that pdfTeX does not know, such as those of Asia and emoji, are shown by their code point there, and
as they are by XeTeX and LuaTeX.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from segbench.leaderboard import tables, text
from segbench.leaderboard.boards import Board, Leaderboard, Row
from segbench.leaderboard.tables import Cell, Column

HEAD = r"""% Needs \usepackage{booktabs}; with pdfTeX \usepackage[T1]{fontenc} too.
\ifdefined\segbenchletter\else
  \ifdefined\Umathchar\DeclareRobustCommand{\segbenchletter}[2]{#1}%
  \else\DeclareRobustCommand{\segbenchletter}[2]{\texttt{U+#2}}\fi
\fi
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": r"{-}",  # else -- is a dash
    "[": r"{[}",  # else it may be the option of a command before it
    "]": r"{]}",
    "–": r"\textendash{}",
    "−": r"$-$",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "τ": r"$\tau$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "·": r"\textperiodcentered{}",
    "…": r"\ldots{}",
    "’": r"\textquoteright{}",
    "×": r"\texttimes{}",
}
_KNOWN = re.compile("[ -~\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f]")
"""Letters that T1 fonts have."""

LONGEST = 60
"""Letters of a name; a longer one loses its middle."""


def latex(leaderboard: Leaderboard) -> str:
    """The leaderboard as tables of LaTeX."""
    found = [_board(board, leaderboard) for board in leaderboard.boards]
    return "\n".join([HEAD, *found])


def escape(value: object) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(map(_letter, text.clean(value).strip()))


def _letter(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if _KNOWN.fullmatch(char):
        return char
    return rf"\segbenchletter{{{char}}}{{{ord(char):04X}}}"


def _board(board: Board, leaderboard: Leaderboard) -> str:
    keys = [k for k in text.metric_keys(board.rows) if k != board.metric and _in_print(k)]
    rank, model, score, _ = tables.rank_columns(board)
    columns = [rank, model, *tables.metric_columns(board, keys), *tables.speed_column(board)]
    shown = [[_cell(cell) for cell in column.cells] for column in columns]
    digits = text.decimals(board)
    scores = [
        _cell(cell) + _uncertainty(row, digits) for cell, row in zip(score.cells, board.rows, strict=True)
    ]
    shown.insert(2, scores)
    heads = [escape(column.head) for column in (rank, model, score, *columns[2:])]
    lines = [*_before(board, leaderboard, columns), *_rows([heads], "midrule")]
    lines += _rows(list(zip(*shown, strict=True)), "bottomrule")
    return "\n".join([*lines, r"\end{tabular}", r"\end{table}", ""])


def _before(board: Board, leaderboard: Leaderboard, columns: Sequence[Column]) -> Iterator[str]:
    split = board.rows[0].record.dataset.get("split")
    data = escape(f"{board.dataset} {split}" if split else board.dataset)
    metric, images = escape(text.label(board.metric)), text.count(board.n_images, "image")
    interval, test = text.INTERVALS[leaderboard.interval], text.TESTS[leaderboard.test]
    about = (
        f"{text.TASKS[board.task]} segmentation on {data} ({images}, protocol {escape(board.protocol)}): "
        rf"{metric} in \% with 95\,\% {interval} intervals of {leaderboard.n_boot:,} resamples. Runs of "
        rf"equal rank cannot be told apart from the best of their group ({test}, Holm, 5\,\%). "
        "Bold: the best group, the best of each other column, and speeds of which no other run is both "
        "faster and better."
    )
    yield r"\begin{table}"
    yield r"\centering"
    yield r"\renewcommand{\arraystretch}{1.2}"  # else the two ends of an interval touch those of the next row
    yield rf"\caption{{{about}}}"
    yield rf"\begin{{tabular}}{{rlr{'r' * (len(columns) - 2)}}}"
    yield r"\toprule"


def _rows(rows: Sequence[Sequence[str]], rule: str) -> Iterator[str]:
    yield from (f"{' & '.join(row)} \\\\" for row in rows)
    yield rf"\{rule}"


def _cell(cell: Cell) -> str:
    shown = escape(_short(cell.text))
    return rf"\textbf{{{shown}}}" if cell.best else shown


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 20]}…{name[-19:]}"


def _uncertainty(row: Row, digits: int) -> str:
    """``± 1.2``, or the two ends where they differ as shown."""
    if math.isnan(row.ci_low):
        return ""
    up, down = (text.percent(abs(end - row.value), digits) for end in (row.ci_high, row.ci_low))
    return rf" $\pm$ {up}" if up == down else rf" $^{{+{up}}}_{{-{down}}}$"


def _in_print(key: str) -> bool:
    return key.removeprefix(text.BOUNDARY) in set(text.LABELS) - tables.HIDDEN
