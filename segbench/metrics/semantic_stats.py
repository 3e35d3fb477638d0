"""SemanticStats: pixels by category of one image or of many, and the two ways they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError
from segbench.metrics.doubts import Doubt, gathered
from segbench.metrics.inputs import Labels, labels, pixels
from segbench.metrics.once import Once
from segbench.metrics.semantic_rules import EXACT, SemanticRules

if TYPE_CHECKING:
    import pyarrow as pa

Counts = NDArray[np.int64]
NO_IGNORE = int(np.iinfo(np.int64).min)
"""An ignore index that no pixel holds."""


@dataclass(frozen=True, slots=True, eq=False)
class SemanticStats:
    """Pixel counts of one image or of many; ``+`` adds them exactly.

    Attributes
    ----------
    tp, fp, fn
        int64 [K], in pixels.
    confusion
        int64 [K, K + 1], rows truth; column K counts pixels predicted as no category. None where the counts
        come from the tables of a run record.
    doubts
        What a reader of the score should know: ids that are no category, where the protocol tolerates them.
    columns
        Further columns of ``images.parquet`` of one image; see :mod:`segbench.metrics.cityscapes`.
    image_id, index
        Of one image.
    images
        How many images, or batches, were counted.
    """

    tp: Counts
    fp: Counts
    fn: Counts
    confusion: Counts | None = None
    doubts: tuple[Doubt, ...] = ()
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    image_id: str | None = None
    index: int | None = None
    images: int = 0

    @classmethod
    def zero(cls, num_classes: int) -> SemanticStats:
        """Stats of no pixel."""
        return cls.from_confusion(np.zeros((num_classes, num_classes + 1), np.int64))

    @classmethod
    def from_confusion(
        cls, confusion: Counts, rules: SemanticRules = EXACT, false: Counts | None = None, **more: Any
    ) -> SemanticStats:
        """Read tp, fp and fn off the table; ``false`` int64 [K] are predictions on no category."""
        counted, unscored = confusion, list(rules.unscored)
        if unscored:
            counted = confusion.copy()
            counted[unscored] = 0
            if rules.unscored_pred == "drop":
                counted[:, unscored] = 0
        tp = counted.diagonal().copy()
        fp = counted.sum(axis=0)[:-1] - tp
        if false is not None:
            fp += false
        if unscored:
            fp[unscored] = 0
        return cls(tp, fp, counted.sum(axis=1) - tp, confusion, **more)

    def __add__(self, other: SemanticStats) -> SemanticStats:
        known = self.confusion is not None and other.confusion is not None
        return SemanticStats(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.confusion + other.confusion if known else None,  # type: ignore[operator] # both known
            gathered(self.doubts + other.doubts),
            images=self.images + other.images,
        )

    def __iadd__(self, other: SemanticStats) -> SemanticStats:
        """Add in the arrays of these stats, which must be nobody else's."""
        tp, fp, fn, confusion = self.tp, self.fp, self.fn, self.confusion
        if confusion is None or other.confusion is None:
            return self + other
        tp += other.tp
        fp += other.fp
        fn += other.fn
        confusion += other.confusion
        doubts = gathered(self.doubts + other.doubts) if other.doubts else self.doubts
        return SemanticStats(tp, fp, fn, confusion, doubts, images=self.images + other.images)

    def row(self) -> ImageCounts:
        """Keep what the table of images keeps."""
        ids = np.flatnonzero(self.tp + self.fp + self.fn)
        counts = {name: getattr(self, name)[ids] for name in ("tp", "fp", "fn")}
        return ImageCounts(
            image_id=self.image_id,
            index=self.index,
            columns={"category_ids": ids.astype(np.int32), **counts, **self.columns},
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageCounts:
    """One row of ``images.parquet``: its lists as arrays by name."""

    image_id: str | None
    index: int | None
    columns: Mapping[str, NDArray[Any]]

    def dense(self, name: str, num_classes: int) -> Counts:
        """One column as int64 [K]."""
        out = np.zeros(num_classes, np.int64)
        out[self.columns["category_ids"]] = self.columns[name]
        return out


def rows_of_table(images: pa.Table, empty: Mapping[str, NDArray[Any]]) -> list[ImageCounts]:
    """Read the table of images; ``empty`` holds the columns of an image that failed."""
    return [
        ImageCounts(
            image_id=row["image_id"],
            index=row["index"],
            columns={name: np.array(row[name], none.dtype) for name, none in empty.items()},
        )
        for row in images.select(["image_id", "index", *empty]).to_pylist()
    ]


def measure(
    pred: Any,
    truth: Any,
    num_classes: int,
    ignore_index: int | None = 255,
    *,
    rules: SemanticRules = EXACT,
    once: Once | None = None,
    image_id: str | None = None,
    index: int | None = None,
    pred_file: str | None = None,
    truth_file: str | None = None,
) -> SemanticStats:
    """Count pixels by (true category, predicted category).

    Pixels whose truth is ``ignore_index`` are dropped, whatever was predicted there. Elsewhere a prediction
    of ``ignore_index`` misses: a false negative of the true category, a false positive of none. The
    protocol's ``rules`` may say otherwise of that, and of ids that are no category.

    Parameters
    ----------
    pred, truth
        Category ids: integers [H, W], [B, H, W] or [B, 1, H, W]; or the :class:`LabelRuns` of one image.
    num_classes
        K: ids are 0..K-1.
    ignore_index
        Id of pixels that are never scored; None for none.
    rules, once
        Those of the protocol, and where the table is that all protocols read.
    image_id, index, pred_file, truth_file
        Id and index are kept in the stats, id and files are named in errors.

    Raises
    ------
    DataError
        When the shapes differ, or an id that is scored is out of range and the rules do not tolerate it.
    UsageError
        When an input is not an array of integers of these shapes.
    """
    where: dict[str, Any] = {"image_id": image_id, "field": "mask"}
    truth, pred = labels(truth, "truth"), labels(pred, "pred")
    if pred.shape != truth.shape:
        raise DataError(f"it is {pred.shape} pixels, the truth {truth.shape}", file=pred_file, **where)
    ignore, once = NO_IGNORE if ignore_index is None else ignore_index, once or Once()
    table = counted(pred, truth, num_classes, ignore, once)
    if rules.truth_outside == "error" and table[-1].any():
        raise DataError(_outside("truth", pixels(truth), num_classes, ignore), file=truth_file, **where)
    reading = ("stats", ignore, *_reading(table, rules, ignore))
    table = resolved(table, rules, ignore)
    if rules.pred_outside == "error" and table[:num_classes, -1].any():
        scored = pixels(pred)[pixels(truth) != ignore]
        never = ignore if _ignore_misses(rules, num_classes, ignore) else NO_IGNORE
        raise DataError(_outside("prediction", scored, num_classes, never), file=pred_file, **where)
    return once.get(reading, lambda: read(table, rules, image_id=image_id, index=index))


def counted(pred: Labels, truth: Labels, num_classes: int, ignore: int, once: Once) -> Counts:
    """The table that every protocol reads, int64 [K + 2, K + 2]: see :func:`segbench.kernels.confusion`."""
    key = ("confusion", num_classes, ignore)
    return once.get(key, lambda: kernels.confusion(truth, pred, num_classes, ignore))


def resolved(table: Counts, rules: SemanticRules, ignore: int) -> Counts:
    """Return the table with predictions of the ignore index where the rules count them."""
    num_classes = len(table) - 2
    if _ignore_misses(rules, num_classes, ignore):
        return table
    table = table.copy()
    table[:, ignore if 0 <= ignore < num_classes else -1] += table[:, num_classes]
    table[:, num_classes] = 0
    return table


def _ignore_misses(rules: SemanticRules, num_classes: int, ignore: int) -> bool:
    return rules.pred_ignore == "miss" or (rules.pred_ignore == "category" and 0 <= ignore < num_classes)


def _reading(table: Counts, rules: SemanticRules, ignore: int) -> tuple[Any, ...]:
    """What of the rules a table is read by: those about ids that it does not hold make no difference."""
    k = len(table) - 2
    return (
        k,
        table[:k, k].any() and _ignore_misses(rules, k, ignore),
        rules.truth_outside if table[-1].any() else None,
        rules.pred_outside if table[:k, k:].any() else None,
        (rules.unscored, rules.unscored_pred) if rules.unscored else None,
    )


def read(table: Counts, rules: SemanticRules, **where: Any) -> SemanticStats:
    """Read a :func:`resolved` table as the rules say; ``where`` is image_id and index, for doubts."""
    num_classes = len(table) - 2
    confusion = table[:num_classes, : num_classes + 1].copy()
    if rules.pred_outside == "miss":
        confusion[:, -1] += table[:num_classes, -1]
    lost = {
        "truth_outside": int(table[-1].sum()),
        "pred_outside": int(table[:num_classes, -1].sum()),
        "pred_ignored": int(table[:num_classes, num_classes].sum()),
    }
    return SemanticStats.from_confusion(
        confusion,
        rules,
        table[-1, :num_classes] if rules.truth_outside == "false_positive" else None,
        doubts=tuple(Doubt(kind=kind, count=n, **where) for kind, n in lost.items() if n),
        images=1,
        **where,
    )


def _outside(what: str, ids: NDArray[Any], num_classes: int, ignore: int) -> str:
    bad = ids[((ids < 0) | (ids >= num_classes)) & (ids != ignore)]
    return (
        f"the {what} holds category id {bad[0]} on {(bad == bad[0]).sum()} pixels; "
        f"ids are 0..{num_classes - 1}" + ("" if ignore == NO_IGNORE else f", or {ignore} to ignore")
    )
