"""The difference of two runs as text, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from segbench.leaderboard import text
from segbench.leaderboard.compare import Difference, RunDifference
from segbench.leaderboard.rank import ALPHA, FEW_IMAGES

LONGEST = 60
"""Letters of a name."""


def comparison_text(found: RunDifference, n_images: int = 10) -> str:
    """Scores, the difference with its interval and p, categories, and the images that changed most."""
    return "\n".join([*_head(found), *_other_metrics(found), *_classes(found), *_images(found, n_images)])


def _head(found: RunDifference) -> Iterator[str]:
    record, score, metric = found.a, found.score, text.label(found.metric)
    units = text.count(found.n_images, "image")
    if found.cluster is not None:
        units += f" drawn together by {found.cluster} ({found.n_units:,})"
    data = " ".join(filter(None, [record.dataset["name"], record.dataset.get("split")]))
    rules = f"protocol {record.protocol['name']} {record.protocol.get('version') or ''}".rstrip()
    yield text.clean(f"{data}: {record.task}, {units}, {rules}")
    for letter, run, value in (("A", found.a, score.a), ("B", found.b, score.b)):
        name = text.shorten(run.model["name"], LONGEST)
        yield f"  {letter}  {metric} {_percent(value)}  {name} ({run.run_id})"
    sure = (
        "they cannot be told apart"
        if not score.p < ALPHA
        else f"{'B' if score.difference > 0 else 'A'} is better"
    )
    yield (
        f"  B − A  {_signed(score.difference)}  95 % interval {_interval(score)}  "
        f"p {_p(score.p)} ({text.TESTS[found.how['test']]}): {sure}"
    )
    if found.n_units < FEW_IMAGES:
        units = "images" if found.cluster is None else "clusters"
        yield f"  only {found.n_units} {units}: below {FEW_IMAGES}, intervals tend to be too narrow"


def _other_metrics(found: RunDifference) -> Iterator[str]:
    rows = [
        [text.label(key), _percent(a), _percent(b), _signed(b - a)] for key, (a, b) in found.others.items()
    ]
    if rows:
        yield from ["", *_table([["metric", "A", "B", "B − A"], *rows])]


def _classes(found: RunDifference) -> Iterator[str]:
    if not found.classes:
        return
    head = [
        text.label(text.class_key(found.metric)),
        "images",
        "A",
        "B",
        "B − A",
        "95 % interval",
        "p (Holm)",
    ]
    ordered = sorted(found.classes, key=lambda one: -abs(np.nan_to_num(one.score.difference)))
    rows = [
        [
            text.shorten(one.name, LONGEST),
            f"{one.n_images:,}",
            _percent(one.score.a),
            _percent(one.score.b),
            _signed(one.score.difference),
            _interval(one.score),
            _p(one.score.p),
        ]
        for one in ordered
    ]
    yield from ["", *_table([head, *rows])]


def _images(found: RunDifference, n_images: int) -> Iterator[str]:
    changed = [one for one in found.images if one.difference][:n_images]
    if changed:
        score = "objects found" if found.a.task == "instance" else text.label(found.metric)
        head = [f"{score} of the images that changed most", "A", "B", "B − A"]
        rows = [
            [text.clean(one.image_id), _percent(one.a), _percent(one.b), _signed(one.difference)]
            for one in changed
        ]
        yield from ["", *_table([head, *rows])]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns in line, the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _percent(value: float) -> str:
    return text.percent(value, 2)


def _signed(value: float) -> str:
    if not math.isfinite(value):
        return text.NONE
    return f"{100 * value:+.2f}".replace("-", "−")


def _interval(score: Difference) -> str:
    if not math.isfinite(score.low):
        return text.NONE
    return f"{_signed(score.low)} … {_signed(score.high)}"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return text.NONE
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"
