"""Colours as web pages and annotation tools write them."""

from __future__ import annotations

Color = tuple[int, int, int]


def to_hex(color: Color) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def from_hex(text: str) -> Color | None:
    """Return the red, green and blue of ``#rrggbb``; None where it is nothing of the kind."""
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        return None
    return red, green, blue
