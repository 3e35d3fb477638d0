"""Why panoptic protocols differ: each image is measured under every set of rules between them as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.panoptic import score_sums
from segbench.metrics.panoptic_match import PanopticStats, measure
from segbench.metrics.panoptic_overlap import VOID, Overlap
from segbench.metrics.panoptic_rules import PANOPTICAPI
from segbench.metrics.reasons import Reason, Side, changed, changed_categories, path, rest
from segbench.metrics.scores import Scores

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.metrics.once import Once
    from segbench.metrics.panoptic import PanopticQuality
    from segbench.metrics.panoptic_rules import PanopticRules

MEASURED = ("crowds", "areas", "merge_stuff", "pred_void", "stuff", "void_images", "float32")
"""The rules that an image is measured under, in the order in which they are exchanged."""

SCORED = ("added", "averaged")
"""Those that matter when sums are scored, after them."""

_COUNTED = {
    "crowds": "crowds",
    "areas": "true segments whose two areas differ",
    "merge_stuff": "stuff segments that are merged into others",
    "pred_void": "pixels predicted as void, or of true ids without a segment",
    "stuff": "stuff segments",
    "void_images": "images without true segments",
}


class PanopticWitness:
    """Looks at the images of several panoptic metrics, and says why their scores differ."""

    def __init__(self, metrics: Sequence[PanopticQuality]) -> None:
        self._metrics = metrics
        self._categories = metrics[0].categories
        self._stuff = frozenset(c.id for c in self._categories if c.isthing is False)
        own = [_measured(metric.rules) for metric in metrics]
        between = [_measured(step) for other in own[1:] for _, step in path(own[0], other, MEASURED)]
        self._own, self._between = own, [step for step in dict.fromkeys(between) if step not in own]
        self._sums = {step: _Sums.none(len(self._categories)) for step in [*own, *self._between]}
        self._facts = Counter[str]()

    def observe(
        self, pred: Sample, truth: Sample, once: Once, stats: Sequence[PanopticStats]
    ) -> tuple[list[PanopticStats], Counter[str]]:
        """Measure one image under the rules between; ``stats`` are those under the rules of the metrics."""
        sides = ((pred.segment_runs, pred.segments), (truth.segment_runs, truth.segments))
        k, stuff = len(self._categories), self._stuff
        between = [measure(*sides, k, rules=rules, stuff=stuff, once=once) for rules in self._between]
        names: dict[str, Any] = {"image_id": truth.image_id, "pred_file": None, "truth_file": None}
        overlap = Overlap.of(*sides, k, stuff, once, **names)
        return [*stats, *between], _facts(overlap, stuff)

    def add(self, observed: tuple[list[PanopticStats], Counter[str]]) -> None:
        """Add what was observed of one image."""
        for step, stats in dict(zip([*self._own, *self._between], observed[0], strict=True)).items():
            self._sums[step].add(stats)
        self._facts += observed[1]

    def reasons(
        self,
        scores: Sequence[Mapping[str, float]],
        detections: Sequence[pa.Table | None],  # noqa: ARG002 - those of instances
    ) -> list[Reason]:
        """Say why the others differ from the first; ``scores`` are theirs, in their order."""
        sides = [Side(m.protocol, m.rules, s) for m, s in zip(self._metrics, scores, strict=True)]
        return [reason for side in sides[1:] for reason in self._of(sides[0], side)]

    def _of(self, base: Side, other: Side) -> Iterator[Reason]:
        first = before = self._scored(base.rules)
        for rule, rules in path(base.rules, other.rules, MEASURED + SCORED):
            after = self._scored(rules)
            changes = changed(before, after)
            if rule == "averaged":
                names = changed_categories(before, after, next(iter(before)))
                concerned: dict[str, Any] = {"count": len(names), "of": "categories", "names": names}
            else:
                concerned = {"count": self._facts[rule], "of": _COUNTED[rule]} if rule in _COUNTED else {}
            if changes or concerned.get("count"):
                yield other.reason("panoptic", rule, base, changes=changes, **concerned)
            before = after
        yield from rest("panoptic", other, base, MEASURED + SCORED, (first, before))

    def _scored(self, rules: PanopticRules) -> Scores:
        sums = self._sums[_measured(rules)]
        iou = sums.by_image if rules.added == "by_image" else sums.running
        return score_sums((sums.tp, sums.fp, sums.fn), iou, self._categories, "", rules)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Segment counts of all images and sums of IoU, one by one and image by image: [K] each."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    running: NDArray[np.float64]
    by_image: NDArray[np.float64]

    @classmethod
    def none(cls, k: int) -> _Sums:
        return cls(*np.zeros((3, k), np.int64), *np.zeros((2, k)))

    def add(self, image: PanopticStats) -> None:
        for name in ("tp", "fp", "fn"):
            getattr(self, name)[image.category_ids] += getattr(image, name)
        np.add.at(self.running, image.match_category_ids, image.match_ious)
        self.by_image[:] += np.bincount(image.match_category_ids, image.match_ious, len(self.by_image))


def _measured(rules: PanopticRules) -> PanopticRules:
    """The part of the rules that an image is measured under."""
    return replace(rules, **{name: getattr(PANOPTICAPI, name) for name in SCORED})


def _facts(overlap: Overlap, stuff: Collection[int]) -> Counter[str]:
    """What of one image each rule has to do with."""
    truths, preds = overlap.truths, overlap.preds.values()
    pairs = overlap.table.pairs.T.tolist()
    pixels = Counter[int]()
    for t, _, n in pairs:
        pixels[t] += n
    stuffs = [[s.category_id for s in side if s.category_id in stuff] for side in (truths.values(), preds)]
    stated = [t for t in truths.values() if t.source_area is not None]
    return Counter(
        crowds=sum(s.iscrowd for s in (*truths.values(), *preds)),
        areas=sum(t.source_area != pixels[t.id] for t in stated),
        merge_stuff=sum(len(side) - len(set(side)) for side in stuffs),
        pred_void=sum(n for t, p, n in pairs if t != VOID and (p == VOID or t not in truths)),
        stuff=sum(map(len, stuffs)),
        void_images=int(all(t.ignore for t in truths.values())),
    )
