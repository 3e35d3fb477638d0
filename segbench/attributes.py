"""What is known of images beside their truth: folder, video and what else the source says of them.

A record keeps it in ``images.parquet``, as columns of text, so that leaderboards can draw images of one
video together, or tell scores apart by the weather, from the record alone.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

MOST = 64
"""So many attributes are kept; an image of a source that says more keeps the first."""

_LONGEST = 120
_DEPTH = 4
_PROBATION = 1000
_OF_CITYSCAPES = re.compile(r"([A-Za-z-]+)_\d{6}_\d{6}")
_OF_PEOPLE = re.compile(
    r"(?i)mail|user|login|author|annotator|label+er|owner|creator|review|_by$|person|phone|token|secret|password"
)
_SKIPPED = ("attributes", "tags", "flags")
"""Names of dicts that hold attributes: they are no part of an attribute's own name."""


def attributes_of(image_id: str, video_id: str | None, extra: Mapping[str, Any]) -> dict[str, str]:
    """Attributes of an image, by name.

    ``folder`` is that of its id, ``city`` that of an id as Cityscapes gives it, ``video_id`` its video;
    whatever words, flags and whole numbers the source says of it go by their names, those of dicts within
    dicts joined by dots. The outermost dict of a dict is the format's own, and gives no name. Records are
    published: what is named as if it told of people, such as who annotated an image, is left out.

    >>> attributes_of("val/a/1", "a", {"license": 4, "bdd100k": {"attributes": {"weather": "rainy"}}})
    {'folder': 'val/a', 'video_id': 'a', 'license': '4', 'weather': 'rainy'}
    """
    found: dict[str, str] = {}
    folder, _, name = image_id.rpartition("/")
    if folder:
        found["folder"] = folder
    if city := _OF_CITYSCAPES.fullmatch(name):
        found["city"] = city[1]
    if video_id is not None:
        found["video_id"] = video_id
    for key, value in extra.items():
        if isinstance(value, Mapping):
            for name, text in _leaves(value, "", _DEPTH):
                found.setdefault(name, text)
        elif _is_kept(key, value):
            found.setdefault(key, str(value))
    return found


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items() if depth and not _tells_of_people(name) else ():
            own = key if key not in _SKIPPED or not isinstance(item, Mapping) else ""
            yield from _leaves(item, ".".join(filter(None, (name, own))), depth - 1)
    elif name and _is_kept(name, value):
        yield name, str(value)


def _is_kept(name: str, value: Any) -> bool:
    if not isinstance(value, str | int) or _tells_of_people(name):
        return False
    text = str(value)
    return 0 < len(text) <= _LONGEST and "@" not in text  # as in an address


@lru_cache(maxsize=1024)
def _tells_of_people(name: str) -> bool:
    return _OF_PEOPLE.search(name) is not None


class AttributeColumns:
    """Attributes of many images, added one by one, as columns.

    A column whose values are all different tells no images apart from others, and is not kept.
    """

    def __init__(self) -> None:
        self._n_images = 0
        self._codes: dict[str, array[int]] = {}
        self._values: dict[str, dict[str, int]] = {}
        self._dropped: set[str] = set()

    def add(self, attributes: Mapping[str, str]) -> None:
        """Add the next image."""
        for name, text in attributes.items():
            if name in self._dropped or (name not in self._codes and len(self._codes) >= MOST):
                continue
            codes = self._codes.setdefault(name, array("i"))
            codes.extend([-1] * (self._n_images - len(codes)))
            values = self._values.setdefault(name, {})
            codes.append(values.setdefault(text, len(values)))
            if len(values) == _PROBATION and not self._repeats(name):
                self._dropped.add(name)
                del self._codes[name], self._values[name]
        self._n_images += 1

    def columns(self) -> dict[str, list[str | None]]:
        """Values by name, one an image, None where it has none."""
        return {name: self._column(name) for name in self._codes if self._repeats(name)}

    def _repeats(self, name: str) -> bool:
        return len(self._values[name]) < len(self._codes[name]) - self._codes[name].count(-1)

    def _column(self, name: str) -> list[str | None]:
        codes, values = self._codes[name], [*self._values[name], None]
        return [values[code] for code in codes] + [None] * (self._n_images - len(codes))
