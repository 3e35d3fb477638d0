"""Small JSON files, one a picture or a project: read whole, checked, and written."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError
from segbench.formats.pictures import read_text
from segbench.kernels import MAX_PIXELS


def read_json(file: Path, image_id: str | None = None, **where: Any) -> Any:
    """Return what a JSON file holds; NaN and infinite numbers are none.

    Raises
    ------
    DataError
        When it cannot be read, or is no JSON.
    """
    return parse_json(read_text(file, image_id), file=file, image_id=image_id, **where)


def parse_json(text: str, **where: Any) -> Any:
    """Return what a JSON text says; errors as :func:`read_json`, with ``where``."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text or "\\uD" in text:  # half a pair is JSON, but no text that a file could hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON: {error}", **where) from None
    return value


def read_object(file: Path, image_id: str | None = None) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises
    ------
    DataError
        When it holds anything else.
    """
    value = read_json(file, image_id)
    if not isinstance(value, dict):
        raise DataError("is JSON, but no object", file=file, image_id=image_id)
    return value


def need_items(item: Mapping[str, Any], key: str, *, field: str = "", **where: Any) -> list[dict[str, Any]]:
    """Return a list of objects.

    Raises
    ------
    DataError
        When it is missing, or anything else.
    """
    value, name = item.get(key), f"{field}.{key}".lstrip(".")
    if not isinstance(value, list):
        raise DataError("is missing, or no list", field=name, **where)
    for i, row in enumerate(value):
        if not isinstance(row, dict):
            raise DataError("is no object", field=f"{name}[{i}]", **where)
    return value


def need_points(value: Any, **where: Any) -> list[tuple[float, float]]:
    """Return a list of points [[x, y], …] of finite numbers up to 1e8.

    Raises
    ------
    DataError
        When it is anything else.
    """
    if not isinstance(value, list) or not value:
        raise DataError("is no list of points [[x, y], …]", **where)
    for point in value:
        is_pair = isinstance(point, list) and len(point) == 2 and set(map(type, point)) <= {int, float}
        if not is_pair or not all(abs(v) <= 1e8 for v in point):
            raise DataError(f"has {reprlib.repr(point)}, which is no point [x, y] of finite numbers", **where)
    return [(float(x), float(y)) for x, y in value]


def check_size(height: Any, width: Any, **where: Any) -> tuple[int, int]:
    """Return height and width of an image.

    Raises
    ------
    DataError
        When these are no integers, or none that an image can have.
    """
    if type(height) is not int or type(width) is not int:
        shown = f"{reprlib.repr(width)}×{reprlib.repr(height)}"
        raise DataError(f"the size of the image is no pair of integers: {shown}", **where)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(
            f"the image is {width}×{height} pixels; at least 1 and at most {MAX_PIXELS} are read", **where
        )
    return height, width


def categories_of(names: list[str]) -> Categories:
    """Return categories 0, 1, … of these names."""
    return Categories(Category(id=i, name=name) for i, name in enumerate(names))


def dump_json(value: Any, *, indent: int | None = None, **where: Any) -> bytes:
    """Return a value as JSON.

    Raises
    ------
    DataError
        When it holds NaN or an infinite number.
    """
    try:
        return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent) + "\n").encode()
    except ValueError:
        raise DataError(
            "holds NaN or an infinite number, which is no JSON; mend the source", **where
        ) from None


def head_has(file: Path, *words: bytes) -> bool:
    """Tell whether a file has all these byte strings in its first or last 64 kilobytes."""
    with file.open("rb") as handle:
        head = handle.read(1 << 16)
        handle.seek(max(0, file.stat().st_size - (1 << 16)))
        text = head + handle.read()
    return all(word in text for word in words)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
