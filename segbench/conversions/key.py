"""What makes two conversions the same, so that one goes on where the other was killed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segbench._version import __version__
from segbench.canonical import pen
from segbench.canonical.dataset import Dataset

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def conversion_key(dataset: Dataset, sources: Sequence[Path], settings: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of all that the target depends on.

    The images and categories that were chosen, settings, this version, and of each file of the sources its
    size and when it was changed. What was written before the machine was started is another conversion's:
    it may not have come to the disk.

    Parameters
    ----------
    dataset
        What is to be written.
    sources
        The files and folders that it is read from.
    settings
        Everything else, of which ``repr`` says what it is.
    """
    said = [
        __version__,
        pen.CHUNK,
        pen.FEW,
        _BOOT.read_text(encoding="ascii") if _BOOT.exists() else "",
        dataset.image_ids,
        dataset.splits,
        dataset.categories.to_json(),
        {name: repr(value) for name, value in settings.items()},
        [_state(source) for source in sources],
    ]
    return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _state(source: Path) -> list[Any]:
    """The path of a source; name, size and time of each file."""
    if not source.is_dir():
        found = source.stat()
        return [str(source.absolute()), found.st_size, found.st_mtime_ns]
    files = []
    for folder, folders, names in os.walk(source):
        folders.sort()
        below = os.path.relpath(folder, source)
        files += [[below, name, *_size_and_time(f"{folder}/{name}")] for name in sorted(names)]
    return [str(source.absolute()), files]


def _size_and_time(file: str) -> tuple[int, int]:
    """Those of a link that leads nowhere are zeros; whether its file is needed is no matter here."""
    try:
        found = os.stat(file)  # noqa: PTH116 - for each of millions of files
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
