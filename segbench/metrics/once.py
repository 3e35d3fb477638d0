"""Once: what several metrics need of one image, made by the first that asks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """What was made of one true and one predicted sample; used by one thread.

    What comes back is shared: whoever changes it must copy it first.

    >>> once = Once()
    >>> once.get("table", lambda: [1, 2]) is once.get("table", list)
    True
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under this key, or make it; the key names all that it depends on."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made
