"""SemanticStats: pixels by category of one image or of many, and the two ways they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError, UsageError
from segbench.metrics.cells import Cells, Counts
from segbench.metrics.confused import confused_columns
from segbench.metrics.doubts import Doubt, gathered
from segbench.metrics.inputs import Labels, Logits, is_logits, labels, pixels
from segbench.metrics.once import Once
from segbench.metrics.semantic_rules import EXACT, SemanticRules

if TYPE_CHECKING:
    import pyarrow as pa

Chosen = NDArray[np.bool_]
NO_IGNORE = int(np.iinfo(np.int64).min)
"""An ignore index that no pixel holds."""


@dataclass(frozen=True, slots=True, eq=False)
class SemanticStats:
    """Pixel counts of one image or of many; ``+`` adds them exactly.

    Attributes
    ----------
    tp, fp, fn
        int64 [K], in pixels.
    table
        Of many images, int64 [K, K + 1], rows truth; column K counts pixels predicted as no category. Of one,
        the cells of it that have pixels. None where the counts come from the tables of a run record.
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
    table: Counts | Cells | None = None
    doubts: tuple[Doubt, ...] = ()
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    image_id: str | None = None
    index: int | None = None
    images: int = 0

    @classmethod
    def zero(cls, num_classes: int) -> SemanticStats:
        """Stats of no pixel."""
        tp, fp, fn = np.zeros((3, num_classes), np.int64)
        return cls(tp, fp, fn, np.zeros((num_classes, num_classes + 1), np.int64))

    @property
    def confusion(self) -> Counts | None:
        """The whole table, int64 [K, K + 1]; None where there is none."""
        if not isinstance(self.table, Cells):
            return self.table
        whole = np.zeros((len(self.tp), len(self.tp) + 1), np.int64)
        self.table.add_to(whole)
        return whole

    def __add__(self, other: SemanticStats) -> SemanticStats:
        whole = self.confusion
        return SemanticStats(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            None if whole is None else _plus(whole.copy(), other.table),
            gathered(self.doubts + other.doubts),
            images=self.images + other.images,
        )

    def __iadd__(self, other: SemanticStats) -> SemanticStats:
        """Add in the arrays of these stats, which must be nobody else's."""
        if not isinstance(self.table, np.ndarray):
            return self + other
        tp, fp, fn = self.tp, self.fp, self.fn
        tp += other.tp
        fp += other.fp
        fn += other.fn
        doubts = gathered(self.doubts + other.doubts) if other.doubts else self.doubts
        table = _plus(self.table, other.table)
        return SemanticStats(tp, fp, fn, table, doubts, images=self.images + other.images)

    def confused(self, rules: SemanticRules) -> dict[str, NDArray[Any]]:
        """Which of one image's scored pixels are taken for what; see :mod:`segbench.metrics.confused`."""
        if not isinstance(self.table, Cells):
            raise UsageError("pixels of many images are pooled: which image they are of is not known")
        wrong, cells = confused(self.table, rules)[2][0], self.table
        return confused_columns(cells.truth[wrong], cells.pred[wrong], cells.pixels[wrong], cells.num_classes)

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
        Category ids: integers [H, W], [B, H, W] or [B, 1, H, W]; or the :class:`LabelRuns` of one image. Pred
        may be logits [B, K, h, w] of any size: a pixel is of the class of the highest score, brought to the
        truth's size as :func:`segbench.kernels.logits_confusion` does.
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
    ignore, once = NO_IGNORE if ignore_index is None else ignore_index, once or Once()
    truth = labels(truth, "truth")
    if isinstance(pred, Logits) or is_logits(pred):
        pred = pred if isinstance(pred, Logits) else Logits.of(pred)
        cells = Cells.of_logits(truth := pred.truth_like(pixels(truth), num_classes, **where), pred, ignore)
    else:
        pred = labels(pred, "pred")
        if pred.shape != truth.shape:
            raise DataError(f"it is {pred.shape} pixels, the truth {truth.shape}", file=pred_file, **where)
        cells = counted(pred, truth, num_classes, ignore, once)
    if rules.truth_outside == "error" and (cells.truth > num_classes).any():
        raise DataError(_outside("truth", pixels(truth), num_classes, ignore), file=truth_file, **where)
    reading = ("stats", ignore, *_reading(cells, rules, ignore))
    cells = resolved(cells, rules, ignore)
    if rules.pred_outside == "error" and (cells.pred[cells.truth < num_classes] > num_classes).any():
        scored = pixels(pred)[pixels(truth) != ignore]
        never = ignore if _ignore_misses(rules, num_classes, ignore) else NO_IGNORE
        raise DataError(_outside("prediction", scored, num_classes, never), file=pred_file, **where)
    return once.get(reading, lambda: read(cells, rules, image_id=image_id, index=index))


def measure_cells(
    cells: Cells, ignore_index: int | None, rules: SemanticRules, **where: Any
) -> SemanticStats:
    """Measure what was counted already; ``where`` is image_id and index.

    Raises
    ------
    DataError
        When an id that is scored is out of range and the rules do not tolerate it.
    """
    k, ignore = cells.num_classes, NO_IGNORE if ignore_index is None else ignore_index
    lost = {"truth": cells.truth > k}
    kept = resolved(cells, rules, ignore)
    lost["prediction"] = (kept.truth < k) & (kept.pred > k)
    for (what, outside), rule in zip(lost.items(), (rules.truth_outside, rules.pred_outside), strict=True):
        if rule == "error" and outside.any():
            raise DataError(
                f"the {what} holds ids that are no category on {cells.pixels[outside].sum()} pixels; ids are "
                + _range(k, ignore),
                image_id=where.get("image_id"),
                field="mask",
            )
    return read(kept, rules, **where)


def counted(pred: Labels, truth: Labels, num_classes: int, ignore: int, once: Once) -> Cells:
    """The cells that every protocol reads."""
    key = ("confusion", num_classes, ignore)
    return once.get(key, lambda: Cells.of_maps(truth, pred, num_classes, ignore))


def resolved(cells: Cells, rules: SemanticRules, ignore: int) -> Cells:
    """Return the cells with predictions of the ignore index where the rules count them."""
    k = cells.num_classes
    if _ignore_misses(rules, k, ignore):
        return cells
    moved = np.where(cells.pred == k, ignore if 0 <= ignore < k else k + 1, cells.pred)
    return cells._replace(pred=moved)


def _ignore_misses(rules: SemanticRules, num_classes: int, ignore: int) -> bool:
    return rules.pred_ignore == "miss" or (rules.pred_ignore == "category" and 0 <= ignore < num_classes)


def _reading(cells: Cells, rules: SemanticRules, ignore: int) -> tuple[Any, ...]:
    """What of the rules cells are read by: those about ids that they do not hold make no difference."""
    k = cells.num_classes
    preds = cells.pred[cells.truth < k]
    return (
        k,
        bool((preds == k).any()) and _ignore_misses(rules, k, ignore),
        rules.truth_outside if (cells.truth > k).any() else None,
        rules.pred_outside if (preds >= k).any() else None,
        (rules.unscored, rules.unscored_pred) if rules.unscored else None,
    )


def read(cells: Cells, rules: SemanticRules, **where: Any) -> SemanticStats:
    """Read :func:`resolved` cells as the rules say; ``where`` is image_id and index, for doubts."""
    k = cells.num_classes
    true = cells.truth < k
    kept = cells.where(true)
    if cells.truth.max(initial=0) <= k and kept.pred.max(initial=0) < k:  # as in most images
        return SemanticStats(*_read(kept, rules), kept, images=1, **where)
    outside = cells.pred > k
    lost = {
        "truth_outside": cells.truth > k,
        "pred_outside": true & outside,
        "pred_ignored": true & (cells.pred == k),
    }
    counts = {kind: int(cells.pixels[cell].sum()) for kind, cell in lost.items()}
    kept = cells.where(true if rules.pred_outside == "miss" else true & ~outside)
    kept = kept._replace(pred=np.minimum(kept.pred, k))
    tp, fp, fn = _read(kept, rules)
    if rules.truth_outside == "false_positive":
        fp += cells.where(lost["truth_outside"] & (cells.pred < k)).by_pred()
        fp[list(rules.unscored)] = 0
    doubts = tuple(Doubt(kind=kind, count=n, **where) for kind, n in counts.items() if n)
    return SemanticStats(tp, fp, fn, kept, doubts, images=1, **where)


def confused(cells: Cells, rules: SemanticRules) -> tuple[tuple[Chosen, Counts], ...]:
    """Which cells of true categories are tp, fp and fn, bool [n] each, and of which categories.

    A false positive of an unscored category is none.
    """
    scored = np.ones(len(cells.pixels), np.bool_)
    if rules.unscored:
        scored = ~np.isin(cells.truth, rules.unscored)
        if rules.unscored_pred == "drop":
            scored &= ~np.isin(cells.pred, rules.unscored)
    right = cells.truth == cells.pred
    wrong = scored & ~right
    return (
        (scored & right, cells.truth),
        (wrong & (cells.pred < cells.num_classes), cells.pred),
        (wrong, cells.truth),
    )


def _read(cells: Cells, rules: SemanticRules) -> tuple[Counts, Counts, Counts]:
    """Read tp, fp and fn, int64 [K] each, off the cells of true categories."""
    if not rules.unscored:
        right = cells.where(cells.truth == cells.pred).by_truth()
        return right, cells.by_pred() - right, cells.by_truth() - right
    found = np.zeros((3, cells.num_classes), np.int64)
    for total, (chosen, ids) in zip(found, confused(cells, rules), strict=True):
        np.add.at(total, ids[chosen], cells.pixels[chosen])
    tp, fp, fn = found
    if rules.unscored:
        fp[list(rules.unscored)] = 0
    return tp, fp, fn


def _plus(table: Counts, other: Counts | Cells | None) -> Counts | None:
    """Add to a table in place; nothing where there is no other."""
    if isinstance(other, Cells):
        other.add_to(table)
        return table
    return None if other is None else np.add(table, other, out=table)


def _outside(what: str, ids: NDArray[Any], num_classes: int, ignore: int) -> str:
    bad = ids[((ids < 0) | (ids >= num_classes)) & (ids != ignore)]
    return f"the {what} holds category id {bad[0]} on {(bad == bad[0]).sum()} pixels; ids are " + _range(
        num_classes, ignore
    )


def _range(num_classes: int, ignore: int) -> str:
    return f"0..{num_classes - 1}" + ("" if ignore == NO_IGNORE else f", or {ignore} to ignore")
