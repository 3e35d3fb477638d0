"""Paths that come from data: they never lead out of their folder."""

from __future__ import annotations

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
    absolute = unified.startswith("/") or PureWindowsPath(clean).drive
    if not parts or ".." in parts or absolute or not _is_text(name):
        raise DataError(f"the path {name!r} leads out of its folder, or is none", **where)
    return clean


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


def _is_text(name: str) -> bool:
    """Tell whether a name can be written down: without NUL, and without bytes that are no UTF-8."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False
