"""Values of COCO's JSON, each checked: a wrong one is named with its file, image id and field."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any

from segbench.canonical.segment import Box
from segbench.errors import DataError


def need(item: Mapping[str, Any], key: str, kind: type | tuple[type, ...], **where: Any) -> Any:
    """Return ``item[key]``, which must be of this kind; ``where`` (``field`` of the item too) is for errors.

    Raises
    ------
    DataError
        When the key is missing or its value of another kind.
    """
    where["field"] = f"{where.pop('field', '')}.{key}".lstrip(".")
    if key not in item:
        raise DataError("is missing", **where)
    value = item[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"has the value {reprlib.repr(value)}, which is of the wrong type", **where)
    return value


def need_int(item: Mapping[str, Any], key: str, **where: Any) -> int:
    """Return an integer of 64 bits; ``7.0`` and ``7e0``, which some tools write, are 7.

    Raises
    ------
    DataError
        When the key is missing or its value is none.
    """
    value = need(item, key, (int, float), **where)
    if (isinstance(value, float) and not value.is_integer()) or not -(1 << 63) <= value < 1 << 63:
        where["field"] = f"{where.pop('field', '')}.{key}".lstrip(".")
        raise DataError(f"is no integer of 64 bits: {value!r}", **where)
    return int(value)


def need_id(item: Mapping[str, Any], key: str, **where: Any) -> int | str:
    """Return an id: a string as it is, or an integer as :func:`need_int` reads it."""
    value = item.get(key)
    return value if isinstance(value, str) else need_int(item, key, **where)


def read_flag(item: Mapping[str, Any], key: str, *, field: str, **where: Any) -> bool:
    """Return a flag that is 0, 1, true, false, null or missing.

    Raises
    ------
    DataError
        When it is anything else: the text ``"0"`` would count as true.
    """
    value = item.get(key)
    if value not in (None, 0, 1):
        raise DataError(f"must be 0 or 1, not {reprlib.repr(value)}", field=f"{field}.{key}", **where)
    return bool(value)


def read_number(value: Any, *, field: str, **where: Any) -> float:
    """Return a finite number as float.

    Raises
    ------
    DataError
        When it is none.
    """
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    except OverflowError:  # an integer beyond the range of floats
        pass
    raise DataError(f"is no finite number: {reprlib.repr(value)}", field=field, **where)


def read_optional(item: Mapping[str, Any], key: str, *, field: str, **where: Any) -> float | None:
    """Return a finite number as float, None where it is null or missing."""
    value = item.get(key)
    return None if value is None else read_number(value, field=f"{field}.{key}", **where)


def read_box(value: Any, *, field: str, **where: Any) -> Box | None:
    """Return ``[x, y, width, height]`` as floats; None for null or ``[]``.

    Raises
    ------
    DataError
        When it is anything else.
    """
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 4:
        raise DataError(f"a bbox is [x, y, width, height], not {reprlib.repr(value)}", field=field, **where)
    x, y, w, h = (read_number(v, field=field, **where) for v in value)
    return x, y, w, h
