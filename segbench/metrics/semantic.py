"""Mean IoU and its relatives over one pooled overlap table of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.errors import UsageError
from segbench.metrics import cityscapes
from segbench.metrics.cells import Counts
from segbench.metrics.confused import EMPTY
from segbench.metrics.doubts import absent, texts, warn
from segbench.metrics.images import ImageStats
from segbench.metrics.inputs import (
    Logits,
    check_ignore,
    check_protocol,
    check_same,
    is_logits,
    label_map,
    named_categories,
)
from segbench.metrics.place import MOST_PENDING, OnDevice, Place
from segbench.metrics.rules import checked
from segbench.metrics.scores import Scores, signature
from segbench.metrics.semantic_device import DeviceTables
from segbench.metrics.semantic_rules import SEMANTIC_RULES, SemanticRules
from segbench.metrics.semantic_score import score
from segbench.metrics.semantic_span import SemanticSpan, measure_span
from segbench.metrics.semantic_stats import (
    NO_IGNORE,
    ImageCounts,
    SemanticStats,
    measure,
    rows_of_table,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from segbench.canonical.label_table import LabelSpan
    from segbench.canonical.sample import Sample
    from segbench.kernels import Device
    from segbench.metrics import ListColumns
    from segbench.metrics.once import Once

__all__ = ["MeanIoU", "SemanticRules", "SemanticStats", "measure", "score"]

_UNLABELED = ("unlabeled", "void--unlabeled")


class MeanIoU(OnDevice[DeviceTables]):
    """Semantic scores over all pixels of all images, in exact integers.

    Parameters
    ----------
    num_classes
        Category ids are 0..num_classes-1.
    ignore_index
        Id of pixels that are never scored; None for none.
    protocol
        A semantic protocol, ``exact`` by default: see :func:`measure` and :func:`score`.
    labels
        Names of the categories, in order or by id.
    settings
        Rules that differ from the protocol's, by names of :class:`SemanticRules`: say
        ``{"float32_order": True}``.
    device
        Where to count: ``cpu``, ``cuda``, ``cuda:1`` …, or ``auto``, where the first arrays are. The scores
        do not depend on it.

    Raises
    ------
    UsageError
        When ``num_classes`` is below 1 or does not fit ``labels``, the protocol or a rule is unknown, the
        protocol is one data set's and a category is none of its, or there is no such device.

    >>> metric = MeanIoU(num_classes=2)
    >>> metric.update([[0, 1]], [[0, 255]])
    >>> metric.compute()["miou"]
    1.0
    """

    task: ClassVar[str] = "semantic"
    _stats: SemanticStats
    _images: ImageStats[ImageCounts]

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = 255,
        protocol: str = "exact",
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
        ignore_index = settings.get("ignore_index", categories.ignore_index)
        metric._start(categories, checked("ignore_index", ignore_index, int | None), protocol, settings)
        return metric

    def _start(
        self,
        categories: Categories,
        ignore_index: int | None,
        protocol: str,
        settings: Mapping[str, Any],
    ) -> None:
        if not len(categories):
            raise UsageError("there must be one category or more")
        self.protocol = check_protocol(protocol, SEMANTIC_RULES)
        rules = SEMANTIC_RULES[protocol].changed_by(settings)
        self._classes = cityscapes.Classes.of(categories) if rules.labels == "cityscapes" else None
        if "unscored" not in settings:
            rules = replace(rules, unscored=_unscored(rules, categories, self._classes))
        if any(not 0 <= i < len(categories) for i in rules.unscored):
            raise UsageError(f"unscored: ids are 0..{len(categories) - 1}, not {list(rules.unscored)}")
        self.categories, self.ignore_index, self.rules = categories, ignore_index, rules
        self._told: set[str] = set()
        self._place = Place("auto")
        self.reset()

    @property
    def settings(self) -> dict[str, Any]:
        """``ignore_index``, and the rules that differ from those of ``exact`` or of the protocol."""
        rules = self.rules.settings(SEMANTIC_RULES[self.protocol])
        if self.rules.labels:  # else a rebuilt metric would look the unscored labels up again
            rules["unscored"] = list(self.rules.unscored)
        return {"ignore_index": self.ignore_index, **rules}

    @property
    def warnings(self) -> list[str]:
        """Ids that are no category, categories that never occur, instance maps that are missing."""
        self._fold()
        total, averaged = self._stats, self.rules.averaged
        found = texts(total.doubts)
        true = total.tp + total.fn > 0
        missing = [c.id for c in self.categories if not true[c.id] and c.id not in self._never_scored()]
        zero = {"all": set(missing), "seen": set(np.flatnonzero(total.fp).tolist()), "truth": set[int]()}
        if total.images:
            found += absent(self.categories, missing, zero[averaged], "miou")
        if self._classes is not None and (lacking := cityscapes.lacking(self._images.by_index())):
            found.append(f"{lacking} images have no instance map: iIoU is undefined")
        return found

    def _never_scored(self) -> set[int | None]:
        return {self.ignore_index, *self.rules.unscored}

    @property
    def confusion(self) -> Counts:
        """Pixels by (truth, prediction), int64 [K, K + 1]; the last column is predicted as no category.

        Raises
        ------
        UsageError
            When counts were read from a run record, which does not keep it.
        """
        self._fold()
        table = self._stats.confusion
        if table is None:
            raise UsageError("a run record holds tp, fp and fn only: there is no confusion matrix")
        return table.copy()

    def update(self, pred: Any, truth: Any, image_id: object = None, instances: Any = None) -> None:
        """Add one image or a batch: integers [H, W], [B, H, W] or [B, 1, H, W]; errors as :func:`measure`.

        ``pred`` may be logits [B, K, h, w] of any size. ``instances`` is the ``instanceIds`` map of
        Cityscapes, for its protocol. Where a score needs single images and ``image_id`` is not given, they
        count in the order of their updates.

        On a GPU nothing is copied and nothing waits (where a score needs single images, the update of every
        512 of them does once): ids that are no category are told when scores are computed.

        Warns
        -----
        SegbenchWarning
            The first time that an id is no category or the ignore index is predicted, and it is not refused.
        """
        name = None if image_id is None else str(image_id)
        counter = self._counter_for(pred=pred, truth=truth)
        if counter is not None:
            counter.add(pred, truth, name)
            if counter.kept_apart >= MOST_PENDING:
                self._fold()
            return
        for maps in self._split(pred, truth, instances):
            stats = self._measure(*maps, image_id=name)
            self.add(stats)
            warn(stats.doubts, self._told)

    def _make_counter(self, device: Device) -> DeviceTables:
        if self._classes is not None:
            raise UsageError(f"protocol {self.protocol!r} needs instance maps, and counts on the CPU alone")
        ignore = NO_IGNORE if self.ignore_index is None else self.ignore_index
        return DeviceTables(device, len(self.categories), ignore, self.rules.by_image)

    def _add_counter(self, counter: DeviceTables) -> None:
        found = counter.stats(self.ignore_index, self.rules)
        if self.rules.by_image:
            self._images.extend([stats.row() for stats in found])
        for stats in found:
            self._stats += stats
            warn(stats.doubts, self._told)

    def _split(self, *sides: Any) -> list[tuple[Any, ...]]:
        """Pred, truth and, where there are, instances: image by image where scores need that."""
        given = sides[:2] if sides[2] is None else sides
        if not self.rules.by_image:
            return [given]
        if is_logits(sides[0]):
            logits, truth = Logits.of(sides[0]), label_map(sides[1], "truth")
            return list(zip(logits.by_image(), logits.truth_like(truth, len(self.categories)), strict=True))
        maps = [label_map(m, what) for m, what in zip(given, ("pred", "truth", "instance ids"), strict=False)]
        if maps[0].shape != maps[1].shape or maps[0].ndim == 2:
            return [tuple(maps)]
        return list(zip(*maps, strict=True))

    def _measure(self, pred: Any, truth: Any, instances: Any = None, **where: Any) -> SemanticStats:
        """Measure one image; ``instances`` is an instanceIds map, or (map, category of each id)."""
        stats = measure(pred, truth, len(self.categories), self.ignore_index, rules=self.rules, **where)
        if self._classes is None or stats.confusion is None:
            return stats
        if instances is not None and not isinstance(instances, tuple):
            instances = self._classes.ids_of(instances)
        columns = self._classes.instance_columns(pred, instances)
        return replace(stats, columns={**self._classes.group_columns(stats.confusion), **columns})

    def measure_sample(
        self, pred: Sample, truth: Sample, index: int | None = None, once: Once | None = None
    ) -> SemanticStats:
        """Measure the masks of one image; errors as :func:`measure`."""
        check_ignore(pred, truth, self.ignore_index)
        return self._measure(
            pred.mask_runs,
            truth.mask_runs,
            None if self._classes is None else self._classes.segments_of(truth),
            once=once,
            image_id=truth.image_id,
            index=index,
            pred_file=pred.source_path,
            truth_file=truth.source_path,
        )

    @property
    def by_tables(self) -> bool:
        """Whether :meth:`measure_tables` serves these rules: no score is of single images."""
        return not self.rules.by_image

    def measure_tables(
        self,
        pred: LabelSpan,
        truth: LabelSpan,
        image_ids: Sequence[str],  # noqa: ARG002 - what would name one is measured by itself
        span: range,  # noqa: ARG002
    ) -> SemanticSpan:
        """Measure a span of images at once; see :func:`segbench.metrics.semantic_span.measure_span`."""
        if self.ignore_index is not None and {pred.ignore_index, truth.ignore_index} != {self.ignore_index}:
            raise ValueError("another index is ignored")
        ignore = NO_IGNORE if self.ignore_index is None else self.ignore_index
        return measure_span(pred, truth, len(self.categories), ignore, self.rules)

    def span_columns(self, stats: SemanticSpan) -> tuple[ListColumns, Mapping[str, NDArray[Any]]]:
        """What :meth:`image_row` says of each image of a span, as columns; there are no detections."""
        return stats.columns, {}

    def add_span(self, stats: SemanticSpan) -> None:
        """Add the images of a span."""
        self._stats += stats.total

    def image_row(self, stats: SemanticStats | None) -> dict[str, NDArray[Any]]:
        """``category_ids`` int32 [n] of what occurs, ``tp fp fn`` int64 [n] in pixels, and what is taken for
        what.
        """
        if stats is None:
            return {**self._empty(), **EMPTY}
        return {**stats.row().columns, **stats.confused(self.rules)}

    def _empty(self) -> dict[str, NDArray[Any]]:
        return {**_EMPTY, **({} if self._classes is None else cityscapes.EMPTY)}

    def detection_rows(self, stats: SemanticStats) -> dict[str, NDArray[Any]]:  # noqa: ARG002 - no such table
        """No columns: semantic runs have no detections."""
        return {}

    def add(self, stats: SemanticStats) -> None:
        """Add stats of one image.

        Raises
        ------
        DataError
            When the protocol scores single images, and this one was added before.
        """
        if self.rules.by_image:
            self._images.extend([stats.row()])
        self._stats += stats

    def add_tables(self, images: pa.Table, detections: pa.Table | None = None) -> None:  # noqa: ARG002 - no such table
        """Add the pixel counts of a run record's ``images`` table."""
        if self.rules.by_image:
            self._images.extend(rows_of_table(images, self._empty()))
        counts = np.zeros((3, len(self.categories)), np.int64)
        for total, name in zip(counts, ("tp", "fp", "fn"), strict=True):
            np.add.at(total, _flat(images["category_ids"]), _flat(images[name]))
        self._stats = self._stats + SemanticStats(counts[0], counts[1], counts[2], images=len(images))

    def merge(self, other: MeanIoU) -> None:
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
        self._stats = self._stats + other._stats

    def compute(self) -> Scores:
        """Score all pixels so far: ``miou``, ``pixel_accuracy`` …; NaN where nothing was scored.

        Raises
        ------
        DataError
            When a map that was counted on a GPU holds an id that is refused; see :func:`measure`.
        """
        self._fold()
        return score(
            self._stats,
            self.categories,
            signature(self.protocol, self.settings),
            rules=self.rules,
            images=self._images.by_index(),
            ignore_index=self.ignore_index,
        )

    def reset(self) -> None:
        """Forget every image."""
        self._stats = SemanticStats.zero(len(self.categories))
        self._images = ImageStats()
        self._counter = None


_EMPTY: dict[str, NDArray[Any]] = {
    "category_ids": np.empty(0, np.int32),
    "tp": np.empty(0, np.int64),
    "fp": np.empty(0, np.int64),
    "fn": np.empty(0, np.int64),
}
"""The columns of an image without pixels."""


def _unscored(
    rules: SemanticRules, categories: Categories, classes: cityscapes.Classes | None
) -> tuple[int, ...]:
    """Dense ids that the label table of a benchmark leaves out."""
    if classes is not None:
        return classes.unscored
    if rules.labels == "mapillary":
        return tuple(c.id for c in categories if c.name.lower() in _UNLABELED)
    return rules.unscored


def _flat(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values
