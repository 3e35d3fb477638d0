"""Tar shards: their members found without being read, and written so that equal content gives equal bytes.

A member is trusted in nothing: links, devices and sparse files, names that climb, sizes beyond the file or
``MAX_MEMBER``, and names that stand twice are refused, and so is an archive that breaks off or goes on after
its end.
"""

from __future__ import annotations

import io
import re
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbench.canonical.paths import check_name
from segbench.errors import DataError

MAX_MEMBER = 1 << 30
"""Bytes of a member that are read at most."""

_KEY = re.compile(r"((?:.*/|)[^./][^.]*)[.]([^/]*)", re.DOTALL)
_META = re.compile(r"__[^/]*__($|/)")
_BLOCK = 512


@dataclass(slots=True)
class Shard:
    """The samples of one tar: members whose names are equal up to the first dot of the file name.

    Attributes
    ----------
    file
        The tar.
    keys
        The name of each sample.
    endings
        What its members are called after the dot, in lower case.
    """

    file: Path
    keys: list[str] = field(default_factory=list)
    endings: list[tuple[str, ...]] = field(default_factory=list)
    _spans: array[int] = field(default_factory=lambda: array("q"))
    _starts: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: str, found: dict[str, tuple[int, int]], known: dict[Any, Any]) -> None:
        """Add a sample: where its members are, by ending; equal tuples of endings are held once."""
        endings = tuple(found)
        self.keys.append(key)
        self.endings.append(known.setdefault(endings, endings))
        self._starts.append(len(self._spans))
        for span in found.values():
            self._spans.extend(span)

    def read(self, place: int, ending: str) -> bytes:
        """Return the bytes of a member.

        Raises
        ------
        DataError
            When the file cannot be read, or is shorter than it was.
        """
        at = self._starts[place] + 2 * self.endings[place].index(ending)
        offset, size = self._spans[at], self._spans[at + 1]
        try:
            with self.file.open("rb") as handle:
                handle.seek(offset)
                data = handle.read(size)
        except OSError as error:
            raise DataError(f"cannot read the file: {error.strerror}", file=self.file) from None
        if len(data) < size:
            raise DataError("is cut off", file=self.file, image_id=self.keys[place])
        return data


def read_shard(file: Path) -> Shard:
    """Find the samples of a tar.

    Raises
    ------
    DataError
        When it is damaged, compressed, or has a member that is refused.
    """
    shard, known = Shard(file), dict[Any, Any]()
    seen: set[str] = set()
    key, found = "", dict[str, tuple[int, int]]()
    for member in _members(file):
        match = _KEY.fullmatch(member.name)
        if match is None or _META.match(member.name):
            continue
        if match[1] != key:
            if found:
                shard.add(key, found, known)
            key, found = match[1], {}
            if key in seen:
                raise DataError("members of this name stand in two places", file=file, image_id=key)
            seen.add(key)
        ending = match[2].lower()
        if ending in found:
            raise DataError(f"has two members {member.name!r}", file=file, image_id=key)
        found[ending] = (member.offset_data, member.size)
    if found:
        shard.add(key, found, known)
    return shard


def _members(file: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the regular files of a tar, each checked."""
    length, end = file.stat().st_size, 0
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # which would keep them all
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                if member.isdir():
                    end = member.offset_data
                    continue
                _check(member, length, file)
                yield member
    except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is no readable tar, or damaged: {error}{_hint(file)}", file=file) from None
    except OSError as error:
        raise DataError(f"cannot read the file: {error.strerror or error}", file=file) from None
    _check_end(file, end, length)


def _check(member: tarfile.TarInfo, length: int, file: Path) -> None:
    where: dict[str, Any] = {"file": file, "field": f"member {member.name[:200]!r}"}
    if not member.isreg() or member.issparse():
        raise DataError("is a link, a device or a sparse file; only plain files are read", **where)
    if member.size < 0 or member.offset_data + member.size > length:
        raise DataError(f"states {member.size} bytes, more than the archive has", **where)
    if member.size > MAX_MEMBER:
        raise DataError(f"has {member.size} bytes; at most {MAX_MEMBER} are read", **where)
    check_name(member.name, **where)


def _check_end(file: Path, end: int, length: int) -> None:
    """Refuse what tarfile takes for the end: a damaged header, or an archive that goes on after its end."""
    with file.open("rb") as handle:
        handle.seek(min(end, length))
        while block := handle.read(1 << 20):
            if block.strip(b"\0"):
                message = f"is damaged, or goes on after its end: no member begins at byte {end}"
                raise DataError(message, file=file)
    if length < end:
        raise DataError("is cut off", file=file)


def _hint(file: Path) -> str:
    with file.open("rb") as handle:
        packed = handle.read(4).startswith((b"\x1f\x8b", b"BZh", b"\xfd7z", b"(\xb5/\xfd"))
    return "; it is compressed: unpack it to a plain .tar first" if packed else ""


class ShardWriter:
    """Writes members to ``<stem>-000000.tar``, ``<stem>-000001.tar`` …

    Parameters
    ----------
    folder, stem
        Where, and the name before the number.
    max_bytes, max_samples
        When a shard has one of these, the next sample begins another.
    """

    def __init__(self, folder: Path, stem: str, *, max_bytes: int, max_samples: int) -> None:
        self.files: list[Path] = []
        self._folder, self._stem = folder, stem
        self._most = max_bytes, max_samples
        self._room = (0, 0)
        self._handle: io.BufferedWriter | None = None

    def add(self, members: bytes) -> None:
        """Write a sample: its members as :func:`tar_members` gives them."""
        if self._handle is None or self._room[0] < len(members) or self._room[1] < 1:
            self._next()
        handle = self._handle
        assert handle is not None
        handle.write(members)
        self._room = (self._room[0] - len(members), self._room[1] - 1)

    def close(self) -> None:
        """End the last shard."""
        if self._handle is not None:
            self._handle.write(bytes(-self._handle.tell() % tarfile.RECORDSIZE or tarfile.RECORDSIZE))
            self._handle.close()
            self._handle = None

    def _next(self) -> None:
        self.close()
        self.files.append(self._folder / f"{self._stem}-{len(self.files):06d}.tar")
        self._handle = self.files[-1].open("wb")
        self._room = self._most


def tar_members(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return members of these names and bytes as they stand in a tar."""
    parts = [(_header(name, len(data)), data, bytes(-len(data) % _BLOCK)) for name, data in members]
    return b"".join(part for member in parts for part in member)


def _header(name: str, size: int) -> bytes:
    """A header that says nothing of when and by whom; names that are long or no ASCII have a pax header."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.PAX_FORMAT)
