"""Average precision of instances, to the last bit of pycocotools' COCOeval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.instances import InstanceTable
from segbench.canonical.sample import Sample
from segbench.errors import DataError, UsageError
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.inputs import as_categories, check_protocol, check_same
from segbench.metrics.instance_curves import (
    AREA_RANGES,
    IOU_THRESHOLDS,
    Curves,
    Rules,
    Tallied,
    count_truths,
    curves,
)
from segbench.metrics.instance_images import InstanceImages
from segbench.metrics.instance_inputs import samples_of
from segbench.metrics.instance_match import InstanceStats, measure, read_tables
from segbench.metrics.instance_regions import pred_regions, truth_regions
from segbench.metrics.instance_table import SpanStats, measure_tables
from segbench.metrics.once import Once
from segbench.metrics.scores import Scores, class_rows, signature

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.metrics import ListColumns

__all__ = ["InstanceStats", "MaskAP", "measure", "score"]

_IOU_TYPES: dict[str, Literal["segm", "bbox"]] = {"coco-instance": "segm", "coco-bbox": "bbox"}
"""IoU type of each protocol."""


def score(images: Sequence[Tallied], categories: Categories, rules: Rules, signed: str = "") -> Scores:
    """Score images in the order given.

    ``ap`` averages precision over IoU and recall thresholds and the categories that have truth, ``ap50``
    and ``ap75`` at one IoU threshold, ``ap_<range>`` in one area range. ``ar_<n>`` averages the highest
    recall with n predictions an image and category, ``ar_<range>`` with the most. Undefined is NaN, where
    COCOeval says −1.

    ``ap`` is at 100 predictions where that is one of ``max_detections``, as COCOeval fixes it, and at the
    most otherwise, where COCOeval says −1. The other precisions are at the most.

    Notes
    -----
    ``COCOeval.summarize`` of pycocotools 2.0.11, bit for bit.
    """
    drawn = curves(images, categories, rules)
    order = np.argsort([category.key for category in categories])
    cells = _cells(drawn, rules)
    columns = {key: np.empty(len(categories)) for key in cells}
    for key, cell in cells.items():
        columns[key][order] = [_mean(cell[..., k]) for k in range(len(categories))]
    values = {key: _mean(cell) for key, cell in cells.items()}
    return Scores(values, class_rows(categories, columns), signed)


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


class MaskAP:
    """COCO's twelve numbers over masks or boxes.

    Parameters
    ----------
    categories
        Categories, their number, or rows ``{id, name}``; then ids in :meth:`update` are those of the rows.
    iou_type
        IoU of masks (``segm``) or boxes (``bbox``); the protocol says it when None.
    protocol
        ``coco-instance`` or ``coco-bbox``; that of ``iou_type`` when None.
    iou_thresholds, recall_thresholds, area_ranges, max_detections
        See :class:`segbench.metrics.instance_curves.Rules`.
    num_classes
        The number of categories, where ``categories`` is not given.

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
        iou_type: Literal["segm", "bbox"] | None = None,
        protocol: str | None = None,
        *,
        iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
        recall_thresholds: int | Sequence[float] = 101,
        area_ranges: Mapping[str, Sequence[float]] = AREA_RANGES,
        max_detections: Sequence[int] = (1, 10, 100),
        num_classes: int | None = None,
    ) -> None:
        if (categories is None) == (num_classes is None):
            raise UsageError("give categories or num_classes, one of them")
        self.categories, self._dense_ids = as_categories(categories or num_classes or 0)
        self.protocol, iou_type = _protocol(protocol, iou_type)
        points = recall_thresholds
        self.rules = Rules(
            iou_type=iou_type,
            iou_thresholds=tuple(map(float, iou_thresholds)),
            recall_thresholds=points if isinstance(points, int) else tuple(map(float, points)),
            area_ranges={label: (float(low), float(high)) for label, (low, high) in area_ranges.items()},
            max_detections=tuple(sorted(map(int, max_detections))),
        )
        self._told: set[str] = set()
        self.reset()

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set."""
        return cls(categories, protocol=protocol, **settings)

    @property
    def settings(self) -> dict[str, Any]:
        """``iou_type``, ``iou_thresholds``, ``recall_thresholds``, ``area_ranges`` and ``max_detections``."""
        return self.rules.to_json()

    @property
    def warnings(self) -> list[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        parts, found = self._images.parts(), texts(self._images.doubts())
        truths = count_truths(parts, len(self.categories), len(self.rules.area_ranges))[0]
        missing = np.flatnonzero(truths == 0).tolist() if parts else []
        return found + absent(self.categories, missing, ())

    def update(self, pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: object) -> None:
        """Add one image; errors as :func:`measure`.

        Parameters
        ----------
        pred, truth
            ``masks``, bool [N, H, W] or a list of :class:`Rle` or COCO RLE dicts, or ``boxes`` [N, 4]
            ``x, y, w, h``, or both; ``category_ids`` [N]; ``scores`` [N] of predictions; of truth, where they
            matter, ``iscrowd`` [N], ``area`` [N] and ``ids`` [N] (1..N when left out).
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
        if (pred.height, pred.width) != (truth.height, truth.width):
            raise DataError(
                f"it is {pred.width}×{pred.height} pixels, the image {truth.width}×{truth.height}",
                file=pred.source_path,
                image_id=truth.image_id,
                field="size",
            )
        return measure(
            once.get(("pred", iou_type), lambda: pred_regions(pred, iou_type)),
            once.get(("truth", iou_type), lambda: truth_regions(truth, iou_type)),
            len(self.categories),
            self.rules,
            size=(truth.height, truth.width),
            image_id=truth.image_id,
            index=index,
        )

    @property
    def by_tables(self) -> bool:
        """Whether :meth:`measure_tables` serves these rules."""
        return self.protocol in _IOU_TYPES

    def measure_tables(
        self, pred: InstanceTable, truth: InstanceTable, image_ids: Sequence[str], span: range
    ) -> SpanStats:
        """Measure a span of images at once; see :func:`segbench.metrics.instance_table.measure_tables`."""
        return measure_tables(pred, truth, image_ids, span, self.rules)

    def image_row(self, stats: InstanceStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids`` int32 [C], and ``truths_<range>`` int64 [C] of each area range."""
        none = np.empty((len(self.rules.area_ranges), 0), np.int64)
        truths = none if stats is None else stats.truths
        return {
            "category_ids": np.empty(0, np.int32) if stats is None else stats.category_ids,
            **{f"truths_{label}": truths[a] for a, label in enumerate(self.rules.area_ranges)},
        }

    def detection_rows(self, stats: InstanceStats) -> dict[str, NDArray[Any]]:
        """Return the columns of ``detections.parquet`` for one image, by category and falling score.

        Raises
        ------
        UsageError
            When the image was measured without its ``index``.
        """
        if stats.index is None:
            raise UsageError(f"image {stats.image_id} was measured without its index in the data set")
        rows: dict[str, NDArray[Any]] = {
            "image_index": np.full(len(stats.scores), stats.index, np.int64),
            "category_id": stats.pred_category_ids,
            "rank": stats.ranks,
            "score": stats.scores,
        }
        for a, label in enumerate(self.rules.area_ranges):
            rows |= {f"matched_{label}": stats.matched[a], f"ignored_{label}": stats.ignored[a]}
        return rows

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
            self._images.parts(), self.categories, self.rules, signature(self.protocol, self.settings)
        )

    def curves(self) -> Curves:
        """Return the arrays of COCOeval's ``eval``, −1 where there is no truth."""
        return curves(self._images.parts(), self.categories, self.rules)

    def reset(self) -> None:
        """Forget every image."""
        self._images = InstanceImages()


def _protocol(
    protocol: str | None, iou_type: Literal["segm", "bbox"] | None
) -> tuple[str, Literal["segm", "bbox"]]:
    if protocol is None:
        protocol = "coco-bbox" if iou_type == "bbox" else "coco-instance"
    implied = _IOU_TYPES[check_protocol(protocol, _IOU_TYPES)]
    if iou_type not in (None, implied):
        raise UsageError(f"protocol {protocol!r} measures {implied!r}, not {iou_type!r}")
    return protocol, implied
