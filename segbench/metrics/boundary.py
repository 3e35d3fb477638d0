"""Boundary IoU and boundary F1 of label maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.errors import UsageError
from segbench.metrics.boundary_device import DeviceBoundaries
from segbench.metrics.boundary_rules import BOUNDARY_RULES, BoundaryRules
from segbench.metrics.boundary_stats import BoundaryStats, measure
from segbench.metrics.doubts import absent
from segbench.metrics.images import ImageStats
from segbench.metrics.inputs import check_ignore, check_protocol, check_same, label_map, named_categories
from segbench.metrics.place import OnDevice, Place
from segbench.metrics.scores import Scores, class_rows, ratio, signature
from segbench.metrics.semantic_stats import NO_IGNORE, ImageCounts, rows_of_table

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.sample import Sample
    from segbench.kernels import Device
    from segbench.metrics.once import Once

__all__ = ["BoundaryIoU", "BoundaryRules", "BoundaryStats", "contour_f1", "measure", "score"]


def score(
    total: BoundaryStats, images: Sequence[ImageCounts], categories: Categories, measured: str, signed: str
) -> Scores:
    """Score pooled boundary regions, or contours image by image.

    ``boundary_miou`` averages the IoU of boundary regions, tp / (tp + fp + fn) with the pixels of all images,
    over the categories that occur. ``boundary_f1`` averages :func:`contour_f1` over the categories of each
    image, then over images, as Csurka et al. do; ``boundary_f1_c`` over the images of each category, then
    over categories. Sums of F1 are exact before they are rounded, so that no order of images changes them.
    NaN where nothing was scored.
    """
    if measured == "iou":
        iou = ratio(total.tp, total.tp + total.fp + total.fn)
        defined = iou[~np.isnan(iou)]
        values = {"boundary_miou": float(defined.mean()) if defined.size else math.nan}
        return Scores(values, class_rows(categories, {"boundary_iou": iou}), signed)
    by_category: list[list[float]] = [[] for _ in categories]
    by_image: list[float] = []
    for image in images:
        f1 = contour_f1(image.columns).tolist()
        if f1:
            by_image.append(_mean(f1))
        for category, value in zip(image.columns["category_ids"].tolist(), f1, strict=True):
            by_category[category].append(value)
    column = np.array([_mean(values) for values in by_category], np.float64)
    seen = [value for value in column.tolist() if not math.isnan(value)]
    values = {"boundary_f1": _mean(by_image), "boundary_f1_c": _mean(seen)}
    return Scores(values, class_rows(categories, {"boundary_f1": column}), signed)


def contour_f1(counts: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """F1 of the contours of each category in an image: 2 P R / (P + R), 0 where nothing matches.

    P is the matched part of the predicted contour, tp / (tp + fp), R that of the true one, found / (found +
    fn); a category that is in one map alone has 0.
    """
    tp, fp, fn, found = (counts[name] for name in ("tp", "fp", "fn", "found"))
    precision, recall = (np.nan_to_num(ratio(n, n + rest)) for n, rest in ((tp, fp), (found, fn)))
    return np.nan_to_num(ratio(2 * precision * recall, precision + recall))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


class BoundaryIoU(OnDevice[DeviceBoundaries]):
    """Boundary scores of label maps from exact integers.

    Parameters
    ----------
    num_classes
        Category ids are 0..num_classes-1.
    ignore_index
        Id of pixels that are never scored; None for none.
    protocol
        ``boundary-iou`` or ``boundary-f1``: see :func:`measure` and :func:`score`.
    labels
        Names of the categories, in order or by id.
    settings
        ``dilation_ratio`` of ``boundary-iou`` (0.02), or ``tolerance_ratio`` of ``boundary-f1`` (0.0075).
    device
        Where to count regions: ``cpu``, ``cuda``, ``cuda:1`` …, or ``auto``, where the first maps are. The
        scores do not depend on it. Contours are counted on the CPU alone.

    Raises
    ------
    UsageError
        When ``num_classes`` is below 1 or does not fit ``labels``, the protocol or a setting is unknown, or
        there is no such device.

    >>> metric = BoundaryIoU(num_classes=2)
    >>> metric.update([[0, 1]], [[0, 255]])
    >>> metric.compute()["boundary_miou"]
    1.0
    """

    task: ClassVar[str] = "semantic"

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = 255,
        protocol: str = "boundary-iou",
        labels: Sequence[str] | Mapping[int, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        device: str | Device = "auto",
    ) -> None:
        self._start(named_categories(num_classes, labels), ignore_index, protocol, settings or {})
        self._place = Place(device)

    @classmethod
    def build(cls, categories: Categories, protocol: str, settings: Mapping[str, Any]) -> Self:
        """Make a metric for a data set, with its ``ignore_index`` unless the settings give one."""
        metric = cls.__new__(cls)
        metric._start(categories, settings.get("ignore_index", categories.ignore_index), protocol, settings)
        return metric

    _total: BoundaryStats
    _images: ImageStats[ImageCounts]

    def _start(
        self, categories: Categories, ignore_index: int | None, protocol: str, settings: Mapping[str, Any]
    ) -> None:
        if not len(categories):
            raise UsageError("there must be one category or more")
        self.protocol = check_protocol(protocol, BOUNDARY_RULES)
        self.rules = BOUNDARY_RULES[protocol].changed_by(settings)
        self.categories, self.ignore_index = categories, ignore_index
        self._place = Place("auto")
        self._columns = ("tp", "fp", "fn") + (("found",) if self.rules.measure == "f1" else ())
        self.reset()

    @property
    def settings(self) -> dict[str, Any]:
        """``ignore_index``, and the ratio that counts."""
        return {"ignore_index": self.ignore_index, **self.rules.settings()}

    @property
    def warnings(self) -> list[str]:
        """Categories that never occur."""
        self._fold()
        total = self._total
        true = total.found + total.fn > 0
        missing = [c.id for c in self.categories if not true[c.id] and c.id != self.ignore_index]
        zero = set(np.flatnonzero(total.fp).tolist())
        return absent(self.categories, missing, zero) if total.images else []

    def update(self, pred: Any, truth: Any, image_id: object = None) -> None:
        """Add one image or a batch: integers [H, W], [B, H, W] or [B, 1, H, W]; errors as :func:`measure`.

        On a GPU nothing is copied and nothing waits: ids that are no category are told when scores are
        computed.
        """
        name = None if image_id is None else str(image_id)
        counter = self._counter_for(pred=pred, truth=truth)
        if counter is not None:
            counter.add(pred, truth, name)
            return
        maps = label_map(pred, "pred"), label_map(truth, "truth")
        batched = maps[0].shape == maps[1].shape and maps[0].ndim == 3
        for one in zip(*maps, strict=True) if batched else [maps]:
            self.add(self._measure(*one, image_id=name))

    def _make_counter(self, device: Device) -> DeviceBoundaries:
        if self.rules.dilation_ratio is None:
            raise UsageError(f"protocol {self.protocol!r} measures contours, on the CPU alone")
        ignore = NO_IGNORE if self.ignore_index is None else self.ignore_index
        return DeviceBoundaries(device, len(self.categories), ignore, self.rules.dilation_ratio)

    def _add_counter(self, counter: DeviceBoundaries) -> None:
        self._total = self._total + counter.stats()

    def _measure(self, pred: Any, truth: Any, **where: Any) -> BoundaryStats:
        return measure(pred, truth, len(self.categories), self.ignore_index, self.rules, **where)

    def measure_sample(
        self,
        pred: Sample,
        truth: Sample,
        index: int | None = None,
        once: Once | None = None,  # noqa: ARG002 - nothing is shared
    ) -> BoundaryStats:
        """Measure the masks of one image; errors as :func:`measure`."""
        check_ignore(pred, truth, self.ignore_index)
        files = {"pred_file": pred.source_path, "truth_file": truth.source_path}
        return self._measure(pred.mask_runs, truth.mask_runs, image_id=truth.image_id, index=index, **files)

    def image_row(self, stats: BoundaryStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids`` int32 [n]; ``tp fp fn`` and, of contours, ``found``, int64 [n] in pixels."""
        return dict(self._empty() if stats is None else stats.row(self._columns).columns)

    def _empty(self) -> dict[str, NDArray[Any]]:
        none = {name: np.empty(0, np.int64) for name in self._columns}
        return {"category_ids": np.empty(0, np.int32), **none}

    def detection_rows(self, stats: BoundaryStats) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - no such table
        """No columns: semantic runs have no detections."""
        return {}

    def add(self, stats: BoundaryStats) -> None:
        """Add stats of one image.

        Raises
        ------
        DataError
            When the protocol scores single images, and this one was added before.
        """
        if self.rules.measure == "f1":
            self._images.extend([stats.row(self._columns)])
        self._total = self._total + stats

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:  # noqa: ARG002 - no such table
        """Add the pixel counts of a run record's ``images`` table."""
        for row in rows_of_table(images, self._empty()):
            k, found = len(self.categories), "found" if self.rules.measure == "f1" else "tp"
            tp, fp, fn, found_pixels = (row.dense(name, k) for name in ("tp", "fp", "fn", found))
            where: dict[str, Any] = {"image_id": row.image_id, "index": row.index, "images": 1}
            self.add(BoundaryStats(tp=tp, fp=fp, fn=fn, found=found_pixels, **where))

    def merge(self, other: BoundaryIoU) -> None:
        """Add what another metric of the same settings has counted.

        Raises
        ------
        UsageError
            When the settings differ.
        DataError
            When the protocol scores single images, and both hold one.
        """
        check_same(self, other)
        self._fold()
        other._fold()
        self._images.extend(other._images.by_index())
        self._total = self._total + other._total

    def compute(self) -> Scores:
        """Score all images so far; see :func:`score`.

        Raises
        ------
        DataError
            When a map that was counted on a GPU holds an id that is no category.
        """
        self._fold()
        signed = signature(self.protocol, self.settings)
        return score(self._total, self._images.by_index(), self.categories, self.rules.measure, signed)

    def reset(self) -> None:
        """Forget every image."""
        self._total = BoundaryStats.zero(len(self.categories))
        self._images = ImageStats()
        self._counter = None
