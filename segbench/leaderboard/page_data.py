"""What the page's script shows of a board: classes, lists of images, provenance; plain data, kept small.

Scores are tenths of a percent. A page of a hundred models on ten data sets holds a million of them, so lists
get shorter and lesser scores of classes are left out where there are too many: :class:`Lengths`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbench.leaderboard import text
from segbench.leaderboard.boards import Board, Estimate, Row
from segbench.leaderboard.page_views import runs_analysed, views

MOST_LISTED = 200_000
"""Images in all lists of a page."""

MOST_SCORES = 200_000
"""Scores of classes on a page."""

WORST_OBJECTS = "share of objects found"
"""What the images of instance boards are sorted by."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much a page shows.

    Attributes
    ----------
    by_class, by_run
        Images of the lists of a class and of a run.
    scores, bounds
        Scores of a class, and whether it has their intervals.
    analysed
        Runs of a board whose analyses are there.
    """

    by_class: int
    by_run: int
    scores: int
    bounds: bool = False
    analysed: int = 1

    def of(self, category: int | None) -> int:
        """Images of a list; None for that of the whole run."""
        return self.by_run if category is None else self.by_class


def list_lengths(boards: Sequence[Board]) -> Lengths:
    """As much as fits the limits above, and never nothing."""
    runs = max(1, sum(len(board.rows) for board in boards))
    cells = max(1, sum(len(row.record.per_class) for board in boards for row in board.rows))
    return Lengths(
        by_class=max(1, MOST_LISTED // 2 // cells),
        by_run=max(3, MOST_LISTED // 2 // runs),
        scores=max(1, MOST_SCORES // cells - 2),  # ends of the interval of one are two more
        bounds=MOST_SCORES // cells > 2,
        analysed=runs_analysed(boards),
    )


def board_data(board: Board, lengths: Lengths) -> dict[str, Any]:
    """One board."""
    classes = text.class_names(board)
    lists = [_lists(row, [None, *classes], lengths) for row in board.rows]
    ids = sorted({image for found in lists for listed in found for image, _ in listed})
    place = {image: i for i, image in enumerate(ids)}
    facts, abouts = _pooled([_about(row) for row in board.rows])
    objects = board.task == "instance"
    return {
        "runs": [
            {"name": text.clean(row.model), "about": about, "worst": _flat(found, place)}
            for row, about, found in zip(board.rows, abouts, lists, strict=True)
        ],
        "facts": facts,
        "classes": [[category, name] for category, name in classes.items()],
        "scores": _scores(board, list(classes), lengths.scores),
        "bounds": _bounds(board, list(classes)) if lengths.bounds else [],
        "views": views(board, lengths.analysed),
        "images": [text.clean(image) for image in ids],
        "task": board.task,
        **_exhibited(board, place),
        "imageScore": WORST_OBJECTS if objects else text.label(board.metric),
        "classScore": WORST_OBJECTS if objects else text.label(text.class_key(board.metric)),
    }


def _exhibited(board: Board, place: Mapping[str, int]) -> dict[str, Any]:
    """Which images have pictures, whose predictions they show, in which colours, and what is missing."""
    if board.exhibit is None:
        notes = ["This page was made without pictures: --pictures DATASET=PREDICTIONS adds them."]
        return {"pictured": [], "predicted": [], "colors": {}, "notes": notes}
    return {
        "pictured": [place[image] for image in board.exhibit.pictures],
        "predicted": list(board.exhibit.runs),
        "colors": {str(category): color for category, color in board.exhibit.colors.items()},
        "notes": [text.clean(note) for note in board.exhibit.notes],
    }


def tenths(value: object) -> int | None:
    """A fraction in tenths of a percent; None where it is none."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(1000 * value)


def _lists(row: Row, categories: Sequence[int | None], lengths: Lengths) -> list[Sequence[tuple[str, float]]]:
    """The worst images of a run (first, under None) and of each class."""
    return [row.worst.get(one, ())[: lengths.of(one)] for one in categories]


def _flat(lists: Sequence[Sequence[tuple[str, float]]], place: Mapping[str, int]) -> list[list[int | None]]:
    """Image and score in turn."""
    return [
        [number for image, score in listed for number in (place[image], tenths(score))] for listed in lists
    ]


def _scores(board: Board, categories: Sequence[int], most: int) -> list[dict[str, Any]]:
    """The scores of classes, that of the board first: for each run, one value a class."""
    first = text.class_key(board.metric)
    found = {key: None for run in board.rows for row in run.record.per_class for key in row}
    keys = [key for key in found if key not in ("category_id", "name", first)]
    chosen = [first, *keys][:most] if first in found else keys[:most]
    by_run = [{row["category_id"]: row for row in run.record.per_class} for run in board.rows]
    return [
        {
            "label": _label(key),
            "values": [
                [tenths(rows.get(category, {}).get(key)) for category in categories] for rows in by_run
            ],
        }
        for key in chosen
    ]


def _bounds(board: Board, categories: Sequence[int]) -> list[list[int | None]]:
    """Ends of the intervals of the board's own score: for each run, low and high of each class in turn."""
    if not any(run.classes for run in board.rows):
        return []
    unknown = Estimate(math.nan, math.nan, math.nan)
    found = [[run.classes.get(category, unknown) for category in categories] for run in board.rows]
    return [[tenths(end) for one in ones for end in (one.low, one.high)] for ones in found]


def _label(key: str) -> str:
    known = text.label(key)
    return known if known != key else text.clean(key.replace("_", " ").capitalize())


def _pooled(lists: Sequence[Sequence[tuple[str, str]]]) -> tuple[list[str], list[list[int]]]:
    """All texts once, and for each run the places of its names and values in turn."""
    texts: dict[str, int] = {}
    places = [[texts.setdefault(word, len(texts)) for fact in facts for word in fact] for facts in lists]
    return list(texts), places


def _about(row: Row) -> list[tuple[str, str]]:
    """Provenance of a run: what was scored, under which rules, on what machine."""
    record = row.record
    known = {key: value for key, value in record.dataset.items() if key != "categories"}
    protocol = {key: value for key, value in record.protocol.items() if key not in ("settings", "inference")}
    lines = [("run", row.run_id), ("signature", record.signature)]
    lines.append(("protocol settings", text.settings_text(record.rules)))
    parts = (
        ("model", record.model),
        ("data", known),
        ("protocol", protocol),
        ("timing", record.timing),
        ("env", record.env),
        ("provenance", record.provenance),
    )
    for title, part in parts:
        lines += [(f"{title} {name.replace('_', ' ')}", value) for name, value in text.facts(part)]
    return [(text.clean(name), text.clean(value)) for name, value in lines if value]
