"""Boards as one HTML file that needs no network and holds a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Leaderboard
from segbench.leaderboard.view import board_view

WORST_OBJECTS = "share of objects found"
"""What the images of instance boards are sorted by."""


def page(leaderboard: Leaderboard) -> str:
    """The leaderboard as one self-contained HTML page."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style, script, template = (_resource(f"page.{kind}") for kind in ("css", "js", "html"))
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    n_runs = sum(len(board.rows) for board in leaderboard.boards)
    n_boards = len(leaderboard.boards)
    return environment.from_string(template).render(
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
        data=Markup(embedded({"boards": [_data(board) for board in leaderboard.boards]})),
        boards=[board_view(board, f"board-{place}") for place, board in enumerate(leaderboard.boards)],
        left_out=[
            {key: value and text.clean(value) for key, value in vars(one).items()}
            for one in leaderboard.left_out
        ],
        n_boot=f"{leaderboard.n_boot:,}",
        seed=leaderboard.seed,
        summary=f"{text.count(n_runs, 'run')} on {text.count(n_boards, 'board')}",
    )


def embedded(value: object) -> str:
    """JSON that can stand in a script element: nothing that HTML or JavaScript could take for its own."""
    shown = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        shown = shown.replace(char, f"\\u{ord(char):04x}")
    return shown


def _resource(name: str) -> str:
    return files("segbench.leaderboard").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _data(board: Board) -> dict[str, Any]:
    """What the lists of worst images need: image ids once, then for each run and class (place, score)."""
    ids = sorted({image for row in board.rows for worst in row.worst.values() for image, _ in worst})
    place = {image: i for i, image in enumerate(ids)}
    runs = [
        {
            "worst": {
                "" if category is None else str(category): [[place[image], score] for image, score in worst]
                for category, worst in row.worst.items()
            }
        }
        for row in board.rows
    ]
    objects = board.task == "instance"
    return {
        "images": [text.clean(image) for image in ids],
        "runs": runs,
        "imageScore": WORST_OBJECTS if objects else text.label(board.metric),
        "classScore": WORST_OBJECTS if objects else text.label(text.class_key(board.metric)),
    }
