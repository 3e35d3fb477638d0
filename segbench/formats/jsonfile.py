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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from segbench.errors import DataError

LISTS = ("images", "annotations", "categories")
"""The lists that are long, and therefore indexed."""

_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK = b"\xef\xbb\xbf \t\r\n"  # the byte order mark too
_PARSED_AT_ONCE = 256
_HEAD = 1 << 16
_BLOCK = 1 << 20
_KEPT = 1 << 22
_LONGEST_HEAD = 1 << 26
_scan = json.JSONDecoder().raw_decode


class Items:
    """The items of one list of a JSON file, each parsed when asked for."""

    def __init__(self, file: Path, name: str, buffer: Any, spans: array[int] | memoryview[int]) -> None:
        self.file = file
        self.name = name
        self._buffer = buffer
        self._spans = spans  # start and end of each item, in bytes
        self._read = 0

    def __len__(self) -> int:
        return len(self._spans) // 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        item: dict[str, Any] = json.loads(self._part(self._spans[2 * index], self._spans[2 * index + 1]))
        return item

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for first in range(0, len(self), _PARSED_AT_ONCE):  # nothing but commas stands between items
            last = min(first + _PARSED_AT_ONCE, len(self)) - 1
            yield from json.loads(b"[%b]" % self._part(self._spans[2 * first], self._spans[2 * last + 1]))

    def text(self, indices: Sequence[int]) -> bytes:
        """Return the JSON of some items, with commas between them."""
        if indices[-1] - indices[0] == len(indices) - 1:  # one after the other, as they stand there
            return self._part(self._spans[2 * indices[0]], self._spans[2 * indices[-1] + 1])
        return b",".join(self._part(self._spans[2 * i], self._spans[2 * i + 1]) for i in indices)

    def _part(self, start: int, end: int) -> bytes:
        """Bytes of the file; what was read of it long ago needs no memory any more."""
        self._read += end - start
        if self._read > _KEPT and hasattr(mmap, "MADV_DONTNEED"):
            self._buffer.madvise(mmap.MADV_DONTNEED)
            self._read = 0
        part: bytes = self._buffer[start:end]
        return part


class JsonLists:
    """What is known of one JSON file: its long lists of objects, and the rest of its top level parsed.

    Attributes
    ----------
    path
        The file.
    lists
        ``{name: Items}`` for the top-level lists ``LISTS``, and for the file itself, under ``""``, where it
        is a list.
    rest
        All other top-level values.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lists: dict[str, Items] = {}
        self.rest: dict[str, Any] = {}

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


class JsonFile(JsonLists):
    """Reads a JSON file of any shape.

    Parameters
    ----------
    path
        File whose top level is an object (COCO's truth) or a list (COCO's results, found under ``""``).
    visit
        Called with ``(list name, index, item)`` for every item during the one reading; the item is not kept.

    Raises
    ------
    DataError
        When the file cannot be read, is not JSON (the message names line and column), has a key twice, or an
        item of its lists is no object.
    """

    def __init__(self, path: Path, visit: Callable[[str, int, dict[str, Any]], None] | None = None) -> None:
        super().__init__(path)
        self._visit = visit
        self._buffer = map_file(path)
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
        spans = array("q")
        items = self.lists[name] = Items(self.path, name, self._buffer, spans)
        at = _skip(text, at + 1)
        while text[at] != "]":
            item, end = self._parse(text, at)
            if not isinstance(item, dict):
                raise DataError("is no JSON object", file=self.path, field=f"{name}[{len(items)}]")
            spans.extend((at, end))
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


def first_mention(path: Path, *words: bytes) -> bytes | None:
    """Return which of these byte strings comes first in the first 64 MB of a file; None where none does."""
    overlap = max(map(len, words)) - 1
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
        while head and handle.tell() <= _LONGEST_HEAD:
            found = [(at, word) for word in words if (at := head.find(word)) >= 0]
            if found:
                return min(found)[1]
            more = handle.read(_BLOCK)
            head = head[len(head) - overlap :] + more if more else b""
    return None


def starts_with(path: Path, bracket: bytes) -> bool:
    """Tell whether the first character of a JSON file is this bracket."""
    with path.open("rb") as handle:
        return handle.read(_HEAD).lstrip(_BLANK).startswith(bracket)


def is_empty_list(path: Path) -> bool:
    """Tell whether a JSON file is ``[]``."""
    with path.open("rb") as handle:
        return b"".join(handle.read(_HEAD).strip(_BLANK).split()) == b"[]"


def map_file(path: Path) -> Any:
    """Map a file into memory, to read parts of it.

    Raises
    ------
    DataError
        When it cannot be read, or is empty.
    """
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
