"""Batches: samples of one size, stacked into the arrays of the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.sample import Sample
from segbench.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of one size, stacked.

    Attributes
    ----------
    image
        uint8 [B, 3, H, W], RGB.
    mask
        [B, 1, H, W] of category ids: uint8, or int32 where asked for.
    image_ids
        The ids, in order.
    id2label
        What the ids in ``mask`` mean.
    """

    image: NDArray[np.uint8]
    mask: NDArray[Any]
    image_ids: tuple[str, ...]
    id2label: Mapping[int, str]


def make_batches(
    samples: Iterable[Sample], categories: Categories, size: int, mask_dtype: str
) -> Iterator[Batch]:
    """Check the settings, and return the batches; see :meth:`Dataset.batches`."""
    if size < 1:
        raise UsageError(f"a batch holds at least 1 sample, not {size}")
    check_mask_dtype(categories, mask_dtype)
    id2label = categories.id2label
    return (_stack(group, mask_dtype, id2label) for group in _groups(samples, size))


def check_mask_dtype(categories: Categories, mask_dtype: str) -> None:
    """Refuse a mask data type that cannot hold the category ids.

    Raises
    ------
    UsageError
        When it is neither uint8 nor int32, or is too small.
    """
    if mask_dtype not in ("uint8", "int32"):
        raise UsageError(f"mask_dtype must be 'uint8' or 'int32', not {mask_dtype!r}")
    if mask_dtype == "uint8" and len(categories) > 255:
        raise UsageError(f"{len(categories)} categories do not fit uint8 masks; pass mask_dtype='int32'")


def _groups(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    """Yield runs of at most ``size`` samples of one height and width."""
    group: list[Sample] = []
    for sample in samples:
        if group and (
            len(group) == size or (sample.height, sample.width) != (group[0].height, group[0].width)
        ):
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _stack(samples: list[Sample], mask_dtype: str, id2label: Mapping[int, str]) -> Batch:
    return Batch(
        image=np.stack([s.image for s in samples]),
        mask=np.stack([s.mask[None] for s in samples]).astype(mask_dtype, copy=False),
        image_ids=tuple(s.image_id for s in samples),
        id2label=id2label,
    )
