"""Categories: what the ids in a mask mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import NoneType
from typing import Any, overload

import numpy as np

from segbench.errors import DataError, did_you_mean

MAX_CATEGORIES = 65_535
"""Masks hold ids in at most 16 bits, the largest of which means *ignore*."""


@dataclass(frozen=True, slots=True)
class Category:
    """One class of a data set.

    Attributes
    ----------
    id
        Dense id, 0..N-1: the value that masks hold.
    name
        Label, the value in ``id2label``.
    source_id
        The id in the source data (COCO's sparse ``category_id``, say); the dense id where there is none.
    isthing
        True for countable classes, False for stuff, None where the source does not say.
    color
        RGB, 0..255, where the source gives one.
    parent
        Supercategory.
    synset
        WordNet synset, for LVIS.
    frequency
        How often it occurs in training images, for LVIS: ``r`` (rare), ``c`` (common) or ``f`` (frequent).
    """

    id: int
    name: str
    source_id: int | None = None
    isthing: bool | None = None
    color: tuple[int, int, int] | None = None
    parent: str | None = None
    synset: str | None = None
    frequency: str | None = None

    @property
    def key(self) -> int:
        """The id in the source data, or the dense id where the source has none."""
        return self.id if self.source_id is None else self.source_id


class Categories(Sequence[Category]):
    """The categories of one data set, in the order of their dense ids.

    Parameters
    ----------
    items
        Categories whose ids are 0, 1, … N-1 in this order.

    Raises
    ------
    DataError
        When ids are not dense, source ids repeat, or there are more than 65,535.
    """

    def __init__(self, items: Iterable[Category]) -> None:
        self._items = tuple(items)
        if [c.id for c in self._items] != list(range(len(self._items))):
            raise DataError("category ids must be 0, 1, … N-1 in order", field="categories")
        if len(self._items) > MAX_CATEGORIES:
            raise DataError(
                f"{len(self._items)} categories do not fit a 16-bit mask; at most {MAX_CATEGORIES}",
                field="categories",
            )
        self._by_key = {c.key: c for c in self._items}
        if len(self._by_key) != len(self._items):
            twice = Counter(c.key for c in self._items).most_common(1)[0][0]
            raise DataError(f"category id {twice} stands twice", field="categories")

    @classmethod
    def from_id2label(cls, id2label: Mapping[int, str]) -> Categories:
        """Make categories from ``{id: name}``; ids that are not dense become source ids."""
        return cls(
            Category(id=i, name=name, source_id=None if key == i else key)
            for i, (key, name) in enumerate(sorted(id2label.items()))
        )

    @classmethod
    def from_json(cls, rows: Iterable[Mapping[str, Any]], **where: Any) -> Categories:
        """Inverse of :meth:`to_json`.

        Raises
        ------
        DataError
            When the rows are not those of :meth:`to_json`; ``where`` (file) goes into its message.
        """
        try:
            categories = [
                Category(**{**row, "color": tuple(row["color"]) if row.get("color") else None})
                for row in rows
            ]
            for i, category in enumerate(categories):
                if wrong := _wrong_types(category):
                    raise DataError(f"number {i} has another type in {', '.join(wrong)}")
            return cls(categories)
        except DataError as error:
            raise DataError(error.message, field="categories", **where) from None
        except (TypeError, AttributeError) as error:
            raise DataError(f"are not a list of categories: {error}", field="categories", **where) from None

    def to_json(self) -> list[dict[str, Any]]:
        """One plain dict a category, as ``dataset.json`` holds them; ``frequency`` only where it is told."""
        names = [f.name for f in fields(Category)]
        rows = [{name: getattr(c, name) for name in names} for c in self._items]
        rows = [{**row, "color": list(row["color"]) if row["color"] else None} for row in rows]
        return [{k: v for k, v in row.items() if k != "frequency" or v is not None} for row in rows]

    @overload
    def __getitem__(self, index: int) -> Category: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Category, ...]: ...
    def __getitem__(self, index: int | slice) -> Category | tuple[Category, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Category]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Categories) and self._items == other._items

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return (
            f"Categories({len(self)}: {', '.join(c.name for c in self._items[:5])}{', …' * (len(self) > 5)})"
        )

    @property
    def id2label(self) -> dict[int, str]:
        """``{dense id: name}``."""
        return {c.id: c.name for c in self._items}

    @property
    def ignore_index(self) -> int:
        """Mask value of pixels that are never scored: 255, or 65,535 beyond 255 categories."""
        return 255 if len(self) <= 255 else 65_535

    @property
    def mask_dtype(self) -> np.dtype[Any]:
        """Data type of masks: uint8, or uint16 beyond 255 categories."""
        return np.dtype(np.uint8 if len(self) <= 255 else np.uint16)

    def find(self, source_id: object) -> Category | None:
        """Return the category with this source id; None where there is none."""
        return self._by_key.get(source_id) if type(source_id) is int else None

    def by_source_id(self, source_id: object, **where: Any) -> Category:
        """Return the category with this source id.

        Raises
        ------
        DataError
            When there is none; ``where`` (file, image_id, field) goes into its message.
        """
        category = self.find(source_id)
        if category is None:
            raise DataError(f"unknown category id {source_id!r}", **where)
        return category

    def by_name(self, name: str, **where: Any) -> Category:
        """Return the first category of this name.

        Raises
        ------
        DataError
            When there is none; ``where`` (file, image_id, field) goes into its message.
        """
        for category in self._items:
            if category.name == name:
                return category
        raise DataError(
            f"unknown category {name!r}.{did_you_mean(name, [c.name for c in self._items])}", **where
        )


_TYPES: dict[str, tuple[type, ...]] = {
    "id": (int,), "name": (str,), "source_id": (int, NoneType), "isthing": (bool, NoneType),
    "parent": (str, NoneType), "synset": (str, NoneType), "frequency": (str, NoneType),
}  # fmt: skip


def _wrong_types(category: Category) -> list[str]:
    """Name the fields that hold what they must not; compared exactly, as True is an integer."""
    wrong = [name for name, known in _TYPES.items() if type(getattr(category, name)) not in known]
    color = category.color
    if color is not None and not (len(color) == 3 and all(type(v) is int and 0 <= v <= 255 for v in color)):
        wrong.append("color")
    return wrong
