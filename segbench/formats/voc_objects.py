"""Class and object of a pixel in Pascal VOC: what each pair means, and which pair a segment is given.

::

    class  object
    0      0        background
    255    255      void: boundaries, and ignore regions
    c      1 … 254  an object of class c
    c      0        class c, objects not told apart; of things a group
    c      255      a group of class c
    255    0 … 254  void that is an object: kept as an ignore region
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories
from segbench.canonical.segment import Segment
from segbench.errors import DataError
from segbench.formats.value_maps import ZERO_ID, Meaning, read_segments
from segbench.formats.voc_labels import BACKGROUND, VOID
from segbench.kernels import LabelRuns

BASE = 256
"""Ids in the segment map: an object's own, where all of it is of one class; else ``class * 256 + object``."""


class Pair(NamedTuple):
    """What a segment's pixels hold in the two maps."""

    class_id: int
    object_id: int


_VOID = Pair(VOID, VOID)


def read_pairs(
    classes: NDArray[Any], objects: NDArray[Any], categories: Categories, **where: Any
) -> tuple[LabelRuns, tuple[Segment, ...]]:
    """Return the segment map of two maps of one size, uint8, and its segments.

    Of an object of several classes the one of most pixels has its id; its other parts are segments too.

    Raises
    ------
    DataError
        When an object has no class, or a class is none of the categories; ``where`` goes into its message.
    """
    pairs = classes.astype(np.int32) * BASE + objects
    counts = np.bincount(pairs.ravel(), minlength=BASE * BASE).reshape(BASE, BASE)
    if (lone := np.flatnonzero(counts[BACKGROUND, 1:VOID])).size:
        raise DataError(f"object {lone[0] + 1} has pixels without a class", field="object", **where)
    main: NDArray[np.intp] = counts[:VOID].argmax(0)
    table = np.arange(BASE * BASE, dtype=np.int32)
    table[VOID] = BACKGROUND  # the background where there is no object either
    numbers = np.flatnonzero(main[:VOID] > BACKGROUND)
    numbers = numbers[numbers > 0]
    numbers = numbers[counts[main[numbers], numbers] > 0]
    table[main[numbers] * BASE + numbers] = numbers
    values = LabelRuns.of(table[pairs])
    return read_segments(values, partial(_meaning, main, categories, where))


def _meaning(
    main: NDArray[np.intp], categories: Categories, where: dict[str, Any], value: int
) -> Meaning | None:
    class_id, object_id = divmod(value, BASE)
    if class_id == VOID:
        return None if object_id == VOID else Meaning(BACKGROUND, ignore=True)
    if class_id == BACKGROUND and object_id != BACKGROUND:
        class_id = int(main[object_id])
    if class_id >= len(categories):
        raise DataError(
            f"has the class {class_id}, which is none of {len(categories)}", field="class", **where
        )
    is_group = object_id == VOID or (object_id == 0 and categories[class_id].isthing is True)
    return Meaning(class_id, iscrowd=is_group)


class Wanted(NamedTuple):
    """A segment that is to be written.

    Attributes
    ----------
    segment
        The segment.
    class_id
        Its class; None where there is none for it.
    isthing
        What is known of the class as it will be read again.
    is_object
        Whether it is to be told apart from others of its class.
    pixels
        How many are seen of it.
    """

    segment: Segment
    class_id: int | None
    isthing: bool | None
    is_object: bool
    pixels: int = 0


def give_pairs(wanted: Sequence[Wanted]) -> list[Pair]:
    """Return the pair of each segment of an image.

    What was read is written as it was; other objects get the first id that is free. Void is for what has no
    class, and an object for which no id is left is told by its class alone.
    """
    given: list[Pair | None] = []
    whole = {one.segment.id: one for one in wanted if one.segment.id < BASE and kept(one) is not None}
    for one in wanted:
        pair = kept(one)
        is_object = pair is not None and 0 < pair.object_id < VOID and pair.class_id != VOID
        if is_object and (pair in given or not _is_whole_or_part(one, whole)):
            pair = None
        given.append(pair)
    taken = {pair.object_id for pair in given if pair is not None}
    free = iter([number for number in range(1, VOID) if number not in taken])
    return [
        pair or Pair(one.class_id or BACKGROUND, next(free, 0))
        for pair, one in zip(given, wanted, strict=True)
    ]


def _is_whole_or_part(one: Wanted, whole: Mapping[int, Wanted]) -> bool:
    """Whether an id is an object's own, or that of a part beside an object of which more is seen."""
    if one.segment.id < BASE:
        return True
    main = whole.get(one.segment.id % BASE)
    return main is not None and (main.pixels, -(main.class_id or 0)) > (one.pixels, -(one.class_id or 0))


def kept(one: Wanted) -> Pair | None:
    """The pair that a segment's kind and id ask for; None for an object whose id is no object's here."""
    segment, class_id = one.segment, one.class_id
    says, number = divmod(segment.id, BASE)
    is_ours = segment.source_kind == "map"
    if segment.ignore:
        return Pair(VOID, number) if is_ours and says == VOID else _VOID
    if class_id is None or class_id == BACKGROUND:
        return _VOID if class_id is None else Pair(BACKGROUND, 0)
    if segment.iscrowd:
        return Pair(class_id, 0 if one.isthing and segment.id == class_id * BASE else VOID)
    if not one.is_object or (is_ours and one.isthing is None and segment.id == class_id * BASE):
        return Pair(class_id, 0)
    if 0 < number < VOID and (says == 0 or (is_ours and says == class_id)):
        return Pair(class_id, number)
    return None


def read_id(pair: Pair) -> int:
    """Return the id that a segment with such a pair is read with, where it is no part of an object."""
    if pair.class_id == BACKGROUND:
        return ZERO_ID
    is_object = 0 < pair.object_id < VOID and pair.class_id != VOID
    return pair.object_id if is_object else pair.class_id * BASE + pair.object_id
