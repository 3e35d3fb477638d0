"""A failing case made smaller, as long as it fails in the same way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Row = dict[str, Any]
_MOST_ATTEMPTS = 600


def shrink(case: Row, failure: Callable[[Row], str | None], message: str) -> Row:
    """Return the smallest case found whose failure starts with the same words.

    Tried are: leaving out entries of lists (halves first) and keys of objects, plain spelling, and rounder
    numbers. What a try breaks otherwise fails in another way, and is not taken.
    """
    kind = message.partition(":")[0]
    attempts = 0
    progress = True
    while progress and attempts < _MOST_ATTEMPTS:
        progress = False
        for smaller in _smaller(case):
            attempts += 1
            found = failure(deepcopy(smaller)) if _size(smaller) < _size(case) else None
            if found is not None and found.partition(":")[0] == kind:
                case, progress = smaller, True
                break
            if attempts >= _MOST_ATTEMPTS:
                break
    return case


def _size(case: Row) -> int:
    return len(json.dumps(case))


def _smaller(case: Row) -> Iterator[Row]:
    for path, value in _places(case, ()):
        if isinstance(value, list) and value:
            yield from (_changed(case, path, kept) for kept in _cut(value))
        elif isinstance(value, dict):
            for key in value:
                yield _changed(case, path, {k: v for k, v in value.items() if k != key})
        elif isinstance(value, float):
            yield from (_changed(case, path, v) for v in (round(value), round(value, 1), round(value, 3)))
        elif value is not None and path[-1] in ("spelling", "params"):
            yield _changed(case, path, None)


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value within, the outer ones first."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def _cut(items: list[Any]) -> Iterator[list[Any]]:
    width = len(items)
    while width:
        for start in range(0, len(items), width):
            yield items[:start] + items[start + width :]
        width //= 2


def _changed(case: Row, path: tuple[Any, ...], value: Any) -> Row:
    """The case with another value at one place; what is not on the way there is shared."""
    if not path:
        return value
    copy = dict(case) if isinstance(case, dict) else list(case)
    copy[path[0]] = _changed(case[path[0]], path[1:], value)
    return copy
