"""What users hand to ``update``: arrays of any library, categories and settings, made plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.kernels import LabelRuns, dtype_name, host_view

if TYPE_CHECKING:
    from segbench.canonical.sample import Sample
    from segbench.metrics import Metric

Labels = NDArray[Any] | LabelRuns
"""A map of ids, or its runs."""


def as_array(values: Any, what: str) -> NDArray[Any]:
    """View a CPU array of any library (``__array__`` or DLPack) as NumPy, without a copy where possible.

    Raises
    ------
    UsageError
        When its memory is not the CPU's, or NumPy has no such data type.
    """
    through_dlpack = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
    try:
        return np.from_dlpack(values) if through_dlpack else np.asarray(values)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise UsageError(f"cannot read {what} as a CPU array ({error}); pass a detached CPU tensor") from None


def labels(values: Any, what: str) -> Labels:
    """Return ids as :func:`label_map`, or their runs where those are given."""
    return values if isinstance(values, LabelRuns) else label_map(values, what)


def pixels(ids: Labels) -> NDArray[Any]:
    """Return the map of what :func:`labels` returned."""
    return ids.to_map() if isinstance(ids, LabelRuns) else ids


def label_map(values: Any, what: str) -> NDArray[Any]:
    """Return ids as an integer array [H, W] or [B, H, W]; ``[B, 1, H, W]`` loses its axis of length 1.

    Raises
    ------
    UsageError
        When it is not of integers, or of another shape.
    """
    return as_labels(as_array(values, what), what)


def as_labels(array: Any, what: str) -> Any:
    """:func:`label_map` of an array of NumPy, or of a library with the same names."""
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    if array.dtype.kind not in "iu":
        raise UsageError(f"{what} must hold integer ids, not {array.dtype}")
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (2, 3):
        raise UsageError(f"{what} must be [H, W], [B, H, W] or [B, 1, H, W], not {list(array.shape)}")
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """Scores of classes.

    Attributes
    ----------
    scores
        [B, K, h, w], of NumPy or of a device's library; the bits of bfloat16.
    kind
        ``float32``, ``float16`` or ``bfloat16``.
    """

    scores: Any
    kind: str

    @classmethod
    def of(cls, values: Any) -> Logits:
        """View an array of the CPU, without a copy; errors as :meth:`check` and :func:`as_array`."""
        cls.check(values)
        return cls(host_view(values, "pred"), dtype_name(values))

    @staticmethod
    def check(values: Any) -> None:
        """Refuse what no kernel reads.

        Raises
        ------
        UsageError
            When they are of another type, or too many.
        """
        if dtype_name(values) not in ("float32", "float16", "bfloat16"):
            raise UsageError(f"logits must be float32, float16 or bfloat16, not {dtype_name(values)}")
        if values.shape[2] * values.shape[3] >= 2**31 or 0 in values.shape[1:]:
            raise UsageError(f"there are no scores in logits of shape {list(values.shape)}, or too many")

    def truth_like(self, truth: Any, num_classes: int, **where: Any) -> Any:
        """Return the truth as [B, H, W], to compare with.

        Raises
        ------
        UsageError
            When there are scores of more or of fewer classes.
        DataError
            When the truth is of another number of images.
        """
        images, classes = self.scores.shape[:2]
        if classes != num_classes:
            raise UsageError(f"there are scores of {classes} classes, and the metric has {num_classes}")
        maps = truth[None] if truth.ndim == 2 else truth
        if len(maps) != images:
            raise DataError(f"there are scores of {images} images, and the truth of {len(maps)}", **where)
        return maps

    def by_image(self) -> list[Logits]:
        """The scores of each image, as a batch of one."""
        return [Logits(self.scores[i : i + 1], self.kind) for i in range(len(self.scores))]


def is_logits(values: Any) -> bool:
    """Tell whether an array holds scores of classes: floats [B, K, h, w].

    >>> is_logits(np.zeros((1, 2, 3, 3))), is_logits(np.zeros((1, 1, 3, 3), np.uint8)), is_logits([[0.5]])
    (True, False, False)
    """
    return "float" in dtype_name(values) and len(values.shape) == 4


def as_categories(
    source: Categories | Iterable[Category | Mapping[str, Any]] | int,
) -> tuple[Categories, dict[int, int]]:
    """Return categories and a table from the ids that ``source`` gives them to dense ids.

    Parameters
    ----------
    source
        Categories, their number, or rows ``{id, name, isthing, frequency}`` as COCO and LVIS have them; then
        the ids in ``update`` are those of the rows.

    Raises
    ------
    UsageError
        When a row has no id, or there is no row.
    DataError
        When an id stands twice.
    """
    if isinstance(source, int | np.integer):
        source = [Category(id=i, name=str(i)) for i in range(source)]
    rows = list(source)
    if not rows:
        raise UsageError("there must be one category or more")
    ids = [row.id if isinstance(row, Category) else row.get("id") for row in rows]
    if not all(isinstance(key, int) for key in ids):
        raise UsageError("every category needs an integer id")
    dense = ids == list(range(len(ids)))
    items = [row if isinstance(row, Category) else _category(i, row, dense) for i, row in enumerate(rows)]
    return Categories(items), {int(key): i for i, key in enumerate(ids) if key is not None}


def _category(index: int, row: Mapping[str, Any], dense: bool) -> Category:
    isthing = row.get("isthing")
    return Category(
        id=index,
        name=str(row.get("name", row["id"])),
        source_id=row.get("source_id") if dense else row["id"],
        isthing=None if isthing is None else bool(isthing),
        parent=row.get("parent", row.get("supercategory")),
        frequency=row.get("frequency"),
    )


def named_categories(num_classes: int, labels: Sequence[str] | Mapping[int, str] | None) -> Categories:
    """Return categories 0..num_classes-1 with names in order or by id; their ids where there are none.

    Raises
    ------
    UsageError
        When ``num_classes`` is below 1 or does not fit ``labels``.
    """
    if num_classes < 1:
        raise UsageError(f"num_classes must be at least 1, not {num_classes}")
    names = dict(enumerate(labels)) if isinstance(labels, Sequence) else dict(labels or {})
    if names and sorted(names) != list(range(num_classes)):
        raise UsageError(f"labels must name the categories 0..{num_classes - 1}")
    return Categories(Category(i, names.get(i, str(i))) for i in range(num_classes))


def check_ignore(pred: Sample, truth: Sample, ignore_index: int | None) -> None:
    """Refuse masks of an ignore index that is not the metric's.

    Raises
    ------
    DataError
        When one has another.
    """
    for sample in (pred, truth):
        if ignore_index is not None and sample.ignore_index != ignore_index:
            raise DataError(
                f"the mask's ignore index is {sample.ignore_index}, the metric's {ignore_index}",
                file=sample.source_path,
                image_id=sample.image_id,
                field="ignore_index",
            )


def check_protocol(protocol: str, known: Iterable[str]) -> str:
    """Return the name of a protocol when it is known.

    Raises
    ------
    UsageError
        When it is not.
    """
    if protocol not in known:
        raise UsageError(f"unknown protocol {protocol!r}.{did_you_mean(protocol, known)}")
    return protocol


def check_same(one: Metric, other: Metric) -> None:
    """Refuse to merge metrics that do not count the same thing.

    Raises
    ------
    UsageError
        When their kind, protocol, categories or settings differ.
    """
    if type(one) is not type(other):
        raise UsageError(f"cannot merge {type(other).__name__} into {type(one).__name__}")
    for what in ("protocol", "categories", "settings"):
        mine, theirs = getattr(one, what), getattr(other, what)
        if mine != theirs:
            raise UsageError(f"cannot merge metrics of differing {what}: {mine!r} and {theirs!r}")
