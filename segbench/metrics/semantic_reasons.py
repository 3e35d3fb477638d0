"""Why semantic protocols differ: pooled once, the table of pixels is read under every rule between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.cells import Cells, Counts
from segbench.metrics.reasons import Reason, Side, changed, changed_categories, path, rest
from segbench.metrics.scores import Scores
from segbench.metrics.semantic_score import score
from segbench.metrics.semantic_stats import NO_IGNORE, counted, read, resolved

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.metrics.once import Once
    from segbench.metrics.semantic import MeanIoU
    from segbench.metrics.semantic_rules import SemanticRules

RULES = (
    "truth_outside", "pred_outside", "pred_ignore", "unscored", "unscored_pred",
    "averaged", "fscore", "beta", "mean", "float32", "decimals",
)  # fmt: skip
"""The rules that pooled counts can be read under, in the order in which they are exchanged."""

_BESIDE = ("labels", "image_level")
"""Rules that add scores, and change none but by ``unscored``."""


class SemanticWitness:
    """Looks at the images of several semantic metrics, and says why their scores differ."""

    def __init__(self, metrics: Sequence[MeanIoU]) -> None:
        first = metrics[0]
        self._metrics = metrics
        self._ignore = NO_IGNORE if first.ignore_index is None else first.ignore_index
        self._table: Counts = np.zeros((len(first.categories) + 2,) * 2, np.int64)

    def observe(self, pred: Sample, truth: Sample, once: Once, stats: Sequence[Any]) -> Cells:  # noqa: ARG002
        """Return the cells of one image, which the metrics have counted."""
        return counted(pred.mask_runs, truth.mask_runs, len(self._table) - 2, self._ignore, once)

    def add(self, observed: Cells) -> None:
        """Add the cells of one image."""
        observed.add_to(self._table)

    def reasons(
        self,
        scores: Sequence[Mapping[str, float]],
        detections: Sequence[pa.Table | None],  # noqa: ARG002
    ) -> list[Reason]:
        """Say why the others differ from the first; ``scores`` are theirs, in their order."""
        sides = [
            Side(m.protocol, m.rules, s, {"unscored": tuple(m.categories[i].name for i in m.rules.unscored)})
            for m, s in zip(self._metrics, scores, strict=True)
        ]
        return [reason for side in sides[1:] for reason in self._between(sides[0], side)]

    def _between(self, base: Side, other: Side) -> Iterator[Reason]:
        first = before = self._scored(base.rules)
        for rule, rules in path(base.rules, other.rules, RULES):
            after = self._scored(rules)
            changes = changed(before, after)
            concerned = self._concerned(rule, base.rules, other.rules, (before, after))
            if changes or concerned.get("count"):
                yield other.reason("semantic", rule, base, changes=changes, **concerned)
            before = after
        yield from rest("semantic", other, base, RULES + _BESIDE, (first, before))

    def _scored(self, rules: SemanticRules) -> Scores:
        rules = replace(rules, labels=None, image_level=False, float32_order=False)
        first = self._metrics[0]
        stats = read(resolved(Cells.of_table(self._table), rules, self._ignore), rules)
        return score(stats, first.categories, rules=rules, ignore_index=first.ignore_index)

    def _concerned(
        self, rule: str, base: SemanticRules, other: SemanticRules, scored: tuple[Scores, Scores]
    ) -> dict[str, Any]:
        """How many pixels have to do with a rule, or which categories it takes into a mean or out of it."""
        if rule == "averaged":
            names = changed_categories(*scored, "iou")
            return {"count": len(names), "of": "categories", "names": names}
        pixels = self._pixels(rule, base, other)
        return {} if pixels is None else {"count": pixels, "of": "pixels"}

    def _pixels(self, rule: str, base: SemanticRules, other: SemanticRules) -> int | None:
        k = len(self._table) - 2
        table, one, two = self._table[:k], set(base.unscored), set(other.unscored)
        if rule == "unscored":
            rest_of = _without(one ^ two, k + 2)
            return int(table.sum() - table[np.ix_(rest_of[:k], rest_of)].sum())
        scored = _without(one | two, k + 2)
        cells = {
            "truth_outside": self._table[-1],
            "pred_outside": table[:, -1],
            "pred_ignore": table[:, k],
            "unscored_pred": table[np.ix_(scored[:k], ~scored)],
        }
        return int(cells[rule].sum()) if rule in cells else None


def _without(ids: set[int], n: int) -> NDArray[np.bool_]:
    flags = np.ones(n, np.bool_)
    flags[list(ids)] = False
    return flags
