"""Maps whose values name a class and an object: what each value means, and which value a segment is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from segbench.canonical.segment import Segment
from segbench.kernels import LabelRuns

ZERO_ID = (1 << 24) - 1
"""Id in the segment map of a segment whose value is 0, since 0 is void there."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value means: a segment of a category."""

    category_id: int
    iscrowd: bool = False
    ignore: bool = False


def read_segments(
    values: LabelRuns, meaning: Callable[[int], Meaning | None]
) -> tuple[LabelRuns, tuple[Segment, ...]]:
    """Return the segment map of a map of values, and its segments by rising value.

    Parameters
    ----------
    values
        Integers from 0 to 2**24 - 2.
    meaning
        Tells of each value that occurs what it means; None is void. It may raise DataError.

    Returns
    -------
    LabelRuns of int32, and segments whose id is their value; that of value 0 is ``ZERO_ID``.
    """
    present = values.ids()
    meant = [meaning(value) for value in present.tolist()]
    ids = [0 if m is None else value or ZERO_ID for value, m in zip(present.tolist(), meant, strict=True)]
    segments = tuple(
        Segment(id=i, category_id=m.category_id, iscrowd=m.iscrowd, ignore=m.ignore)
        for i, m in zip(ids, meant, strict=True)
        if m is not None
    )
    table = np.array(ids, np.int32)
    return values.renamed(table[np.searchsorted(present, values.values)]), segments


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a value holds a class and the number of an object in it: ``class * base + number``.

    Attributes
    ----------
    base
        1,000 in Cityscapes, 256 in Mapillary Vistas and KITTI.
    first
        Least number of an object.
    bare
        How a class is written without an object: ``key`` is the class by itself, a value below ``base``
        (Cityscapes); ``zero`` is number 0 (KITTI, where objects begin at 1; stuff of Mapillary Vistas).
    largest
        Largest value that may be given.
    """

    base: int
    first: int
    bare: str
    largest: int = 65_535

    def parts(self, value: int) -> tuple[int, int | None]:
        """Return class and number of a value; the number is None where it names no object."""
        if self.bare == "key" and value < self.base:
            return value, None
        key, number = divmod(value, self.base)
        return key, number if number >= self.first else None

    def bare_value(self, key: int) -> int | None:
        """Return the value of a class without an object; None where it does not fit."""
        value = key if self.bare == "key" else key * self.base
        fits = key >= 0 and value <= self.largest and (self.bare != "key" or key < self.base)
        return value if fits else None

    def value(self, key: int, number: int) -> int | None:
        """Return the value of an object; None where it does not fit, or would be read as another."""
        value = key * self.base + number
        fits = self.first <= number < self.base and 0 <= value <= self.largest
        return value if fits and self.parts(value) == (key, number) else None

    def give(self, segments: Sequence[tuple[int, int | None, bool]]) -> list[int | None]:
        """Return the value of each segment of an image.

        Parameters
        ----------
        segments
            ``(id, class or None, is an object)``. A class of None is given no value.

        Returns
        -------
        The id itself where it says what it should, so that what was read is written as it was; else the first
        number that is free; None where the class does not fit, or all its numbers are taken.
        """
        given: list[int | None] = [None] * len(segments)
        taken: set[int] = set()
        for i, (value, key, is_object) in enumerate(segments):
            if key is None:
                continue
            if not is_object:
                given[i] = self.bare_value(key)
            elif value not in taken and value <= self.largest and self.says(value, key):
                given[i] = value
                taken.add(value)
        free: dict[int, int] = {}
        for i, (_, key, is_object) in enumerate(segments):
            if key is not None and is_object and given[i] is None:
                given[i] = self._next(key, free, taken)
        return given

    def of_predictions(self, keys: Sequence[int], bare: Sequence[bool]) -> list[int | None]:
        """Return a value for each segment that is predicted, by its class and whether that needs no number.

        Each is told apart: the second bare segment of a class has a number too; None where none is left.
        """
        used: dict[int, int] = {}
        given: list[int | None] = []
        for key, is_bare in zip(keys, bare, strict=True):
            if is_bare and key not in used:
                used[key] = self.first
                given.append(self.bare_value(key))
                continue
            number = used.get(key, self.first)
            used[key] = number + 1
            given.append(self.value(key, number))
        return given

    def says(self, value: int, key: int) -> bool:
        """Tell whether a value names an object of a class."""
        found, number = self.parts(value)
        return found == key and number is not None

    def _next(self, key: int, free: dict[int, int], taken: set[int]) -> int | None:
        number = free.get(key, self.first)
        while (value := self.value(key, number)) in taken:
            number += 1
        free[key] = number + 1
        return value
