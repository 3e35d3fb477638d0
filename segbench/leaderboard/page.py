"""Boards as one HTML file that needs no network and holds a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.badges import BADGES
from segbench.leaderboard.boards import Leaderboard
from segbench.leaderboard.overview import across_views, overview
from segbench.leaderboard.page_data import board_data, list_lengths
from segbench.leaderboard.view import board_view

STYLES = ("base", "tables", "board", "views", "viewer", "paper")
SCRIPTS = (
    "dom", "sort", "filters", "grid", "heat", "chart", "rows", "pairs", "confusion", "analyses", "views",
    "viewer", "links", "images", "runs", "theme", "start",
)  # fmt: skip
"""Files of ``web/``, in the order in which the page holds them."""


def page(leaderboard: Leaderboard) -> str:
    """The leaderboard as one self-contained HTML page."""
    from markupsafe import Markup

    style = "".join(_resource(f"{name}.css") for name in STYLES)
    script = '"use strict";\n(() => {\n' + "".join(_resource(f"{name}.js") for name in SCRIPTS) + "})();\n"
    boards = _boards(leaderboard)
    n_runs = sum(len(board.rows) for board in leaderboard.boards)
    template = _environment().get_template("index.html")
    return template.render(
        policy=Markup(_policy(style, script, _beside(leaderboard))),
        style=Markup(style),
        script=Markup(script),
        title=", ".join(dict.fromkeys(board["title"] for board in boards)),
        boards=boards,
        overview=overview(leaderboard.boards),
        across=across_views(leaderboard.across),
        left_out=[
            {key: value and text.clean(value) for key, value in vars(one).items()}
            for one in leaderboard.left_out
        ],
        n_boot=f"{leaderboard.n_boot:,}",
        seed=leaderboard.seed,
        units=text.units(leaderboard),
        interval=text.INTERVALS[leaderboard.interval],
        test=text.TESTS[leaderboard.test],
        badges=BADGES,
        summary=f"{text.count(n_runs, 'run')} on {text.count(len(boards), 'board')}",
    )


def embedded(value: object) -> str:
    """JSON that can stand in a script element: nothing that HTML or JavaScript could take for its own."""
    shown = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        shown = shown.replace(char, f"\\u{ord(char):04x}")
    return shown


def _boards(leaderboard: Leaderboard) -> list[dict[str, Any]]:
    from markupsafe import Markup

    lengths = list_lengths(leaderboard.boards)
    views = []
    for place, board in enumerate(leaderboard.boards):
        data = board_data(board, lengths)
        pictures = {} if board.exhibit is None else board.exhibit.pictures
        drawn = [
            (image, Markup(embedded(pictures[board_id])))
            for image, board_id in zip(data["pictured"], pictures, strict=True)
        ]
        view = board_view(board, f"board-{place}")
        views.append(view | {"data": Markup(embedded(data)), "pictures": drawn})
    return views


def _environment() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _policy(style: str, script: str, beside: str) -> str:
    """What a page may load: its own style and script, pictures in it, and files beside it if it has them."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        f"img-src data:{beside}; base-uri 'none'; form-action 'none'"
    )


def _beside(leaderboard: Leaderboard) -> str:
    exhibits = [board.exhibit for board in leaderboard.boards if board.exhibit is not None]
    inside = all(
        picture["truth"].startswith("data:") for exhibit in exhibits for picture in exhibit.pictures.values()
    )
    return "" if inside else " 'self' file:"


def _resource(name: str) -> str:
    return files("segbench.leaderboard").joinpath("web", name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
