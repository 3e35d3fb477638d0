"""Matching by the rules of Cityscapes: predictions and instances of one image, threshold by threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError, UsageError
from segbench.metrics.ap_rules import MAX_THRESHOLDS
from segbench.metrics.doubts import Doubt
from segbench.metrics.instance_match import InstanceStats, bits, known_categories
from segbench.metrics.instance_regions import Regions, check_sizes, pred_regions, truth_regions
from segbench.metrics.rules import changed, with_settings

if TYPE_CHECKING:
    from segbench.canonical.sample import Sample
    from segbench.metrics.cityscapes import Classes
    from segbench.metrics.once import Once

Flags = NDArray[np.bool_]


class Range(NamedTuple):
    """Which instances count: those of so many pixels, no farther (metres), of so sure a distance (0..1)."""

    least_area: int
    farthest: float = math.inf
    least_sure: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class CityscapesRules:
    """What may be changed of the rules of Cityscapes.

    Attributes
    ----------
    iou_thresholds
        What the IoU of a match exceeds, each; 0.5 at least, so that a prediction matches one instance.
    least_area
        Pixels of an instance that counts.
    distances
        Score instances up to 100 m and 50 m as well. Then every true segment of a scored class needs the
        attributes ``medDist`` (metres) and ``distConf`` (0..1), which the data set does not ship.
    curve
        The area under the curve is made of trapezoids.

    Raises
    ------
    UsageError
        When one of them cannot be right.
    """

    iou_thresholds: tuple[float, ...] = tuple(np.arange(0.5, 1.0, 0.05).tolist())
    least_area: int = 100
    distances: bool = False
    curve: Literal["trapezoids"] = "trapezoids"

    def __post_init__(self) -> None:
        if not 1 <= len(self.iou_thresholds) <= MAX_THRESHOLDS or min(self.iou_thresholds) < 0.5:
            raise UsageError(f"there must be 1 to {MAX_THRESHOLDS} iou_thresholds, none below 0.5")

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Which instances count, by name."""
        far = {"100m": Range(1000, 100, 0.5), "50m": Range(1000, 50, 0.5)} if self.distances else {}
        return {"all": Range(self.least_area), **far}

    def to_json(self) -> dict[str, Any]:
        """The rules as plain values."""
        always = {
            "iou_thresholds": list(self.iou_thresholds),
            "least_area": self.least_area,
            "curve": self.curve,
        }
        return {**always, **changed(self)}

    def changed_by(self, settings: Mapping[str, Any]) -> CityscapesRules:
        """Return these rules with some changed.

        Raises
        ------
        UsageError
            When there is no such rule, or one cannot be right.
        """
        rules: CityscapesRules = with_settings(self, settings, beside=())
        return rules


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """Instances and groups of scored classes, by class, and the void of one image.

    ``groups`` bool [G]; ``sized`` bool [R, G]: large and near enough for each range.
    """

    regions: Regions
    groups: Flags
    sized: Flags
    void: bytes

    @property
    def counted(self) -> Flags:
        """What is to be found, bool [R, G]."""
        return self.sized & ~self.groups


def measure(
    pred: Sample,
    truth: Sample,
    classes: Classes,
    rules: CityscapesRules,
    *,
    index: int | None = None,
    once: Once,
) -> InstanceStats:
    """Match the predictions of one image with its instances, class by class.

    Truth of a scored class with instances is a group where it is a crowd, else an instance. Void is what is
    to be ignored, every segment of a class that is neither scored nor has instances, crowds of classes that
    have but are not scored (caravan, trailer), and, in a segment map, pixels of no segment.

    At each threshold, an instance takes the best-scored of the predictions whose IoU with it exceeds the
    threshold; the others of them are false positives. A prediction that exceeds it only with a group, or an
    instance that does not count, is ignored. Any other is a false positive, unless the share of its pixels on
    void, groups and instances that do not count exceeds the threshold: then it is ignored. A group that is
    too small is counted twice in that share.

    Parameters
    ----------
    pred, truth
        Their segments; those that no class scores, and empty predictions, are left out.
    classes
        The label of each category.
    rules
        Thresholds and which instances count.
    index
        Kept in the stats.
    once
        What other metrics made of these samples.

    Raises
    ------
    DataError
        When the sizes differ, the truth has an unknown category, a mask is missing or malformed, or a
        distance that is asked for is missing.

    Notes
    -----
    ``evalInstanceLevelSemanticLabeling`` of cityscapesScripts 2.3.0 (Cordts et al., The Cityscapes dataset,
    CVPR 2016), where regions are those of one map. Where true masks overlap by so much that a prediction
    exceeds the threshold with two instances, it is one true positive here, there one for each.
    """
    check_sizes(pred, truth)
    found = once.get(("pred", "segm"), lambda: pred_regions(pred, "segm"))
    true = once.get(("truth", "segm"), lambda: truth_regions(truth, "segm"))
    size = truth.height, truth.width
    known = known_categories(found, true, len(classes.labels), truth.image_id)
    unknown = len(found) - len(known)
    try:
        target = _target(truth, true, classes, rules)
        best, areas = _best(found.take(known), classes, size)
        matched, ignored = _match(best, areas, target, rules, size)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise truth.error(str(error), "segmentation") from None
    category_ids = np.union1d(best.category_ids, target.regions.category_ids)
    where = (target.regions.category_ids[:, None] == category_ids).astype(np.int64)
    return InstanceStats(
        image_id=truth.image_id,
        index=index,
        category_ids=category_ids.astype(np.int32),
        truths=target.counted.astype(np.int64) @ where,
        pred_category_ids=best.category_ids.astype(np.int32),
        ranks=(np.arange(len(best)) - np.searchsorted(best.category_ids, best.category_ids)).astype(np.int32),
        scores=best.scores,
        matched=bits(matched),
        ignored=bits(ignored),
        doubts=tuple(_doubts((unknown, len(known)), target, image_id=truth.image_id, index=index)),
    )


def _doubts(given: tuple[int, int], target: _Truth, **where: Any) -> Iterator[Doubt]:
    """What to know of the predictions given, of unknown and of known categories."""
    unknown, known = given
    if unknown:
        yield Doubt(kind="unknown_category", count=unknown, **where)
    if not known and (missed := int(target.counted[0].sum())):
        yield Doubt(kind="no_prediction", count=missed, **where)


def _target(truth: Sample, true: Regions, classes: Classes, rules: CityscapesRules) -> _Truth:
    size = truth.height, truth.width
    scored = np.array([c.scored and c.size is not None for c in classes.labels])[true.category_ids]
    void = true.ignore | np.array(
        [
            not label.scored and (label.size is None or crowd)
            for label, crowd in zip(
                [classes.labels[i] for i in true.category_ids.tolist()], true.iscrowd.tolist(), strict=True
            )
        ],
        np.bool_,
    )
    masks = true.take(np.flatnonzero(void)).shapes
    pixels, _ = kernels.rle_measure(list(true.shapes), *size)
    kept = np.flatnonzero(scored & ~true.ignore & (pixels > 0))
    kept = kept[np.argsort(true.category_ids[kept], kind="stable")]
    distances = _distances(truth, kept) if rules.distances else np.tile([[-1.0], [0.0]], len(kept))
    sized = [
        (pixels[kept] >= r.least_area) & (distances[0] <= r.farthest) & (distances[1] >= r.least_sure)
        for r in rules.ranges.values()
    ]
    return _Truth(true.take(kept), true.iscrowd[kept], np.array(sized), _void(truth, masks))


def _void(truth: Sample, masks: Any) -> bytes:
    rles = list(masks)
    if truth.load_segment_map is not None:
        known = [segment.id for segment in truth.segments]
        rles.append(kernels.rle_from_mask(~np.isin(truth.segment_map, known)))
    return kernels.rle_merge(rles, truth.height, truth.width)


def _distances(truth: Sample, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Distance in metres, and how sure it is, of true segments: float64 [2, G]."""
    rows = []
    for i in at.tolist():
        told = truth.segments[i].attributes
        for name in ("medDist", "distConf"):
            if not isinstance(told.get(name), int | float):
                raise truth.error(f"segment {truth.segments[i].id} has no number {name}", name)
        rows.append((told["medDist"], told["distConf"]))
    return np.array(rows, np.float64).reshape(-1, 2).T


def _best(pred: Regions, classes: Classes, size: tuple[int, int]) -> tuple[Regions, NDArray[np.int64]]:
    """The predictions that have pixels, of scored classes, by class and falling score; and their pixels."""
    scored = np.array([c.scored and c.size is not None for c in classes.labels])[pred.category_ids]
    pixels, _ = kernels.rle_measure(list(pred.shapes), *size)
    kept = np.flatnonzero(scored & (pixels > 0))
    kept = kept[np.lexsort((-pred.scores[kept], pred.category_ids[kept]))]
    return pred.take(kept), pixels[kept]


def _match(
    pred: Regions, areas: NDArray[np.int64], target: _Truth, rules: CityscapesRules, size: tuple[int, int]
) -> tuple[Flags, Flags]:
    """Whether each prediction is a true positive, and whether it is ignored: bool [R, T, D] each."""
    shape = len(target.sized), len(rules.iou_thresholds), len(pred)
    matched, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    truth, void = target.regions, [target.void]
    for category in np.unique(pred.category_ids).tolist():
        d = slice(*np.searchsorted(pred.category_ids, [category, category + 1]).tolist())
        g = slice(*np.searchsorted(truth.category_ids, [category, category + 1]).tolist())
        preds, truths = list(pred.shapes[d]), list(truth.shapes[g])
        iou = kernels.rle_iou(preds, truths, np.zeros(len(truths), np.bool_), *size)
        covered = _covered(preds, truths, areas[d], size)
        on_void = _covered(preds, void, areas[d], size)[:, 0] + covered @ target.groups[g]
        for r, sized in enumerate(target.sized[:, g]):
            share = (on_void + covered @ ~sized) / areas[d]
            counted = sized & ~target.groups[g]
            matched[r, :, d], ignored[r, :, d] = _flags(iou, share, counted, np.array(rules.iou_thresholds))
    return matched, ignored


def _covered(
    preds: list[bytes], truths: list[bytes], areas: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.int64]:
    """Pixels of each prediction on each truth, int64 [D, G]: the share is exact to far less than a pixel."""
    share = kernels.rle_iou(preds, truths, np.ones(len(truths), np.bool_), *size)
    return np.rint(share * areas[:, None]).astype(np.int64)


def _flags(
    iou: NDArray[np.float64], share: NDArray[np.float64], counted: Flags, thresholds: NDArray[np.float64]
) -> tuple[Flags, Flags]:
    """True positives and ignored predictions, bool [T, D] each; predictions by falling score."""
    levels = thresholds[:, None, None]
    above = iou > levels  # [T, D, G]
    hits = above & counted
    matched = np.zeros(above.shape[:2], np.bool_)
    t, g = np.nonzero(hits.any(axis=1))
    matched[t, hits.argmax(axis=1)[t, g]] = True
    ignored = np.where(above.any(axis=2), ~hits.any(axis=2), share > levels[:, 0])
    return matched, ignored
