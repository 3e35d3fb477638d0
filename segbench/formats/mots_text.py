"""MOTS' text files: ``frame id class height width rle``, a line an object of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from segbench.canonical.rle import Rle
from segbench.errors import DataError
from segbench.formats.pictures import read_text
from segbench.formats.plain_json import check_size

_WORDS = 6
_MOST_DIGITS = 9


class Row(NamedTuple):
    """An object of a frame: its id, which it keeps in a video, its class and mask."""

    id: int
    key: int
    rle: Rle


def read_rows(file: Path) -> dict[int, list[Row]]:
    """Return the objects of each frame that has one.

    Raises
    ------
    DataError
        When a line is damaged, or an id stands twice in a frame, or masks of one have two sizes.
    """
    frames: dict[int, list[Row]] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        where: dict[str, Any] = {"file": file, "field": f"line {number}"}
        words = line.split()
        if len(words) != _WORDS or not all(_is_number(word) for word in words[:5]):
            raise DataError("is no line of frame, id, class, height, width and run lengths", **where)
        frame, row_id, key, height, width = map(int, words[:5])
        rle = Rle(*check_size(height, width, **where), words[5].encode()).check(**where)
        rows = frames.setdefault(frame, [])
        if any(row.id == row_id for row in rows):
            raise DataError(f"the id {row_id} stands twice in frame {frame}", **where)
        if rows and (rows[0].rle.height, rows[0].rle.width) != (height, width):
            raise DataError(f"its mask is of another size than others of frame {frame}", **where)
        rows.append(Row(row_id, key, rle))
    return frames


def is_text(file: Path) -> bool:
    """Tell whether the first line of a file looks like one of an object."""
    with file.open("rb") as handle:
        words = handle.readline(1 << 20).split()
    return len(words) == _WORDS and all(word.isdigit() for word in words[:5])


def write_rows(rows: list[Row], frame: int) -> Iterator[str]:
    """Yield the lines of a frame."""
    for row in rows:
        counts = row.rle.counts.decode("ascii")
        yield f"{frame} {row.id} {row.key} {row.rle.height} {row.rle.width} {counts}\n"


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS
