"""Splits that the names of files and folders tell."""

from __future__ import annotations

import re
from pathlib import Path

SPLITS = (
    "train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation",
)  # fmt: skip
"""Usual names."""

_SHARD = re.compile(r"(?P<split>.+?)-\d{5,}(-of-\d{5,})?(-[0-9a-f]{16})?")


def split_of(file: Path, root: Path | None = None) -> str:
    """Return ``validation`` for ``validation-00000-of-00003.parquet``; else a usual name, or train.

    Looked at are the name of the file, and those of the folders below ``root`` or of the one that it is in.
    """
    match = _SHARD.fullmatch(file.stem)
    if match:
        return match["split"]
    folders = (file.parent.name,) if root is None else file.relative_to(root).parts[:-1]
    words = [*re.split(r"[-_. ]", file.stem), *reversed(folders)]
    return next((word for word in words if word.lower() in SPLITS), "train")


def folder_split(name: str) -> str:
    """Return the first folder of a name, or train where it is in none."""
    return name.split("/", 1)[0] if "/" in name else "train"
