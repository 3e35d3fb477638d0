"""ImageStats: stats kept image by image, each image once, in an order that no merge can change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from segbench.errors import DataError


class OfOneImage(Protocol):
    """Stats of one image."""

    @property
    def image_id(self) -> str | None:
        """The image's id."""
        ...

    @property
    def index(self) -> int | None:
        """Its position in the truth's data set."""
        ...


S = TypeVar("S", bound=OfOneImage)


class ImageStats(Generic[S]):
    """The stats of many images, in order of arrival."""

    def __init__(self) -> None:
        self._items: list[S] = []
        self._ids: set[str] = set()

    def extend(self, items: Iterable[S]) -> None:
        """Add images: all of them or, if one is refused, none.

        Raises
        ------
        DataError
            When an image is there already.
        """
        items = list(items)
        fresh: set[str] = set()
        for image_id in (item.image_id for item in items if item.image_id is not None):
            if image_id in self._ids or image_id in fresh:
                raise DataError("this image is scored twice", image_id=image_id)
            fresh.add(image_id)
        self._items += items
        self._ids |= fresh

    def __len__(self) -> int:
        return len(self._items)

    def by_id(self) -> list[S]:
        """The images in natural order of their ids: as integers where all are, else as text.

        Where an id is missing, the order of arrival.
        """
        ids = [item.image_id for item in self._items]
        known = [image_id for image_id in ids if image_id is not None]
        if len(known) < len(ids):
            return list(self._items)
        keys = [int(i) for i in known] if all(map(is_integer, known)) else known
        return [self._items[i] for i in sorted(range(len(keys)), key=keys.__getitem__)]

    def by_index(self) -> list[S]:
        """The images in order of their positions in the data set; where one is missing, :meth:`by_id`."""
        places = [item.index for item in self._items]
        known = [index for index in places if index is not None]
        if len(known) < len(places):
            return self.by_id()
        return [self._items[i] for i in sorted(range(len(known)), key=known.__getitem__)]


def is_integer(text: str) -> bool:
    """Tell whether a text is what an integer looks like."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(digits)) == digits
