"""The quick index of an ordinary COCO file: its annotations as columns, read by the kernel in one pass.

A file that is in any way out of the ordinary (damaged, ids that are text, keys that stand twice, …) has no
such index; :class:`segbench.formats.jsonfile.JsonFile` reads it, and says what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_END, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.formats.jsonfile import Items, JsonLists, map_file

if TYPE_CHECKING:
    from segbench.kernels import CocoReader, MaskStore

_BLOCK = 1 << 20
_SMALL = 1 << 22
"""Bytes of a file whose masks are kept in any case."""


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
        N masks; none where they are not kept.
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
        if columns["ids"] is None and not reader.is_results:
            columns["ids"] = np.empty(0, np.int64)
        self.annotations = _annotations(columns)


def read_index(path: Path, *, masks: bool = True) -> CocoIndex | None:
    """Index a file of truth or results; None where it is out of the ordinary, or cannot be read.

    Without ``masks`` a large file's are not kept, and ``annotations`` has none.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, SEEK_END)
            reader = kernels.CocoReader(size, masks or size <= _SMALL)
            file.seek(0)
            ordinary = _feed(reader, file)
    except OSError:
        return None
    return CocoIndex(path, reader) if ordinary and reader.complete else None


def read_annotations(text: bytes) -> Annotations | None:
    """Read annotations of truth that stand between the brackets of their list; None as :func:`read_index`."""
    whole = b'{"images":[],"categories":[],"annotations":[%b]}' % text
    reader = kernels.CocoReader(len(whole))
    if reader.feed(np.frombuffer(whole, np.uint8)) < 0 or not reader.complete:
        return None
    columns = reader.take_columns()
    del columns["spans"]
    return _annotations(columns)


def _annotations(columns: Any) -> Annotations:
    return Annotations(**{**columns, "iscrowd": columns["iscrowd"].view(np.bool_)})


def _feed(reader: CocoReader, file: FileIO) -> bool:
    """Read a file block by block; what the reader leaves of one, a part of an item, goes before the next."""
    block = np.empty(_BLOCK, np.uint8)
    left = 0
    while n := file.readinto(block[left:].data):
        filled = left + n
        taken = reader.feed(block[:filled])
        if taken < 0:
            return False
        left = filled - taken
        larger = np.empty(2 * len(block), np.uint8) if left > len(block) // 2 else block
        larger[:left] = block[taken:filled]
        block = larger
    return True
