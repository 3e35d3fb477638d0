"""Operating points: precision, recall and F1 of instances at a score, the best score, and whole curves.

Counts are those of a protocol's matching: ignored predictions are neither tp nor fp, and fn is what is to be
found less the tp. Precision is undefined (NaN) where nothing is predicted, recall where nothing is to be
found, and F1 = 2 tp / (2 tp + fp + fn) where neither is. Nothing is interpolated: average precision takes the
highest precision at a recall *or beyond*.

van Rijsbergen, Information retrieval, 1979.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.errors import UsageError, did_you_mean
from segbench.metrics.instance_curves import Curves, Tallied, count_truths
from segbench.metrics.instance_joined import Detections
from segbench.metrics.scores import ratio

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories, Category

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What was matched in many images, and under which names.

    Attributes
    ----------
    images
        Stats in image order, with the ranks that limits are of.
    categories
        Those that are told apart.
    iou_thresholds, area_ranges
        Their values and labels, as the bits and rows of the stats have them.
    max_detections
        Limits that may be asked for, rising; none where there is no limit.
    """

    images: Sequence[Tallied]
    categories: Categories
    iou_thresholds: Sequence[float]
    area_ranges: Sequence[str]
    max_detections: Sequence[int] = ()


class Which(NamedTuple):
    """Which of what was measured: IoU threshold, area range (None: the first), limit (None: the largest)."""

    iou_threshold: float = 0.5
    area_range: str | None = None
    max_detections: int | None = None

    def positions(self, matches: Matches) -> tuple[int, int, int]:
        """Where they are: threshold, range and limit (−1 where there is none).

        Raises
        ------
        UsageError
            When one was not measured.
        """
        return (
            _threshold(matches, self.iou_threshold),
            _range(matches, self.area_range),
            _limit(matches, self.max_detections),
        )


USUAL = Which()


@dataclass(frozen=True, slots=True)
class Counted:
    """Predictions that count of one category, or of all, by falling score; and how many truths do.

    ``scores`` float64 [N]; ``hits`` bool [N].
    """

    category: Category | None
    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    truths: int

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The curve: a row each score that occurs, falling; predictions of that score or higher count."""
        ends = np.flatnonzero(np.diff(self.scores, append=np.nan) != 0)
        tp = np.cumsum(self.hits, dtype=np.int64)[ends]
        return {"score": self.scores[ends], **_rates(tp, ends + 1 - tp, self.truths - tp)}

    def at(self, score: float) -> Row:
        """Counts and rates of predictions of this score or a higher one."""
        chosen = int(np.searchsorted(-self.scores, -score, side="right"))
        return self._row(score, chosen)

    def best(self) -> Row:
        """The score of highest F1, the highest of equals; NaN and nothing predicted where there is no tp."""
        if not self.hits.any():
            return self._row(np.nan, 0)
        columns = self.columns
        return {name: column[np.argmax(columns["f1"])].item() for name, column in columns.items()}

    def _row(self, score: float, chosen: int) -> Row:
        tp = np.array([np.count_nonzero(self.hits[:chosen])])
        rates = _rates(tp, chosen - tp, self.truths - tp)
        return {"score": score, **{name: column[0].item() for name, column in rates.items()}}


def _rates(tp: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
    }


def operating_points(matches: Matches, score: float | None = None, which: Which = USUAL) -> list[Row]:
    """Counts, precision, recall and F1 at one score, or at the best score of each.

    Parameters
    ----------
    matches
        What was matched.
    score
        Predictions of this score or a higher one count; by default each row has the score of its highest F1.
    which
        Which of what was measured.

    Returns
    -------
    list of dict
        ``category_id name score tp fp fn precision recall f1``: first all categories together, at one score
        (category_id None, name ``all``), then each.

    Raises
    ------
    UsageError
        When the threshold, range or limit was not measured.
    """
    return [
        {**_who(one.category), **(one.best() if score is None else one.at(score))}
        for one in _counted(matches, which)
    ]


def score_curves(matches: Matches, which: Which = USUAL) -> dict[str, NDArray[Any] | list[Any]]:
    """Curves with a row for each score that occurs: of all categories together, then of each.

    Parameters as :func:`operating_points`, and columns as its rows, with scores falling.
    """
    columns: dict[str, list[Any]] = {}
    for one in _counted(matches, which):
        curve = one.columns
        n = len(curve["score"])
        for name, value in _who(one.category).items():
            columns.setdefault(name, []).extend([value] * n)
        for name, column in curve.items():
            columns.setdefault(name, []).append(column)
    arrays = ("category_id", "name")
    return {name: part if name in arrays else np.concatenate(part) for name, part in columns.items()}


def recall_curves(
    curves: Curves, matches: Matches, recalls: NDArray[np.float64], which: Which = USUAL
) -> dict[str, NDArray[Any] | list[Any]]:
    """Tidy columns of the curves that average precision is the mean of.

    Parameters as :func:`operating_points`; ``curves`` are those of the same metric, ``recalls`` float64 [R]
    its recall thresholds.

    Returns
    -------
    dict
        ``category_id name recall precision score``, a row a category and recall: the highest precision at
        that recall or beyond, 0 where it is not reached; the score at which it is reached, NaN where it is
        not; both NaN where a category has no truth (−1 in COCOeval).
    """
    t, a, m = which.positions(matches)
    categories = matches.categories
    place = np.argsort(np.argsort([category.key for category in categories]))
    precision, score = (array[t, :, place, a, m] for array in (curves.precision, curves.scores))
    return {
        "category_id": [category.id for category in categories for _ in recalls],
        "name": [category.name for category in categories for _ in recalls],
        "recall": np.tile(recalls, len(categories)),
        "precision": np.where(precision > -1, precision, np.nan).ravel(),
        "score": np.where(precision > 0, score, np.nan).ravel(),
    }


def _who(category: Category | None) -> Row:
    if category is None:
        return {"category_id": None, "name": "all"}
    return {"category_id": category.id, "name": category.name}


def _counted(matches: Matches, which: Which) -> Iterator[Counted]:
    """All categories together, then each."""
    t, a, m = which.positions(matches)
    bit, limits = np.uint64(1 << t), matches.max_detections
    truths = count_truths(matches.images, len(matches.categories), len(matches.area_ranges))[a]
    joined = Detections.joined(matches.images, len(matches.area_ranges))
    rows = []
    for category in matches.categories:
        found = joined.of_category(category.id)
        kept = (found.ignored[a] & bit) == 0
        if limits:
            kept &= found.ranks < limits[m]
        hits = (found.matched[a, kept] & bit) != 0
        rows.append(Counted(category, found.scores[kept], hits, int(truths[category.id])))
    scores = np.concatenate([row.scores for row in rows])
    order = np.argsort(-scores, kind="stable")
    yield Counted(None, scores[order], np.concatenate([row.hits for row in rows])[order], int(truths.sum()))
    yield from rows


def _threshold(matches: Matches, wanted: float) -> int:
    near = np.flatnonzero(np.isclose(matches.iou_thresholds, wanted, rtol=0, atol=1e-9))
    if not len(near):
        known = ", ".join(f"{value:g}" for value in matches.iou_thresholds)
        raise UsageError(f"IoU threshold {wanted:g} was not measured; known: {known}")
    return int(near[0])


def _range(matches: Matches, wanted: str | None) -> int:
    if wanted is None:
        return 0
    if wanted not in matches.area_ranges:
        raise UsageError(f"unknown area range {wanted!r}.{did_you_mean(wanted, matches.area_ranges)}")
    return list(matches.area_ranges).index(wanted)


def _limit(matches: Matches, wanted: int | None) -> int:
    """Position of a limit, the last by default."""
    if wanted is None:
        return len(matches.max_detections) - 1
    if wanted not in matches.max_detections:
        known = ", ".join(map(str, matches.max_detections)) or "none"
        raise UsageError(f"max_detections {wanted} was not measured; known: {known}")
    return list(matches.max_detections).index(wanted)
