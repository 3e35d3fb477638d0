"""What users hand to ``MaskAP.update``: dicts of columns, made samples."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.metrics.inputs import as_array

_PRED_KEYS = {"masks", "boxes", "category_ids", "scores"}
_FEDERATED = ("neg_category_ids", "not_exhaustive_category_ids")
_TRUTH_KEYS = {"masks", "boxes", "category_ids", "iscrowd", "ignore", "area", "ids", *_FEDERATED}


def samples_of(
    pred: Mapping[str, Any], truth: Mapping[str, Any], image_id: str, dense_ids: Mapping[int, int]
) -> tuple[Sample, Sample]:
    """Return the predictions and the truth of one image as samples.

    Parameters
    ----------
    pred, truth
        Columns as :meth:`segbench.metrics.instance.MaskAP.update` takes them.
    image_id
        The image's id.
    dense_ids
        Dense category id of each id that the columns may hold; a prediction of another gets -1.

    Raises
    ------
    UsageError
        When a column is missing, unknown, or not as long as the others.
    DataError
        When a mask is malformed or the truth has an unknown category.
    """
    check_columns(pred, truth)
    masks = [_masks(side.get("masks"), image_id) for side in (truth, pred)]
    height, width = next((size for _, size in masks if size is not None), (0, 0))
    sides = []
    for side, (rles, size) in zip((truth, pred), masks, strict=True):
        segments = _segments(side, rles, dense_ids)
        high, wide = size or (height, width)
        told: dict[str, Any] = {name: _dense(side.get(name), name, dense_ids) for name in _FEDERATED}
        sample = Sample(image_id=image_id, height=high, width=wide, segments=segments, overlap=True, **told)
        sides.append(sample)
    for segment, given in zip(sides[0].segments, _column(truth["category_ids"], "category_ids"), strict=True):
        if segment.category_id < 0:
            raise DataError(
                f"the truth has unknown category {given}", image_id=image_id, field="category_ids"
            )
    return sides[1], sides[0]


def check_columns(pred: Mapping[str, Any], truth: Mapping[str, Any]) -> None:
    """Refuse columns that are none, or lacking.

    Raises
    ------
    UsageError
        When a column is missing or unknown.
    """
    _check_keys(pred, _PRED_KEYS, ("category_ids", "scores"), "pred")
    _check_keys(truth, _TRUTH_KEYS, ("category_ids",), "truth")


def are_dense(masks: Any) -> bool:
    """Tell whether masks are one array [N, H, W], and not a list."""
    return kernels.dtype_name(masks) != ""


def _check_keys(columns: Mapping[str, Any], known: set[str], needed: tuple[str, ...], what: str) -> None:
    for key in columns:
        if key not in known:
            raise UsageError(f"{what} has an unknown column {key!r}.{did_you_mean(key, known)}")
    missing = [key for key in needed if key not in columns]
    if missing:
        raise UsageError(f"{what} lacks {', '.join(missing)}")


def _column(values: Any, name: str) -> list[Any]:
    column: list[Any] = as_array(values, name).tolist()
    return column


def _dense(ids: Any, name: str, dense_ids: Mapping[int, int]) -> tuple[int, ...] | None:
    """Dense ids of a list of categories; unknown ones are left out, since nothing is predicted of them."""
    if ids is None:
        return None
    return tuple(dense_ids[int(i)] for i in _column(ids, name) if int(i) in dense_ids)


def _segments(
    side: Mapping[str, Any], rles: Sequence[Rle] | None, dense_ids: Mapping[int, int]
) -> list[Segment]:
    n = len(_column(side["category_ids"], "category_ids"))
    columns: dict[str, Sequence[Any]] = {
        "ids": range(1, n + 1),
        **{name: [None] * n for name in ("scores", "iscrowd", "ignore", "area", "boxes", "masks")},
        **{
            name: _column(values, name)
            for name, values in side.items()
            if name not in ("masks", *_FEDERATED) and values is not None
        },
        **({} if rles is None else {"masks": rles}),
    }
    for name, column in columns.items():
        if len(column) != n:
            raise UsageError(f"{name} has {len(column)} entries, category_ids {n}")
    return [
        Segment(
            id=int(columns["ids"][i]),
            category_id=dense_ids.get(int(columns["category_ids"][i]), -1),
            iscrowd=bool(columns["iscrowd"][i]),
            ignore=bool(columns["ignore"][i]),
            source_area=columns["area"][i],
            bbox=None if columns["boxes"][i] is None else tuple(columns["boxes"][i]),
            rle=columns["masks"][i],
            source_kind="box" if columns["masks"][i] is None else "rle",
            score=columns["scores"][i],
        )
        for i in range(n)
    ]


def _masks(masks: Any, image_id: str) -> tuple[list[Rle] | None, tuple[int, int] | None]:
    """Masks as RLEs, and the size of their image where one says it."""
    if masks is None:
        return None, None
    if not isinstance(masks, list | tuple):
        masks = as_array(masks, "masks")
        if masks.ndim != 3:
            raise UsageError(f"masks must be [N, H, W], not {list(masks.shape)}")
        return [_rle(mask, image_id) for mask in masks], masks.shape[1:]
    rles = [_rle(mask, image_id) for mask in masks]
    return rles, (rles[0].height, rles[0].width) if rles else None


def _rle(mask: Rle | Mapping[str, Any] | NDArray[Any], image_id: str) -> Rle:
    where = {"image_id": image_id, "field": "masks"}
    if isinstance(mask, Rle):
        return mask.check(**where)
    if not isinstance(mask, Mapping):
        return Rle.from_mask(np.asarray(as_array(mask, "a mask")) != 0)
    try:
        (height, width), counts = map(operator.index, mask["size"]), mask["counts"]
    except (KeyError, TypeError, ValueError):
        raise DataError("an RLE needs size [height, width], two integers, and counts", **where) from None
    if isinstance(counts, str):
        if not counts.isascii():
            raise DataError("the counts of an RLE hold a character that is not ASCII", **where)
        counts = counts.encode("ascii")
    if isinstance(counts, bytes):
        return Rle(height, width, counts).check(**where)
    return Rle.from_runs(counts, height, width, **where)
