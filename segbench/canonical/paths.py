"""Paths that come from data: they never lead out of their folder. Reading what they lead to."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from segbench.errors import DataError


def check_name(name: str, **where: Any) -> str:
    """Return a relative file name with forward slashes.

    Raises
    ------
    DataError
        When it is empty, absolute, names a drive, holds a NUL, is no Unicode, or climbs with ``..``.
    """
    unified = name.replace("\\", "/")
    parts = PurePosixPath(unified).parts
    clean = "/".join(parts)
    drive = PureWindowsPath(clean).drive
    if not parts or ".." in parts or unified.startswith("/") or drive or not _is_text(name):
        as_read = f" on Windows, where {drive} is a drive" * bool(drive)
        raise DataError(f"the path {name!r} leads out of its folder{as_read}, or is none", **where)
    return clean


def without_suffix(name: str) -> str:
    """Return a name without the suffix of its file: ``x/a`` of ``x/a.png``."""
    return PurePosixPath(name).with_suffix("").as_posix()


def caseless(name: str) -> str:
    """Return what a file system that ignores case and the composition of accents compares of a name."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def check_splits(splits: Iterable[str], **where: Any) -> list[str]:
    """Return the names of splits, which become folders or beginnings of file names.

    Raises
    ------
    DataError
        When one is no name of a folder, or two differ in case alone.
    """
    names = [check_name(split, field="split", **where) for split in splits]
    taken: dict[str, str] = {}
    for name in names:
        if (other := taken.setdefault(caseless(name), name)) != name:
            raise DataError(
                f"the splits {other!r} and {name!r} differ in case alone; rename one, or merge them",
                field="split",
                **where,
            )
    return names


def inside(root: Path, name: str, **where: Any) -> Path:
    """Return ``root / name``.

    Links are followed wherever they lead: they are the user's own, as those of a folder of pictures to
    another disk, or of every file in the cache of the Hugging Face Hub.

    Raises
    ------
    DataError
        When the name leads out of ``root``.
    """
    return root / check_name(name, **where)


def read_bytes(file: str | Path) -> bytes:
    """Return the bytes of a file, in half the time of ``Path.read_bytes``; errors as those of ``os.open``."""
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        stated = os.fstat(handle).st_size
        parts = [os.read(handle, stated + 1)]
        if len(parts[0]) != stated or stated == 0:  # a pipe, a file of the kernel's, or one that grows
            while part := os.read(handle, 1 << 16):
                parts.append(part)
    finally:
        os.close(handle)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def files_below(folder: Path) -> Iterator[str]:
    """Yield the path of every file below a folder, with forward slashes; no link to a folder is followed."""
    below = [""]
    while below:
        prefix = below.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(f"{prefix}{entry.name}/")
                elif entry.is_file():
                    yield prefix + entry.name


def _is_text(name: str) -> bool:
    """Tell whether a name can be written down: without NUL, and without bytes that are no UTF-8."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False
