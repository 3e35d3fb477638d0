"""JSON spelled in odd but valid ways: key order, blanks, escapes, exponents, unknown and repeated keys."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from math import isfinite, nextafter
from random import Random
from typing import Any

PLAIN = frozenset({"counts", "size", "height", "width"})
"""Keys below which an integer stays one."""
WHOLE = frozenset({"id", "image_id", "category_id", "iscrowd"})
"""Keys of integers that other writers spell 7.0 or 7e0."""
HABITS = {
    "order": 0.5,
    "blanks": 0.5,
    "escapes": 0.5,
    "unknown keys": 0.5,
    "numbers": 0.7,
    "whole numbers": 0.2,
    "repeated keys": 0.15,
}
"""What may be odd in one file, and how often it is; the last two are out of the ordinary for fast readers."""
UNKNOWN = (
    ("note", 'a "quoted" \\ text'),
    ("extra", {"deep": [[], {}, [None, True, -1.5e-3]], "id": 5}),
    ("counts", "0b1"),
    ("", 0),
    ("züge\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), []),
)
_LARGEST_AS_FLOAT = 1 << 50
_ASCII = sys.platform == "win32"
"""pycocotools reads files in the system's encoding, which there is not UTF-8."""


def spell(value: Any, seed: int | None) -> str:
    """Return JSON of ``value``: plain where the seed is None, else one odd spelling of it."""
    return json.dumps(value) if seed is None else _Speller(Random(seed)).value(value, ())


class _Speller:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._oddity = rng.choice([0.02, 0.2, 0.6])
        self._habits = {habit for habit, part in HABITS.items() if rng.random() < part}

    def value(self, value: Any, path: tuple[Any, ...]) -> str:
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, (list, tuple)):
            items = [self.value(item, (*path, None)) for item in value]
            return f"[{self._blank()}{self._joined(items)}{self._blank()}]"
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        return self._number(value, path)

    def _odd(self, habit: str) -> bool:
        return habit in self._habits and self._rng.random() < self._oddity

    def _blank(self) -> str:
        return self._rng.choice(["", " ", "\n", "\t\r\n  "]) if self._odd("blanks") else ""

    def _joined(self, items: list[str]) -> str:
        return "".join(f"{',' if i else ''}{self._blank()}{item}" for i, item in enumerate(items))

    def _object(self, value: dict[str, Any], path: tuple[Any, ...]) -> str:
        pairs = list(value.items())
        if self._odd("order"):
            self._rng.shuffle(pairs)
        spelled = [(key, self.value(item, (*path, key))) for key, item in pairs]
        if self._odd("unknown keys"):
            key, item = self._rng.choice(UNKNOWN)
            if key not in value:
                spelled.insert(self._rng.randrange(len(spelled) + 1), (key, json.dumps(item)))
        if (
            path and spelled and self._odd("repeated keys")
        ):  # the last of equal keys counts; at the top level it is refused
            decoy = self._rng.choice(['"decoy"', "[1,[2]]", '{"size":[1,1],"counts":"1"}', "null", "-9"])
            spelled.insert(0, (self._rng.choice(spelled)[0], decoy))
        items = [f"{self._text(k)}{self._blank()}:{self._blank()}{item}" for k, item in spelled]
        return f"{{{self._blank()}{self._joined(items)}{self._blank()}}}"

    def _text(self, text: str) -> str:
        out = []
        for char in text:
            if self._odd("escapes"):
                out.append("".join(f"\\u{unit:04x}" for unit in _utf16(char)))
            elif char == "/" and self._odd("escapes"):
                out.append("\\/")
            else:
                out.append(json.dumps(char, ensure_ascii=_ASCII)[1:-1])
        return f'"{"".join(out)}"'

    def _number(self, value: float, path: tuple[Any, ...]) -> str:
        whole = bool(path) and path[-1] in WHOLE
        if PLAIN & set(path) or not self._odd("whole numbers" if whole else "numbers"):
            return json.dumps(value)
        if isinstance(value, int):
            return self._integer(value)
        return self._rng.choice(_SPELLINGS)(value) if isfinite(value) else json.dumps(value)

    def _integer(self, value: int) -> str:
        if value == 0:
            return self._rng.choice(["-0", "0.0", "0e5", "0E-3"])
        if abs(value) > _LARGEST_AS_FLOAT:
            return str(value)
        return self._rng.choice([f"{value}.0", f"{value}.000", f"{value}e0", f"{value}0e-1", f"{value}E+00"])


def _utf16(char: str) -> list[int]:
    raw = char.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]


def _exact(value: float) -> str:
    """Every digit of the value."""
    return format(Decimal(value), "f") if abs(value) > 1e-5 else repr(value)


def _halfway(value: float) -> str:
    """The point halfway to the next float, where that rounds back to the value, which is then even."""
    if not 1e-5 < abs(value) < 1e15:
        return repr(value)
    half = format((Decimal(value) + Decimal(nextafter(value, 2 * value))) / 2, "f")
    return half if float(half) == value else repr(value)


def _beyond_digits(value: float) -> str:
    """More digits than count."""
    return f"{value:.25e}"


_SPELLINGS = (
    lambda v: f"{v:.17e}",
    lambda v: f"{v:.17E}",
    lambda v: f"{v!r}00" if "e" not in repr(v) else repr(v),
    lambda v: repr(v).upper(),
    _exact,
    _halfway,
    _beyond_digits,
)
