"""Average precision of instances by the rules of Cityscapes, to the last bit of its evaluator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.errors import UsageError
from segbench.metrics.cityscapes import LABELS, Classes
from segbench.metrics.cityscapes_match import CityscapesRules, measure
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.images import ImageStats
from segbench.metrics.inputs import as_categories, check_protocol, check_same
from segbench.metrics.instance_curves import count_truths
from segbench.metrics.instance_inputs import samples_of
from segbench.metrics.instance_joined import Detections
from segbench.metrics.instance_match import InstanceStats, detection_columns, image_columns, read_tables
from segbench.metrics.once import Once
from segbench.metrics.operating import Matches
from segbench.metrics.scores import Scores, class_rows, signature

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample

__all__ = ["CityscapesAP", "average_precision", "measure", "score"]

SCORED = tuple(label for label in LABELS if label.scored and label.size is not None)
"""The classes whose instances are scored, in Cityscapes' order."""


def average_precision(scores: NDArray[np.float64], hits: NDArray[np.bool_], truths: int) -> float:
    """Area under the precision–recall curve of one class.

    Parameters
    ----------
    scores, hits
        float64 and bool [N]: predictions that are not ignored, in any order.
    truths
        Instances to be found; 1 or more.

    Notes
    -----
    As cityscapesScripts computes it: a point at each score that occurs and one at recall 0 and precision 1,
    joined by straight lines, with its sums in its order. It stops with an error where every prediction of a
    class is ignored; here the area is then 0.

    >>> import numpy as np
    >>> average_precision(np.array([0.9, 0.8]), np.array([True, False]), 2)
    0.5
    """
    order = np.argsort(scores, kind="stable")
    _, first = np.unique(scores[order], return_index=True)
    below = np.concatenate([[0.0], np.cumsum(hits[order], dtype=np.float64)])
    tp = below[-1] - below[first]
    precision = np.append(tp / (len(scores) - first), 1.0)
    recall = np.append(tp / truths, 0.0)
    around = np.concatenate([recall[:1], recall, [0.0]])
    return float(np.dot(precision, np.convolve(around, [-0.5, 0, 0.5], "valid")))


def score(
    images: Sequence[InstanceStats],
    categories: Categories,
    rules: CityscapesRules,
    signed: str = "",
) -> Scores:
    """Score images, in any order.

    ``ap`` averages over IoU thresholds and the classes that have instances, ``ap50`` at one threshold; with
    distances, ``ap_100m``, ``ap_50m`` and ``ap50_50m`` over instances that near. A class with instances and
    without predictions has 0, one without instances NaN.
    """
    found = precisions(images, categories, rules)
    cells = _cells(found, rules)
    dense = _dense(Classes.of(categories))
    columns = {key: np.full(len(categories), np.nan) for key in cells}
    for row, label in enumerate(SCORED):
        if label.id in dense:
            for key, cell in cells.items():
                columns[key][dense[label.id]] = cell[row].mean() if cell.shape[1] else math.nan
    values = {key: _nanmean(cell) for key, cell in cells.items()}
    return Scores(values, class_rows(categories, columns), signed)


def precisions(
    images: Sequence[InstanceStats], categories: Categories, rules: CityscapesRules
) -> NDArray[np.float64]:
    """AP of every range, class of :data:`SCORED` and IoU threshold, float64 [R, 8, T]: Cityscapes' matrix."""
    dense = _dense(Classes.of(categories))
    truths = count_truths(images, len(categories), len(rules.ranges))
    joined = Detections.joined(images, len(rules.ranges))
    table = np.full((len(rules.ranges), len(SCORED), len(rules.iou_thresholds)), np.nan)
    for row, label in enumerate(SCORED):
        category = dense.get(label.id, -1)
        found = joined.of_category(category)
        for r in np.flatnonzero(truths[:, category]).tolist() if category >= 0 else []:
            for t in range(table.shape[2]):
                bit = np.uint64(1 << t)
                kept = (found.ignored[r] & bit) == 0
                hits = (found.matched[r] & bit) != 0
                table[r, row, t] = average_precision(found.scores[kept], hits[kept], int(truths[r, category]))
    return table


def _cells(found: NDArray[np.float64], rules: CityscapesRules) -> dict[str, NDArray[np.float64]]:
    """What each key averages, float64 [8, thresholds]."""
    half = np.flatnonzero(np.isclose(rules.iou_thresholds, 0.5))
    cells = {"ap": found[0], "ap50": found[0][:, half]}
    if rules.distances:
        cells |= {"ap_100m": found[1], "ap_50m": found[2], "ap50_50m": found[2][:, half]}
    return cells


def _nanmean(cell: NDArray[np.float64]) -> float:
    """The mean over what is defined, in NumPy's order of sums."""
    return float(np.nanmean(cell.ravel())) if np.isfinite(cell).any() else math.nan


def _dense(classes: Classes) -> dict[int, int]:
    """Dense category id of each label."""
    return {label.id: i for i, label in enumerate(classes.labels)}


class CityscapesAP:
    """Cityscapes' AP and AP50 of instances.

    Parameters
    ----------
    categories
        Classes of Cityscapes, known by name or by id 0..33, or rows ``{id, name}``; then ids in
        :meth:`update` are those of the rows.
    protocol
        ``cityscapes-instance``.
    settings
        Rules that differ, by names of :class:`segbench.metrics.cityscapes_match.CityscapesRules`.

    Raises
    ------
    UsageError
        When the protocol or a rule is unknown, a category is no class of Cityscapes, or two are the same.

    >>> import numpy as np
    >>> metric = CityscapesAP([{"id": 26, "name": "car"}])
    >>> truth = {"masks": np.ones((1, 20, 20), bool), "category_ids": [26]}
    >>> metric.update(truth | {"scores": [0.9]}, truth, image_id=1)
    >>> metric.compute()["ap"]
    1.0
    """

    task: ClassVar[str] = "instance"

    def __init__(
        self,
        categories: Categories | Iterable[Category | Mapping[str, Any]],
        protocol: str = "cityscapes-instance",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.protocol = check_protocol(protocol, ["cityscapes-instance"])
        self.rules = CityscapesRules().changed_by(settings or {})
        self.categories, self._dense_ids = as_categories(categories)
        self._classes = Classes.of(self.categories)
        if len(_dense(self._classes)) < len(self.categories):
            raise UsageError("two categories are the same class of Cityscapes")
        self._told: set[str] = set()
        self.reset()

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set."""
        return cls(categories, protocol, settings)

    @property
    def settings(self) -> dict[str, Any]:
        """``iou_thresholds``, ``least_area``, ``curve``, and ``distances`` where they are scored."""
        return self.rules.to_json()

    @property
    def warnings(self) -> list[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        images = self._images.by_id()
        truths = count_truths(images, len(self.categories), len(self.rules.ranges))[0]
        scored = [i for i, label in enumerate(self._classes.labels) if label in SCORED]
        missing = [i for i in scored if images and not truths[i]]
        found = texts(doubt for image in images for doubt in image.doubts)
        return found + absent(self.categories, missing, ())

    def update(self, pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: object) -> None:
        """Add one image; errors as :func:`measure`.

        Parameters
        ----------
        pred, truth
            ``masks``, bool [N, H, W] or a list of :class:`Rle` or COCO RLE dicts; ``category_ids`` [N];
            ``scores`` [N] of predictions; of truth, ``iscrowd`` [N] (groups) and ``ignore`` [N] (void).
        image_id
            Its id, each once.

        Warns
        -----
        SegbenchWarning
            The first time that predictions of unknown categories are left out, or an image has none.
        """
        stats = self.measure_sample(*samples_of(pred, truth, str(image_id), self._dense_ids))
        self.add(stats)
        warn(stats.doubts, self._told)

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> InstanceStats:
        """Measure the segments of one image; errors as :func:`measure`."""
        return measure(pred, truth, self._classes, self.rules, index=index, once=once or Once())

    def image_row(self, stats: InstanceStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids`` int32 [C], and ``truths_<range>`` int64 [C] of each range."""
        return image_columns(stats, list(self.rules.ranges))

    def detection_rows(self, stats: InstanceStats) -> dict[str, NDArray[Any]]:
        """Return the columns of ``detections.parquet`` for one image, by category and falling score.

        Raises
        ------
        UsageError
            When the image was measured without its ``index``.
        """
        return detection_columns(stats, list(self.rules.ranges))

    def add(self, stats: InstanceStats) -> None:
        """Add the stats of one image.

        Raises
        ------
        DataError
            When it was added before.
        """
        self._images.extend([stats])

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:
        """Add the images of a run record's tables.

        Raises
        ------
        UsageError
            When there is no table of detections.
        """
        if detections is None:
            raise UsageError("average precision needs the table of detections")
        self._images.extend(read_tables(images, detections, list(self.rules.ranges)))

    def merge(self, other: CityscapesAP) -> None:
        """Add the images of another metric of the same settings.

        Raises
        ------
        UsageError
            When the settings differ.
        DataError
            When both hold an image.
        """
        check_same(self, other)
        self._images.extend(other._images.by_id())

    def compute(self) -> Scores:
        """Score all images so far: ``ap`` and ``ap50``; see :func:`score`."""
        signed = signature(self.protocol, self.settings)
        return score(self._images.by_id(), self.categories, self.rules, signed)

    def precisions(self) -> NDArray[np.float64]:
        """AP of every range, class and IoU threshold; see :func:`precisions`."""
        return precisions(self._images.by_id(), self.categories, self.rules)

    def matches(self) -> Matches:
        """Return what was matched, for :mod:`segbench.metrics.operating`."""
        return Matches(
            images=self._images.by_id(),
            categories=self.categories,
            iou_thresholds=self.rules.iou_thresholds,
            area_ranges=list(self.rules.ranges),
        )

    def reset(self) -> None:
        """Forget every image."""
        self._images = ImageStats[InstanceStats]()
