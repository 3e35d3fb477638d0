"""The quick index of an ordinary COCO file: its annotations as columns, read by the kernel in one pass.

A file that is in any way out of the ordinary (damaged, ids that are text, keys that stand twice, …) has no
such index; :class:`segbench.formats.jsonfile.JsonFile` reads it, and says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.formats.jsonfile import Items, JsonLists, map_file

if TYPE_CHECKING:
    from segbench.kernels import CocoReader, MaskStore

_BLOCK = 1 << 20
_LARGE = 1 << 24
_LINE = 1 << 16
_BETWEEN = re.compile(rb"\}\s*,")
"""Between two objects of a list, or in a string: the reader of the first half knows."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotations:
    """The annotations or results of a file, N of them, as they stand there.

    Attributes
    ----------
    image_ids, category_ids
        int64 [N].
    ids
        int64 [N], of truth.
    areas, scores
        float64 [N], NaN where they are missing or null; None where all are.
    boxes
        float64 [N, 4], likewise.
    iscrowd
        bool [N].
    others
        int64: the annotations that have keys without a column.
    masks
        N masks.
    """

    image_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    ids: NDArray[np.int64] | None
    areas: NDArray[np.float64] | None
    scores: NDArray[np.float64] | None
    boxes: NDArray[np.float64] | None
    iscrowd: NDArray[np.bool_]
    others: NDArray[np.int64]
    masks: MaskStore

    def __len__(self) -> int:
        return len(self.image_ids)

    def places(self, place: Callable[[int], int | None]) -> NDArray[np.int64]:
        """Return the place of each annotation's image, int64 [N], -1 where that is unknown.

        ``place`` says it of one image, and None where it is unknown; it is asked where images change.
        """
        begins = np.flatnonzero(np.diff(self.image_ids, prepend=self.image_ids[:1] - 1))
        found = [place(image_id) for image_id in self.image_ids[begins].tolist()]
        places = np.array([-1 if p is None else p for p in found], np.int64)
        return np.repeat(places, np.diff(begins, append=len(self)))


class CocoIndex(JsonLists):
    """An ordinary file, whose annotations or results were read into columns."""

    def __init__(self, path: Path, reader: CocoReader) -> None:
        super().__init__(path)
        buffer = map_file(path)
        columns = reader.take_columns()
        spans = {"" if reader.is_results else "annotations": columns.pop("spans")}
        spans |= {"images": reader.images(), "categories": reader.categories()}
        if not reader.is_results and not reader.has("annotations"):
            del spans["annotations"]
        for name, found in spans.items():
            if found is not None:
                self.lists[name] = Items(path, name, buffer, memoryview(found.ravel()))
        for key, (start, end) in zip(reader.other_keys, reader.other_values().tolist(), strict=True):
            self.rest[key] = json.loads(buffer[start:end])
        columns["iscrowd"] = columns["iscrowd"].view(np.bool_)
        if columns["ids"] is None and not reader.is_results:
            columns["ids"] = np.empty(0, np.int64)
        self.annotations = Annotations(**columns)


def read_index(path: Path) -> CocoIndex | None:
    """Index a file of truth or results; None where it is out of the ordinary, or cannot be read."""
    try:
        reader, _ = _read_part(path, 0, None)
    except OSError:
        return None
    return CocoIndex(path, reader) if reader is not None and reader.complete else None


def read_results(path: Path) -> CocoIndex | None:
    """Index a large file of results in two threads, and any other as :func:`read_index`."""
    from concurrent.futures import ThreadPoolExecutor

    try:
        middle = _middle(path)
        if middle is not None:
            with ThreadPoolExecutor(1) as pool:
                later = pool.submit(_read_part, path, middle, None)
                (reader, left), (other, _) = _read_part(path, 0, middle), later.result()
            if reader is not None and other is not None and not left and reader.append(other):
                return CocoIndex(path, reader) if reader.complete else None
    except OSError:
        return None
    return read_index(path)


def _middle(path: Path) -> int | None:
    """Return where about half of a long list of objects begins, as it seems; None where there is no such."""
    size = path.stat().st_size
    if size < _LARGE:
        return None
    with path.open("rb") as file:
        if file.read(_LINE).lstrip()[:1] != b"[":
            return None
        file.seek(size // 2)
        found = _BETWEEN.search(file.read(_LINE))
    return None if found is None else size // 2 + found.end()


def _read_part(path: Path, begin: int, end: int | None) -> tuple[CocoReader | None, int]:
    """Read a file up to ``end``, or what follows ``begin`` in its list of results.

    Returns the reader, None where something is out of the ordinary, and how many bytes it left.
    """
    reader = kernels.CocoReader()
    if begin:
        reader.go_on(begin)
    with path.open("rb", buffering=0) as file:
        file.seek(begin)
        left = _feed(reader, file, None if end is None else end - begin)
    return (None, 0) if left is None else (reader, left)


def _feed(reader: CocoReader, file: FileIO, length: int | None) -> int | None:
    """Read so many bytes block by block; what the reader leaves of one, a part of an item, precedes the next.

    Returns how many bytes it left of the last; None where something is out of the ordinary.
    """
    block = np.empty(_BLOCK, np.uint8)
    left = 0
    while n := file.readinto(block[left : None if length is None else left + length].data):
        length = None if length is None else length - n
        filled = left + n
        taken = reader.feed(block[:filled])
        if taken < 0:
            return None
        left = filled - taken
        larger = np.empty(2 * len(block), np.uint8) if left > len(block) // 2 else block
        larger[:left] = block[taken:filled]
        block = larger
    return left
