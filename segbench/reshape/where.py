"""Where: a small language that chooses segments, and with them images: ``category=person and area>1024``.

::

    any    = all { "or" all }
    all    = one { "and" one }
    one    = "not" one | "(" any ")" | FIELD op VALUE | FIELD "in" "(" VALUE { "," VALUE } ")"
    op     = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"          ~ is a pattern: file_name~"frankfurt/*"

A value is a number, true or false, a bare word, or text in quotes. A comparison of what a segment lacks (the
score of a truth, say) does not hold.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segbench.errors import UsageError, did_you_mean
from segbench.reshape.fields import FIELDS

Test = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<op><=|>=|!=|==|[=<>~(),])|(?P<word>[^\s()=!<>~,"']+))"""
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed expression.

    Attributes
    ----------
    text
        As it was written.
    fields
        Those that it asks for: see :data:`segbench.reshape.fields.FIELDS`.
    categories
        Names that it compares categories with.
    holds
        Tells whether it holds for the values of a segment.
    """

    text: str
    fields: frozenset[str]
    categories: frozenset[str]
    holds: Test

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_where, (self.text,)


def parse_where(text: str) -> Where:
    """Parse an expression.

    Raises
    ------
    UsageError
        When it is none, saying where.
    """
    parser = _Parser(text)
    holds = parser.any_of()
    if parser.token is not None:
        raise parser.error(f"{parser.token!r} is not expected")
    return Where(text, frozenset(parser.fields), frozenset(parser.categories), holds)


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields: set[str] = set()
        self.categories: set[str] = set()
        self.at = 0
        self.kind = ""
        self.token: str | None = None
        self.advance()

    def error(self, message: str) -> UsageError:
        return UsageError(f"where {self.text!r}: at character {self.at}: {message}")

    def advance(self) -> str | None:
        """Go one token on, and return the one that was left."""
        left = self.token
        rest = self.text[self.at :]
        if not rest.strip():
            self.kind, self.token = "", None
            return left
        match = _TOKEN.match(rest)
        if match is None:
            raise self.error(f"cannot read {rest.strip()[:10]!r}")
        self.at += match.end()
        self.kind = str(match.lastgroup)
        self.token = match[self.kind]
        return left

    def keyword(self, word: str) -> bool:
        """Take this word if it is next."""
        found = self.kind == "word" and str(self.token).lower() == word
        if found:
            self.advance()
        return found

    def operator(self, sign: str) -> bool:
        """Take this sign if it is next."""
        found = self.kind == "op" and self.token == sign
        if found:
            self.advance()
        return found

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.keyword("or"):
            tests.append(self.all_of())
        return tests[0] if len(tests) == 1 else lambda values: any(test(values) for test in tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.keyword("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)

    def one(self) -> Test:
        if self.keyword("not"):
            test = self.one()
            return lambda values: not test(values)
        if self.operator("("):
            inside = self.any_of()
            if not self.operator(")"):
                raise self.error("a ) is missing")
            return inside
        return self.comparison()

    def comparison(self) -> Test:
        if self.kind != "word":
            raise self.error(f"a field is missing. Known: {', '.join(FIELDS)}.")
        name = str(self.advance())
        if name not in FIELDS:
            raise self.error(f"unknown field {name!r}.{did_you_mean(name, FIELDS)}")
        self.fields.add(name)
        if self.keyword("in"):
            return self.one_of(name)
        sign = self.advance() if self.kind == "op" else None
        if sign in ("=", "==", "!="):
            value = self.value(name)
            return _equal(name, value) if sign != "!=" else _unequal(name, value)
        if sign == "~":
            return _like(name, str(self.value(name, text=True)))
        if sign in _ORDER:
            if FIELDS[name] is not float:
                raise self.error(f"{name} is no number, and has no order")
            return _ordered(name, _ORDER[sign], self.value(name))
        raise self.error(f"after {name} one of = != < <= > >= ~ in is missing")

    def one_of(self, name: str) -> Test:
        if not self.operator("("):
            raise self.error("after in a ( is missing")
        values = [self.value(name)]
        while self.operator(","):
            values.append(self.value(name))
        if not self.operator(")"):
            raise self.error("a ) is missing")
        return lambda of: of.get(name) is not None and of[name] in values

    def value(self, name: str, *, text: bool = False) -> Any:
        """Take a value of the type of a field."""
        if self.kind not in ("text", "word"):
            raise self.error(f"a value of {name} is missing")
        quoted = self.kind == "text"
        token = str(self.advance())
        if quoted:
            token = token[1:-1]
        if name == "category" and not text:
            self.categories.add(token)
        if text or FIELDS[name] is str:
            return token
        if FIELDS[name] is bool and token.lower() in (*_WORDS, "0", "1"):
            return _WORDS.get(token.lower(), token == "1")
        try:
            number = float(token)
        except ValueError:
            kind = "a number" if FIELDS[name] is float else "true or false"
            raise self.error(f"{name} is {kind}, not {token!r}") from None
        if FIELDS[name] is bool:
            raise self.error(f"{name} is true or false, not {token!r}")
        return number


def _equal(name: str, value: Any) -> Test:
    return lambda of: of.get(name) is not None and of[name] == value


def _unequal(name: str, value: Any) -> Test:
    return lambda of: of.get(name) is not None and of[name] != value


def _ordered(name: str, compare: Callable[[Any, Any], bool], value: Any) -> Test:
    return lambda of: of.get(name) is not None and compare(of[name], value)


def _like(name: str, pattern: str) -> Test:
    return lambda of: of.get(name) is not None and fnmatch.fnmatchcase(str(of[name]), pattern)
