"""Average precision of instances, to the last bit of pycocotools' COCOeval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.instances import InstanceTable
from segbench.canonical.sample import Sample
from segbench.errors import UsageError
from segbench.metrics.ap_rules import Rules
from segbench.metrics.boundary_rules import DILATION_RATIO
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.federated import Federation, without_frequency
from segbench.metrics.inputs import as_categories, check_protocol, check_same
from segbench.metrics.instance_curves import Curves, count_truths, curves
from segbench.metrics.instance_device import DeviceMasks
from segbench.metrics.instance_images import InstanceImages
from segbench.metrics.instance_inputs import are_dense, samples_of
from segbench.metrics.instance_match import (
    InstanceStats,
    detection_columns,
    image_columns,
    measure,
    read_tables,
)
from segbench.metrics.instance_regions import (
    IouType,
    Regions,
    check_sizes,
    pooled,
    pred_regions,
    truth_regions,
)
from segbench.metrics.instance_rules import INSTANCE_RULES
from segbench.metrics.instance_score import ONE, score
from segbench.metrics.instance_table import SpanStats, measure_tables
from segbench.metrics.once import Once
from segbench.metrics.operating import Matches
from segbench.metrics.over_all import ranked_over_all
from segbench.metrics.place import MOST_PENDING, OnDevice, Place
from segbench.metrics.scores import Scores, signature

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.kernels import Device
    from segbench.metrics import ListColumns

__all__ = ["InstanceStats", "MaskAP", "measure", "score"]

_IOU_TYPES = {"coco-instance": "segm", "coco-bbox": "bbox", "boundary-ap": "boundary"}
"""IoU type of the protocols that have but one."""


class MaskAP(OnDevice[DeviceMasks]):
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
    device
        Where to measure masks that are arrays: ``cpu``, ``cuda``, ``cuda:1`` …, or ``auto``, where the first
        of them are. The scores do not depend on it. RLEs, boxes and boundaries are measured on the CPU.

    Attributes
    ----------
    threads
        How many :meth:`compute` may use, 1 unless it is set; the score is the same with any number.

    Images are joined in the order of their ids: as integers where all are, else as text.

    Raises
    ------
    UsageError
        When one of them cannot be right, two contradict each other, or there is no such device.

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
        device: str | Device = "auto",
    ) -> None:
        self._place = Place(device)
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
        return self.categories if self.rules.use_categories else ONE

    @property
    def warnings(self) -> list[str]:
        """What a reader of the score should know: a line a kind, with how many images have it."""
        self._fold()
        parts, found = self._images.parts(), texts(self._images.doubts())
        truths = count_truths(parts, len(self._told_apart), len(self.rules.area_ranges))[0]
        missing = np.flatnonzero(truths == 0).tolist() if parts else []
        told = without_frequency(self.categories) if self.rules.federated else []
        return told + found + absent(self._told_apart, missing, ())

    def update(self, pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: object) -> None:
        """Add one image; errors as :func:`measure`.

        Masks on a GPU are not copied, and the update of every 512 images waits once: what is wrong with
        scores or categories is told when scores are computed.

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
        counter = self._masks_counter(pred, truth)
        if counter is not None:
            counter.add(pred, truth, str(image_id))
            if len(counter) >= MOST_PENDING:
                self._fold()
            return
        stats = self.measure_sample(*samples_of(pred, truth, str(image_id), self._dense_ids))
        self.add(stats)
        warn(stats.doubts, self._told)

    def _masks_counter(self, pred: Mapping[str, Any], truth: Mapping[str, Any]) -> DeviceMasks | None:
        """What measures masks that are arrays on a device; None for the CPU, and for RLEs."""
        masks = {f"{what}'s masks": side.get("masks") for what, side in (("pred", pred), ("truth", truth))}
        dense = [are_dense(one) for one in masks.values()]
        if not any(dense):
            return None
        counter = self._counter_for(**masks)
        return counter if all(dense) else None

    def _make_counter(self, device: Device) -> DeviceMasks:
        if self.rules.iou_type != "segm":
            raise UsageError(
                f"iou_type {self.rules.iou_type!r} is measured on the CPU alone: bring the masks there"
            )
        rules = self.rules
        return DeviceMasks(
            device,
            self._dense_ids,
            by_category=rules.use_categories and not rules.keep_errors,
            with_crowds=not rules.federated,
        )

    def _add_counter(self, counter: DeviceMasks) -> None:
        found = [self._measure(*one) for one in counter.images_in()]
        self._images.extend(found)
        for stats in found:
            warn(stats.doubts, self._told)

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> InstanceStats:
        """Measure the segments of one image; errors as :func:`measure`, and when the sizes differ."""
        once, iou_type = once or Once(), self.rules.iou_type
        check_sizes(pred, truth)
        found = once.get(("pred", iou_type), lambda: pred_regions(pred, iou_type))
        true = once.get(("truth", iou_type), lambda: truth_regions(truth, iou_type))
        return self._measure(truth, found, true, index)

    def _measure(
        self, truth: Sample, found: Regions, true: Regions, index: int | None = None
    ) -> InstanceStats:
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
        return self.protocol in _IOU_TYPES and coco and not rules.keep_errors

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
        self._fold()
        other._fold()
        self._images.extend(other._images.by_id())

    def compute(self) -> Scores:
        """Score all images so far: ``ap``, ``ap50``, …, ``ar_large``; see :func:`score`.

        Raises
        ------
        DataError
            When the masks, scores or categories of an image that was measured on a GPU are refused.
        """
        self._fold()
        return score(
            self._images.parts(),
            self.categories,
            self.rules,
            signature(self.protocol, self.settings),
            self.threads,
        )

    def curves(self) -> Curves:
        """Return the arrays of COCOeval's ``eval``, −1 where there is no truth; errors as :meth:`compute`."""
        self._fold()
        return curves(self._images.parts(), self._told_apart, self.rules)

    def matches(self) -> Matches:
        """Return what was matched, for :mod:`segbench.metrics.operating`; errors as :meth:`compute`."""
        self._fold()
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
        self._counter = None


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
