"""XML files of many records: indexed in one pass, each record parsed when it is asked for, and written.

Everything is parsed by defusedxml: a document type, entities and references to other files are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, fromstring

from segbench.errors import DataError

Node = list[Any]
"""An element as JSON: ``[tag, {name: value}, text, [children]]``."""

_BLOCK = 1 << 20
_TAIL = 1 << 10
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 50
_ENCODINGS = (None, "utf-8", "utf8", "us-ascii", "ascii")
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAULTS = (ParseError, DefusedXmlException, LookupError, ValueError)


@dataclass(slots=True)
class XmlIndex:
    """What one reading of a file notices: where its records are, and all else in full.

    Attributes
    ----------
    path
        The file.
    root
        The outermost element, as ``[tag, attributes]``.
    spans
        Where each record starts, and how many bytes it has.
    others
        The children of the root that are no records.
    """

    path: Path
    root: list[Any] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    others: list[Node] = field(default_factory=list)

    def node(self, index: int, **where: Any) -> Node:
        """Parse one record.

        Raises
        ------
        DataError
            When the file has changed since; ``where`` (image_id) goes into its message.
        """
        start, length = self.spans[index]
        try:
            with self.path.open("rb") as handle:
                handle.seek(start)
                return to_node(fromstring(handle.read(length)))
        except OSError as error:
            raise DataError(f"cannot read the file: {error.strerror}", file=self.path, **where) from None
        except _FAULTS as error:
            raise _refused(error, self.path, **where) from None


def read_index(path: Path, record: str, visit: Callable[[str, dict[str, str]], None]) -> XmlIndex:
    """Read a file once.

    Parameters
    ----------
    path
        The file, in UTF-8.
    record
        Tag of the children of the root that are records.
    visit
        Called with tag and attributes of each record and of its children; these are not kept.

    Raises
    ------
    DataError
        When it is no XML, declares a document type or entities, or is not in UTF-8.
    """
    index = XmlIndex(path)
    target = _Target(index, record, visit)
    parser: Any = DefusedXMLParser(target=target, forbid_dtd=True)
    target.expat = parser.parser
    target.expat.XmlDeclHandler = target.declare
    try:
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                if block.startswith(_UTF16):
                    raise DataError("is in UTF-16; write it again as UTF-8", file=path)
                parser.feed(block)
        parser.close()
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", file=path) from None
    except DataError:
        raise
    except _FAULTS as error:
        raise _refused(error, path) from None
    _measure(index, record)
    return index


class _Target:
    """What the parser calls: it follows the depth and builds nodes of what is no record."""

    def __init__(self, index: XmlIndex, record: str, visit: Callable[[str, dict[str, str]], None]) -> None:
        self.expat: Any = None
        self._index, self._record, self._visit = index, record, visit
        self._depth = 0
        self._in_record = False
        self._open: list[Node] = []

    def declare(self, _: str, encoding: str | None, __: int) -> None:
        if (encoding and encoding.lower()) not in _ENCODINGS:
            message = f"is in the encoding {encoding}; write it again as UTF-8"
            raise DataError(message, file=self._index.path)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise DataError(f"has elements nested deeper than {_DEEPEST}", file=self._index.path, field=tag)
        if self._depth == 1:
            self._index.root = [tag, attributes]
        elif self._depth == 2 and tag == self._record:
            self._in_record = True
            self._index.spans.append((self.expat.CurrentByteIndex, 0))
            self._visit(tag, attributes)
        elif self._in_record:
            if self._depth == 3:
                self._visit(tag, attributes)
        else:
            self._start_other(tag, attributes)

    def _start_other(self, tag: str, attributes: dict[str, str]) -> None:
        node: Node = [tag, attributes, "", []]
        (self._open[-1][3] if self._open else self._index.others).append(node)
        self._open.append(node)

    def end(self, _: str) -> None:
        if self._depth == 2 and self._in_record:
            self._in_record = False
            self._index.spans[-1] = self._index.spans[-1][0], self.expat.CurrentByteIndex
        elif self._open:
            self._open.pop()
        self._depth -= 1

    def data(self, text: str) -> None:
        if self._open and not self._open[-1][3]:
            self._open[-1][2] += text

    def close(self) -> None:
        for node in self._index.others:
            _strip(node)


def _measure(index: XmlIndex, record: str) -> None:
    """Turn where the end of each record is noticed, before its closing tag if any, into a length."""
    closing, spans = f"</{record}".encode(), []
    try:
        with index.path.open("rb") as handle:
            for start, last in index.spans:
                handle.seek(last)
                tail = handle.read(_TAIL)
                spans.append((start, last - start + (tail.find(b">") + 1) * tail.startswith(closing)))
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror}", file=index.path) from None
    index.spans = spans


def _strip(node: Node) -> None:
    node[2] = node[2].strip()
    for child in node[3]:
        _strip(child)


def to_node(element: Element) -> Node:
    """Return an element as JSON; what stands after an element is dropped."""
    children = [to_node(child) for child in element]
    return [element.tag, dict(element.attrib), (element.text or "").strip(), children]


def to_element(node: Any, **where: Any) -> Element:
    """Inverse of :func:`to_node`.

    Raises
    ------
    DataError
        When a text holds a character that XML cannot; ``where`` goes into its message.
    """
    tag, attributes, text, children = node
    element = Element(tag)
    for name, value in attributes.items():
        element.set(name, check_text(value, **where))
    element.text = check_text(text, **where) or None
    element.extend([to_element(child, **where) for child in children])
    return element


def check_text(text: str, **where: Any) -> str:
    """Return a text that XML can hold.

    Raises
    ------
    DataError
        When it has a control character or half a surrogate pair.
    """
    if found := _NO_TEXT.search(text):
        raise DataError(f"holds the character {found.group()!r}, which XML cannot", **where)
    return text


def child_text(node: Any, **where: Any) -> str:
    """Return a node as the text of a child of the root; errors as those of :func:`to_element`."""
    element = to_element(node, **where)
    indent(element, level=1)
    return tostring(element, encoding="unicode")


def write_document(handle: IO[str], root: str, children: Iterable[str]) -> None:
    """Write a document of these children, one after the other."""
    handle.write(f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>\n')
    for child in children:
        handle.write(f"  {child}\n")
    handle.write(f"</{root}>\n")


def _refused(error: Exception, path: Path, **where: Any) -> DataError:
    if isinstance(error, DefusedXmlException):
        return DataError("declares a document type or entities, which are not read", file=path, **where)
    return DataError(f"is no well-formed XML: {error}", file=path, **where)
