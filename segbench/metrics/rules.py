"""Rules of protocols as frozen dataclasses: settings change them, and what differs goes into a run record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from segbench.errors import UsageError, did_you_mean


def changed(rules: Any, base: Any = None) -> dict[str, Any]:
    """The fields of a frozen dataclass that differ from its defaults, or from ``base``, as plain JSON values.

    With the rules of a protocol as ``base``, a setting that goes back to a default is said too.
    """
    found = {f.name: (getattr(rules, f.name), f.default) for f in fields(rules)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, (value, default) in found.items()
        if value != default or (base is not None and value != getattr(base, name))
    }


def with_settings(rules: Any, settings: Mapping[str, Any], beside: tuple[str, ...]) -> Any:
    """Return a frozen dataclass with some fields changed; names in ``beside`` are passed over.

    Raises
    ------
    UsageError
        When there is no such field, or the value is none that it may have.
    """
    known = {f.name: getattr(rules, f.name) for f in fields(rules)}
    kinds = get_type_hints(type(rules))
    for name, value in settings.items():
        if name in known:
            known[name] = checked(name, value, kinds[name])
        elif name not in beside:
            raise UsageError(f"unknown setting {name!r}.{did_you_mean(name, [*known, *beside])}")
    return type(rules)(**known)


def checked(name: str, value: Any, kind: Any) -> Any:
    """Return the value of a setting as its type has it; one number alone is a list of one.

    Parameters
    ----------
    name
        Of the setting, for the error.
    value
        A plain JSON value, or what it stands for.
    kind
        The type: ``int``, ``float``, ``bool``, ``str``, ``None``, a ``Literal``, a tuple of one type or of a
        fixed length, a ``Mapping`` from names, or a union of these.

    Raises
    ------
    UsageError
        When the value is none of the type.

    >>> checked("max_detections", [1, 10], tuple[int, ...])
    (1, 10)
    """
    try:
        return _as(kind, value)
    except TypeError:
        raise UsageError(f"setting {name} must be {_words(kind)}, not {value!r}") from None


def _as(kind: Any, value: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _tuple(parts, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise TypeError
        return {str(key): _as(parts[1], item) for key, item in value.items()}
    if origin in (Union, UnionType):
        return _first_of(parts, value)
    if origin is Literal:
        if not isinstance(value, str) or value not in parts:
            raise TypeError
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError
    return value


def _tuple(parts: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if isinstance(value, int | float):
        value = [value]
    if not isinstance(value, list | tuple):
        raise TypeError
    if parts[-1] is Ellipsis:
        return tuple(_as(parts[0], item) for item in value)
    if len(value) != len(parts):
        raise TypeError
    return tuple(_as(part, item) for part, item in zip(parts, value, strict=True))


def _first_of(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in kinds:
        try:
            return _as(kind, value)
        except TypeError:
            continue
    raise TypeError


def _words(kind: Any) -> str:
    """What a type asks for, in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is tuple:
        return (
            f"a list, each {_words(parts[0])}"
            if parts[-1] is Ellipsis
            else f"a list of {len(parts)}, each {_words(parts[0])}"
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"names, each with {_words(parts[1])}"
    if origin in (Union, UnionType):
        return " or ".join(map(_words, parts))
    if origin is Literal:
        return " or ".join(map(repr, parts))
    return {int: "a whole number", float: "a finite number", bool: "true or false", NoneType: "null"}[kind]
