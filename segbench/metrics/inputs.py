"""What users hand to ``update``: arrays of any library, categories and settings, made plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.kernels import LabelRuns

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
    array = as_array(values, what)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    if array.dtype.kind not in "iu":
        raise UsageError(f"{what} must hold integer ids, not {array.dtype}")
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (2, 3):
        raise UsageError(f"{what} must be [H, W], [B, H, W] or [B, 1, H, W], not {list(array.shape)}")
    return array


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
