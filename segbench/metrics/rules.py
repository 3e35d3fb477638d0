"""Rules of protocols as frozen dataclasses: what differs from the defaults goes into a run record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from segbench.errors import UsageError, did_you_mean


def changed(rules: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass that differ from its defaults, as plain JSON values."""
    found = {f.name: (getattr(rules, f.name), f.default) for f in fields(rules)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, (value, default) in found.items()
        if value != default
    }


def with_settings(rules: Any, settings: Mapping[str, Any], beside: tuple[str, ...]) -> Any:
    """Return a frozen dataclass with some fields changed; names in ``beside`` are passed over.

    Raises
    ------
    UsageError
        When there is no such field.
    """
    known = {f.name: getattr(rules, f.name) for f in fields(rules)}
    for name, value in settings.items():
        if name in known:
            known[name] = tuple(value) if isinstance(value, list) else value
        elif name not in beside:
            raise UsageError(f"unknown setting {name!r}.{did_you_mean(name, [*known, *beside])}")
    return type(rules)(**known)
