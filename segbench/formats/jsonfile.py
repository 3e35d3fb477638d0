"""Large JSON files of COCO's shape, with nothing held but where each item stands.

A file is read once to find the start and end of every item of its top-level lists; the items themselves are
parsed again when asked for. So 2,000 or 200,000 annotations take 16 bytes each, every key is kept, and an
error names the item.
"""

from __future__ import annotations

import json
import mmap
import re
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from segbench.errors import DataError

LISTS = ("images", "annotations", "categories")
"""The lists that are long, and therefore indexed."""

_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK = b"\xef\xbb\xbf \t\r\n"  # the byte order mark too
_HEAD = 1 << 16
_LONGEST_HEAD = 1 << 26
_scan = json.JSONDecoder().raw_decode


class Items:
    """The items of one list of a JSON file, each parsed when asked for."""

    def __init__(self, file: Path, name: str, buffer: Any) -> None:
        self.file = file
        self.name = name
        self._buffer = buffer
        self._spans = array("q")

    def append(self, start: int, end: int) -> None:
        """Add the byte range of one more item."""
        self._spans.extend((start, end))

    def __len__(self) -> int:
        return len(self._spans) // 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        item: dict[str, Any] = json.loads(self._buffer[self._spans[2 * index] : self._spans[2 * index + 1]])
        return item

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))


class JsonFile:
    """Index of one JSON file: its long lists of objects, and the rest of its top level parsed.

    Parameters
    ----------
    path
        File whose top level is an object (COCO's truth) or a list (COCO's results, found under ``""``).
    visit
        Called with ``(list name, index, item)`` for every item during the one reading; the item is not kept.

    Attributes
    ----------
    lists
        ``{name: Items}`` for the top-level lists ``LISTS``, and for the file itself where it is a list.
    rest
        All other top-level values.

    Raises
    ------
    DataError
        When the file cannot be read, is not JSON (the message names line and column), has a key twice, or an
        item of its lists is no object.
    """

    def __init__(self, path: Path, visit: Callable[[str, int, dict[str, Any]], None] | None = None) -> None:
        self.path = path
        self.lists: dict[str, Items] = {}
        self.rest: dict[str, Any] = {}
        self._visit = visit
        self._buffer = _map_file(path)
        # Latin-1 maps every byte to one character, so that positions in the text are positions in the file.
        text = str(self._buffer, "latin-1")
        self._may_have_half_pairs = _SURROGATE.search(text) is not None
        try:
            end = self._read_top(text, _skip(text, 3 if text.startswith("\xef\xbb\xbf") else 0))
            if _skip(text, end) != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
        except DataError:
            raise
        except ValueError as error:
            raise DataError(f"is not valid JSON, or truncated: {error}", file=path) from None
        except (IndexError, RecursionError):
            raise DataError(
                "is not valid JSON, or truncated: it ends too early, or is nested too deep", file=path
            ) from None

    def require(self, name: str) -> Items:
        """Return the list of this name.

        Raises
        ------
        DataError
            When the file has none.
        """
        if name not in self.lists:
            raise DataError("is missing, or no list of objects", file=self.path, field=name or "top level")
        return self.lists[name]

    def _read_top(self, text: str, at: int) -> int:
        if text[at] == "[":
            return self._read_list(text, at, "")
        if text[at] != "{":
            raise DataError("is JSON, but neither an object nor a list", file=self.path)
        at = _skip(text, at + 1)
        while text[at] != "}":
            key, at = self._parse(text, at)
            if not isinstance(key, str):
                raise json.JSONDecodeError("Expecting a name in double quotes", text, at)
            if key in self.rest or key in self.lists:
                raise DataError("stands twice", file=self.path, field=key)
            at = _skip(text, _expect(text, _skip(text, at), ":"))
            if text[at] == "[" and key in LISTS:
                at = self._read_list(text, at, key)
            else:
                self.rest[key], at = self._parse(text, at)
            at = _next(text, at, "}")
        return at + 1

    def _read_list(self, text: str, at: int, name: str) -> int:
        items = self.lists[name] = Items(self.path, name, self._buffer)
        at = _skip(text, at + 1)
        while text[at] != "]":
            item, end = self._parse(text, at)
            if not isinstance(item, dict):
                raise DataError("is no JSON object", file=self.path, field=f"{name}[{len(items)}]")
            items.append(at, end)
            if self._visit is not None:
                self._visit(name, len(items) - 1, item)
            at = _next(text, end, "]")
        return at + 1

    def _parse(self, text: str, at: int) -> tuple[Any, int]:
        """Return the value that starts here, and where it ends; read again as UTF-8 where it is not ASCII."""
        value, end = _scan(text, at)
        if not text.isascii() and not (piece := text[at:end]).isascii():
            value = json.loads(piece.encode("latin-1").decode("utf-8"))
        if self._may_have_half_pairs:  # "\ud83d" alone is JSON, but no text that a file could hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value, end


def mentions(path: Path, *words: bytes) -> bool:
    """Tell whether one of these byte strings is in the first 64 MB of a file, looking at its start first."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
        if any(word in head for word in words):
            return True
        head += handle.read(_LONGEST_HEAD - _HEAD)
    return any(word in head for word in words)


def starts_with(path: Path, bracket: bytes) -> bool:
    """Tell whether the first character of a JSON file is this bracket."""
    with path.open("rb") as handle:
        return handle.read(_HEAD).lstrip(_BLANK).startswith(bracket)


def is_empty_list(path: Path) -> bool:
    """Tell whether a JSON file is ``[]``."""
    with path.open("rb") as handle:
        return b"".join(handle.read(_HEAD).strip(_BLANK).split()) == b"[]"


def _map_file(path: Path) -> Any:
    try:
        with path.open("rb") as handle:
            return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", file=path) from None
    except ValueError:
        raise DataError("is empty", file=path) from None


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _next(text: str, at: int, close: str) -> int:
    """Position of the next item, or of ``close``; a comma before ``close`` is refused."""
    at = _skip(text, at)
    if text[at] == close:
        return at
    at = _skip(text, _expect(text, at, ","))
    if text[at] == close:
        raise json.JSONDecodeError("Illegal trailing comma", text, at)
    return at


def _expect(text: str, at: int, char: str) -> int:
    if text[at] != char:
        raise json.JSONDecodeError(f"Expecting {char!r}", text, at)
    return at + 1
