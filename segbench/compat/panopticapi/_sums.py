"""The sums that panoptic quality is made of: panopticapi's ``PQStat`` and ``PQStatCat``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

Row = dict[str, Any]


class PQStatCat:
    """Sums of one category: IoU of the matches, and how many TP, FP and FN."""

    def __init__(self) -> None:
        self.iou: Any = 0.0
        self.tp = 0
        self.fp = 0
        self.fn = 0

    def __iadd__(self, pq_stat_cat: PQStatCat) -> Self:
        self.iou += pq_stat_cat.iou
        self.tp += pq_stat_cat.tp
        self.fp += pq_stat_cat.fp
        self.fn += pq_stat_cat.fn
        return self


class PQStat:
    """Sums of every category, ``pq_per_cat``, by category id; add with ``+=``."""

    def __init__(self) -> None:
        self.pq_per_cat: defaultdict[Any, PQStatCat] = defaultdict(PQStatCat)

    def __getitem__(self, i: Any) -> PQStatCat:
        return self.pq_per_cat[i]

    def __iadd__(self, pq_stat: PQStat) -> Self:
        for label, cell in pq_stat.pq_per_cat.items():
            self.pq_per_cat[label] += cell
        return self

    def pq_average(
        self, categories: Mapping[Any, Row], isthing: bool | None
    ) -> tuple[dict[str, Any], dict[Any, dict[str, Any]]]:
        """Return the means over categories, and each category's own numbers.

        Parameters
        ----------
        categories
            ``{id: row with isthing}``.
        isthing
            Which of them; None for all.

        Returns
        -------
        means : dict
            ``pq sq rq`` as fractions, and ``n`` categories that occur.
        per_class : dict
            ``{id: {pq, sq, rq}}``, 0 for a category that does not occur.

        Raises
        ------
        ZeroDivisionError
            When none occurs.
        """
        sums: dict[str, Any] = {"pq": 0, "sq": 0, "rq": 0}
        n = 0
        per_class = {}
        for label, row in categories.items():
            if isthing is not None and isthing != (row["isthing"] == 1):
                continue
            cell = self.pq_per_cat[label]
            per_class[label] = _quality(cell)
            if cell.tp + cell.fp + cell.fn:
                n += 1
                sums = {key: value + per_class[label][key] for key, value in sums.items()}
        return {key: value / n for key, value in sums.items()} | {"n": n}, per_class


def _quality(cell: PQStatCat) -> dict[str, Any]:
    if not cell.tp + cell.fp + cell.fn:
        return {"pq": 0.0, "sq": 0.0, "rq": 0.0}
    size = cell.tp + 0.5 * cell.fp + 0.5 * cell.fn
    return {"pq": cell.iou / size, "sq": cell.iou / cell.tp if cell.tp else 0, "rq": cell.tp / size}
