"""Average precision of instances, to the last bit of pycocotools' COCOeval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.instances import InstanceTable
from segbench.canonical.sample import Sample
from segbench.errors import UsageError
from segbench.metrics.boundary_rules import DILATION_RATIO
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.federated import FREQUENCIES, Federation, without_frequency
from segbench.metrics.inputs import as_categories, check_protocol, check_same
from segbench.metrics.instance_curves import Curves, Rules, Tallied, count_truths, curves
from segbench.metrics.instance_images import InstanceImages
from segbench.metrics.instance_inputs import samples_of
from segbench.metrics.instance_match import (
    InstanceStats,
    detection_columns,
    image_columns,
    measure,
    read_tables,
)
from segbench.metrics.instance_regions import IouType, check_sizes, pooled, pred_regions, truth_regions
from segbench.metrics.instance_rules import INSTANCE_RULES
from segbench.metrics.instance_table import SpanStats, measure_tables
from segbench.metrics.once import Once
from segbench.metrics.operating import Matches
from segbench.metrics.over_all import ranked_over_all
from segbench.metrics.scores import Scores, class_rows, prefixed, signature

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.metrics import ListColumns

__all__ = ["InstanceStats", "MaskAP", "measure", "score"]

_IOU_TYPES = {"coco-instance": "segm", "coco-bbox": "bbox", "boundary-ap": "boundary"}
"""IoU type of the protocols that have but one."""

_ONE = Categories([Category(id=0, name="all")])
"""What is scored where categories are not told apart."""


def score(
    images: Sequence[Tallied], categories: Categories, rules: Rules, signed: str = "", threads: int = 1
) -> Scores:
    """Score images in the order given, in so many threads.

    ``ap`` averages precision over IoU and recall thresholds and the categories that have truth, ``ap50``
    and ``ap75`` at one IoU threshold, ``ap_<range>`` in one area range. ``ar_<n>`` averages the highest
    recall with n predictions an image and category, ``ar_<range>`` with the most. Undefined is NaN, where
    COCOeval says −1.

    ``ap`` is at 100 predictions where that is one of ``max_detections``, as COCOeval fixes it, and at the
    most otherwise, where COCOeval says −1. The other precisions are at the most.

    Where boundaries count, all keys begin with ``boundary_``.

    With federated truth, ``ap_rare``, ``ap_common`` and ``ap_frequent`` average over the categories of one
    frequency. Where categories are not told apart, none has a score of its own.

    Notes
    -----
    ``COCOeval.summarize`` of pycocotools 2.0.11 and ``LVISEval.summarize`` of lvis 0.5.3, bit for bit.
    """
    drawn = curves(images, categories if rules.use_categories else _ONE, rules, threads)
    order = np.argsort([category.key for category in categories])
    cells = _cells(drawn, rules)
    columns = {key: np.full(len(categories), math.nan) for key in cells}
    if rules.use_categories:
        for key, cell in cells.items():
            columns[key][order] = _category_means(cell)
    if rules.federated:
        cells = _with_frequencies(cells, [categories[i].frequency for i in order.tolist()])
    values = {key: _mean(cell) for key, cell in cells.items()}
    scores = Scores(values, class_rows(categories, columns), signed)
    return scores if rules.dilation_ratio is None else prefixed(scores, "boundary_")


def _with_frequencies(
    cells: dict[str, NDArray[np.float64]], frequencies: Sequence[str | None]
) -> dict[str, NDArray[np.float64]]:
    """Add the cells of categories of one frequency, before recall."""
    groups = {}
    for label, letter in FREQUENCIES.items():
        chosen = [k for k, frequency in enumerate(frequencies) if frequency == letter]
        groups[f"ap_{label}"] = cells["ap"][..., chosen]
    precisions = {key: cell for key, cell in cells.items() if key.startswith("ap")}
    return precisions | groups | cells


def _cells(drawn: Curves, rules: Rules) -> dict[str, NDArray[np.float64]]:
    """The part of the curves that each key averages, categories last."""
    most, usual = len(rules.max_detections) - 1, _position(rules.max_detections, 100)
    precision, recall = drawn.precision, drawn.recall
    cells = {"ap": precision[:, :, :, 0, most if usual is None else usual]}
    for key, threshold in (("ap50", 0.5), ("ap75", 0.75)):
        t = _position(rules.iou_thresholds, threshold)
        cells[key] = precision[[] if t is None else [t], :, :, 0, most]
    ranges = {label: a for a, label in enumerate(rules.area_ranges) if a}
    cells |= {f"ap_{label}": precision[:, :, :, a, most] for label, a in ranges.items()}
    cells |= {f"ar_{n}": recall[:, :, 0, m] for m, n in enumerate(rules.max_detections)}
    return cells | {f"ar_{label}": recall[:, :, a, most] for label, a in ranges.items()}


def _position(values: Sequence[float], value: float) -> int | None:
    return values.index(value) if value in values else None


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else math.nan


def _category_means(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `_mean` says of each category, all at once where whole categories are defined or not."""
    rows = np.ascontiguousarray(np.moveaxis(cell, -1, 0)).reshape(cell.shape[-1], -1)
    whole = (rows > -1).all(axis=1) & (rows.shape[1] > 0)
    means = np.full(len(rows), math.nan)
    if whole.any():
        means[whole] = rows[whole].mean(axis=1)
    for k in np.flatnonzero(~whole & (rows > -1).any(axis=1)).tolist():
        means[k] = _mean(rows[k])
    return means


class MaskAP:
    """COCO's twelve numbers over masks, boxes or boundaries, and LVIS' thirteen.

    Parameters
    ----------
    categories
        Categories, their number, or rows ``{id, name}`` (with ``frequency`` for LVIS); then ids in
        :meth:`update` are those of the rows.
    iou_type
        IoU of masks (``segm``), of boxes (``bbox``), or the lesser of masks and of their boundaries
        (``boundary``); the protocol says it when None.
    protocol
        ``coco-instance``, ``coco-bbox``, ``boundary-ap``, ``lvis`` or ``lvis-fixed``; that of ``iou_type``
        when None.
    iou_thresholds, recall_thresholds, area_ranges, max_detections, use_categories, dilation_ratio
        See :class:`segbench.metrics.instance_curves.Rules`; those of the protocol when None.
    num_classes
        The number of categories, where ``categories`` is not given.
    settings
        Any of the rules, by name.

    Attributes
    ----------
    threads
        How many :meth:`compute` may use, 1 unless it is set; the score is the same with any number.

    Images are joined in the order of their ids: as integers where all are, else as text.

    Raises
    ------
    UsageError
        When one of them cannot be right, or two contradict each other.

    >>> import numpy as np
    >>> metric = MaskAP(num_classes=1)
    >>> truth = {"masks": np.ones((1, 4, 4), bool), "category_ids": [0]}
    >>> metric.update(truth | {"scores": [0.9]}, truth, image_id=1)
    >>> round(metric.compute()["ap"], 6)
    1.0
    """

    task: ClassVar[str] = "instance"

    def __init__(
        self,
        categories: Categories | Iterable[Category | Mapping[str, Any]] | int | None = None,
        iou_type: IouType | None = None,
        protocol: str | None = None,
        *,
        iou_thresholds: Sequence[float] | None = None,
        recall_thresholds: int | Sequence[float] | None = None,
        area_ranges: Mapping[str, Sequence[float]] | None = None,
        max_detections: Sequence[int] | None = None,
        use_categories: bool | None = None,
        dilation_ratio: float | None = None,
        num_classes: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if (categories is None) == (num_classes is None):
            raise UsageError("give categories or num_classes, one of them")
        self.categories, self._dense_ids = as_categories(categories or num_classes or 0)
        given = {
            "iou_type": iou_type,
            "iou_thresholds": iou_thresholds,
            "recall_thresholds": recall_thresholds,
            "area_ranges": area_ranges,
            "max_detections": max_detections,
            "use_categories": use_categories,
            "dilation_ratio": dilation_ratio,
        }
        given = {name: value for name, value in given.items() if value is not None}
        self.protocol, self.rules = _rules(protocol, {**given, **(settings or {})})
        self.threads = 1
        self._told: set[str] = set()
        self.reset()

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set."""
        return cls(categories, protocol=protocol, settings=settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The rules, by name: those that LVIS has beside COCO's only where they are not COCO's."""
        return self.rules.to_json(INSTANCE_RULES[self.protocol])

    @property
    def _told_apart(self) -> Categories:
        return self.categories if self.rules.use_categories else _ONE

    @property
    def warnings(self) -> list[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        parts, found = self._images.parts(), texts(self._images.doubts())
        truths = count_truths(parts, len(self._told_apart), len(self.rules.area_ranges))[0]
        missing = np.flatnonzero(truths == 0).tolist() if parts else []
        told = without_frequency(self.categories) if self.rules.federated else []
        return told + found + absent(self._told_apart, missing, ())

    def update(self, pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: object) -> None:
        """Add one image; errors as :func:`measure`.

        Parameters
        ----------
        pred, truth
            ``masks``, bool [N, H, W] or a list of :class:`Rle` or COCO RLE dicts, or ``boxes`` [N, 4]
            ``x, y, w, h``, or both; ``category_ids`` [N]; ``scores`` [N] of predictions; of truth, where they
            matter, ``iscrowd`` [N], ``area`` [N] and ``ids`` [N] (1..N when left out); for LVIS and for
            boundaries ``ignore`` [N]; for LVIS the lists ``neg_category_ids`` and
            ``not_exhaustive_category_ids``.
        image_id
            Its id, each once.

        Warns
        -----
        SegbenchWarning
            The first time that predictions of unknown categories are left out, a true annotation has id 0, a
            box moves a mask into another area range, or an image has no prediction.
        """
        stats = self.measure_sample(*samples_of(pred, truth, str(image_id), self._dense_ids))
        self.add(stats)
        warn(stats.doubts, self._told)

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> InstanceStats:
        """Measure the segments of one image; errors as :func:`measure`, and when the sizes differ."""
        once, iou_type = once or Once(), self.rules.iou_type
        check_sizes(pred, truth)
        found = once.get(("pred", iou_type), lambda: pred_regions(pred, iou_type))
        true = once.get(("truth", iou_type), lambda: truth_regions(truth, iou_type))
        if not self.rules.use_categories:
            found, true = pooled(found, self.categories), pooled(true, self.categories)
        return measure(
            found,
            true,
            len(self._told_apart),
            self.rules,
            size=(truth.height, truth.width),
            image_id=truth.image_id,
            index=index,
            federation=Federation.of(truth) if self.rules.federated else None,
        )

    @property
    def by_tables(self) -> bool:
        """Whether :meth:`measure_tables` serves these rules."""
        rules = self.rules
        coco = rules.limited_by == "image_category" and rules.use_categories and not rules.federated
        return self.protocol in _IOU_TYPES and coco

    def measure_tables(
        self, pred: InstanceTable, truth: InstanceTable, image_ids: Sequence[str], span: range
    ) -> SpanStats:
        """Measure a span of images at once; see :func:`segbench.metrics.instance_table.measure_tables`."""
        return measure_tables(pred, truth, image_ids, span, self.rules)

    def image_row(self, stats: InstanceStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids`` int32 [C], and ``truths_<range>`` int64 [C] of each area range."""
        return image_columns(stats, list(self.rules.area_ranges))

    def detection_rows(self, stats: InstanceStats) -> dict[str, NDArray[Any]]:
        """Return the columns of ``detections.parquet`` for one image, by category and falling score.

        Raises
        ------
        UsageError
            When the image was measured without its ``index``.
        """
        return detection_columns(stats, list(self.rules.area_ranges))

    def span_columns(self, stats: SpanStats) -> tuple[ListColumns, Mapping[str, NDArray[Any]]]:
        """What :meth:`image_row` and :meth:`detection_rows` say of each image of a span, as columns."""
        labels = list(self.rules.area_ranges)
        return stats.image_columns(labels), stats.detection_columns(labels)

    def add(self, stats: InstanceStats) -> None:
        """Add the stats of one image.

        Raises
        ------
        DataError
            When it was added before.
        """
        self._images.extend([stats])

    def add_span(self, stats: SpanStats) -> None:
        """Add the images of a span; errors as :meth:`add`."""
        self._images.add_span(stats)

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:
        """Add the images of a run record's tables.

        Raises
        ------
        UsageError
            When there is no table of detections.
        """
        if detections is None:
            raise UsageError("average precision needs the table of detections")
        self._images.extend(read_tables(images, detections, list(self.rules.area_ranges)))

    def merge(self, other: MaskAP) -> None:
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
        """Score all images so far: ``ap``, ``ap50``, …, ``ar_large``; see :func:`score`."""
        return score(
            self._images.parts(),
            self.categories,
            self.rules,
            signature(self.protocol, self.settings),
            self.threads,
        )

    def curves(self) -> Curves:
        """Return the arrays of COCOeval's ``eval``, −1 where there is no truth."""
        return curves(self._images.parts(), self._told_apart, self.rules)

    def matches(self) -> Matches:
        """Return what was matched, for :mod:`segbench.metrics.operating`."""
        over_all = self.rules.limited_by == "category"
        return Matches(
            images=ranked_over_all(self._images.by_id()) if over_all else self._images.parts(),
            categories=self._told_apart,
            iou_thresholds=self.rules.iou_thresholds,
            area_ranges=list(self.rules.area_ranges),
            max_detections=self.rules.max_detections,
        )

    def reset(self) -> None:
        """Forget every image."""
        self._images = InstanceImages()


def _rules(protocol: str | None, given: Mapping[str, Any]) -> tuple[str, Rules]:
    """The protocol, by default that of the IoU type, and its rules changed by those that are given."""
    iou_type = given.get("iou_type")
    if protocol is None:
        protocol = next((name for name, kind in _IOU_TYPES.items() if kind == iou_type), "coco-instance")
    usual = INSTANCE_RULES[check_protocol(protocol, INSTANCE_RULES)]
    implied = _IOU_TYPES.get(protocol, iou_type)
    if iou_type not in (None, implied):
        raise UsageError(f"protocol {protocol!r} measures {implied!r}, not {iou_type!r}")
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in given.items()}
    if iou_type == "boundary":
        usual = {"dilation_ratio": DILATION_RATIO, **usual}
    return protocol, Rules().changed_by({**usual, **plain})
