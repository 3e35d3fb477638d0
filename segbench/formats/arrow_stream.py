"""Arrow streams of others, looked at before they are read: buffers are to stand in the file as they are.

A buffer that is packed states how large it becomes, and is unpacked to that whole. ``datasets`` packs none.

Source: ``Message.fbs`` of Arrow's format.
"""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

_HEADER_KIND, _HEADER = 1, 2
_DICTIONARY, _BATCH = 2, 3
"""Fields of a message, and kinds of its header."""
_DATA_OF_DICTIONARY, _COMPRESSION = 1, 3


def is_packed(source: Any) -> bool:
    """Tell whether a batch of a stream is compressed.

    Raises
    ------
    ArrowException, struct.error
        When the stream is damaged.
    """
    reader = pa.ipc.MessageReader.open_stream(source)
    return any(_is_packed(bytes(message.metadata)) for message in reader)


def _is_packed(data: bytes) -> bool:
    (root,) = struct.unpack_from("<I", data)
    kind_at, header_at = _field(data, root, _HEADER_KIND), _field(data, root, _HEADER)
    if kind_at is None or header_at is None:
        return False
    (kind,) = struct.unpack_from("<B", data, kind_at)
    if kind not in (_DICTIONARY, _BATCH):
        return False
    batch = _table(data, header_at)
    if kind == _DICTIONARY:
        at = _field(data, batch, _DATA_OF_DICTIONARY)
        if at is None:
            return False
        batch = _table(data, at)
    return _field(data, batch, _COMPRESSION) is not None


def _table(data: bytes, at: int) -> int:
    """The place of a table that is referred to."""
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """The place of a field of a table; None where it is absent."""
    known = table - struct.unpack_from("<i", data, table)[0]
    if known < 0:
        raise struct.error("the table of fields lies before the message")
    (length,) = struct.unpack_from("<H", data, known)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", data, known + at)[0] if at < length else 0
    return table + offset if offset else None
