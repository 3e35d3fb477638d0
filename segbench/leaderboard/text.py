"""Labels, digits and safe text: what tables, plots and the page share."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from segbench.leaderboard.boards import Board, Leaderboard, Row

LABELS = {
    "miou": "mIoU",
    "iou": "IoU",
    "f1": "F1",
    "f1_c": "F1 by class",
    "pixel_accuracy": "Pixel acc.",
    "mean_accuracy": "Mean acc.",
    "fw_iou": "fwIoU",
    "mean_dice": "Dice",
    "mean_precision": "Precision",
    "mean_recall": "Recall",
    "mean_fscore": "F-score",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "AP small",
    "ap_medium": "AP medium",
    "ap_large": "AP large",
    "ar_1": "AR@1",
    "ar_10": "AR@10",
    "ar_100": "AR@100",
    "ar_small": "AR small",
    "ar_medium": "AR medium",
    "ar_large": "AR large",
    "pq": "PQ",
    "sq": "SQ",
    "rq": "RQ",
    "pq_things": "PQ things",
    "sq_things": "SQ things",
    "rq_things": "RQ things",
    "pq_stuff": "PQ stuff",
    "sq_stuff": "SQ stuff",
    "rq_stuff": "RQ stuff",
}
"""Metric key → heading, in the order of columns."""

TASKS = {"semantic": "Semantic", "instance": "Instance", "panoptic": "Panoptic"}

BOUNDARY = "boundary_"
"""What the keys of metrics on boundaries begin with."""

NONE = "–"

_REPLACED = {"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "\ufffd"}

_BIDI = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


TESTS = {"bootstrap": "paired bootstrap", "permutation": "paired permutation test"}
INTERVALS = {"percentile": "percentile", "bca": "BCa"}
"""What a reader is told of :class:`~segbench.leaderboard.boards.Leaderboard`'s ``test`` and ``interval``."""


def units(leaderboard: Leaderboard) -> str:
    """What resamples draw: images, or images together by an attribute."""
    cluster = next((board.cluster for board in leaderboard.boards if board.cluster), None)
    return "images" if cluster is None else f"images drawn together by {clean(cluster)}"


def label(key: str) -> str:
    """Heading of a metric."""
    if key.startswith(BOUNDARY):
        return f"Boundary {label(key.removeprefix(BOUNDARY))}"
    return LABELS.get(key, key)


def class_key(metric: str) -> str:
    """The score of one category that stands for a metric."""
    return metric.replace("miou", "iou")


def class_names(board: Board) -> dict[int, str]:
    """Categories that any run scores, in order, as safe text."""
    return {category: clean(name) for category, name in board.class_names.items()}


def metric_keys(rows: Sequence[Row]) -> list[str]:
    """Keys that any of the rows has: known ones in the order of ``LABELS``, then the others by name."""
    found = {key for row in rows for key in row.record.metrics}
    known = [*LABELS, *(BOUNDARY + key for key in LABELS)]
    return [key for key in known if key in found] + sorted(found - set(known))


def decimals(board: Board) -> int:
    """Decimals of a percentage on this board."""
    return digits(row.ci_high - row.ci_low for row in board.rows)


def digits(widths: Iterable[float]) -> int:
    """Decimals of percentages whose intervals, as fractions, are so wide: two digits of the narrowest's half.

    >>> digits([0.3, 0.25]), digits([0.03]), digits([0.01]), digits([0.001]), digits([0.0])
    (0, 1, 2, 3, 1)
    """
    halves = [50 * width for width in widths if width > 0]
    if not halves:
        return 1
    return sum(min(halves) < step for step in (10, 1, 0.1))


def percent(value: object, digits: int) -> str:
    """A fraction as a percentage without its sign; a dash where there is none."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return NONE
    return f"{round(100 * value, 7):.{digits}f}"


def interval(row: Row, digits: int) -> str:
    """The 95 % interval of a row, in percent."""
    if math.isnan(row.ci_low):
        return NONE
    return f"{percent(row.ci_low, digits)}{NONE}{percent(row.ci_high, digits)}"


def span(low: int, high: int) -> str:
    """``2`` or ``2–4``."""
    return str(low) if low == high else f"{low}{NONE}{high}"


def probability(value: float) -> str:
    """A share as whole percents; ``<1`` and ``>99`` where rounding would claim certainty."""
    rounded = round(value, 9)
    if 0 < rounded < 0.005:
        return "<1"
    if 0.995 < rounded < 1:
        return ">99"
    return f"{100 * rounded:.0f}"


def speed(row: Row) -> float | None:
    """Images a second, where the run was timed."""
    value = row.record.timing.get("images_per_second")
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return None
    return float(value)


def speed_text(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return NONE
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def count(number: int, noun: str) -> str:
    """``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clean(value: object) -> str:
    """Text that every format can hold: control characters become blanks, marks that turn the direction �."""
    shown = _BIDI.sub("\ufffd", str(value))
    return "".join(_REPLACED.get(unicodedata.category(char), char) for char in shown)


def shorten(name: object, length: int) -> str:
    """At most ``length`` characters, the end cut off with an ellipsis."""
    shown = clean(name)
    return shown if len(shown) <= length else f"{shown[: length - 1].rstrip()}…"


def settings_text(settings: object) -> str:
    """Protocol settings on one line: ``key=value; …``."""
    if not isinstance(settings, Mapping):
        return ""
    return "; ".join(f"{key}={_setting(value)}" for key, value in settings.items())


def _setting(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_setting(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _evenly(value) or " ".join(map(_setting, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _evenly(values: Sequence[object]) -> str | None:
    """``0.5:0.05:0.95`` for evenly spaced floats, as COCO writes its thresholds."""
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < 4 or len(numbers) < len(values):
        return None
    step = (numbers[-1] - numbers[0]) / (len(numbers) - 1)
    if any(abs(number - numbers[0] - i * step) > 1e-9 for i, number in enumerate(numbers)):
        return None
    return f"{numbers[0]:g}:{step:g}:{numbers[-1]:g}"


def facts(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """What a part of a run record says, as ``(name, text)``; what is unknown is left out."""
    return [(str(key), _setting(value)) for key, value in values.items() if value is not None and value != ""]
