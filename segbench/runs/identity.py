"""What makes two runs the same: hashes of model and data, for the key of a plan."""

from __future__ import annotations

import glob
import hashlib
import inspect
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.canonical.dataset import Dataset
from segbench.records.environment import packages

if TYPE_CHECKING:
    from segbench.models import SegModel


def data_identity(dataset: Dataset) -> dict[str, Any]:
    """Say which data a run is on, without reading all of it.

    The fingerprint where the data set states one. Else the hash of its file; of a folder names, sizes and
    times of change of all files; and of a data set in memory its fingerprint, which is computed.
    """
    found: dict[str, Any] = {"name": dataset.name, "format": dataset.format, "splits": dict(dataset.splits)}
    path = dataset.path
    if dataset.stated_fingerprint is not None or path is None or not path.exists():
        return {**found, "fingerprint": dataset.fingerprint}
    if path.is_file():
        with path.open("rb") as file:
            return {**found, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return {**found, "files_sha256": _hash(_files(path))}


def files_identity(path: Path) -> str | None:
    """Hash of names, sizes and times of a model's file and what is named as it is, or of all in a folder.

    None where there is neither.
    """
    if path.is_dir():
        return _hash(_files(path))
    if not path.is_file():
        return None
    return _hash(_line(file, path.parent) for file in path.parent.glob(f"{glob.escape(path.stem)}.*"))


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _files(folder: Path) -> Iterator[str]:
    """``path, size, time`` of every file below a folder, links followed; those that are hidden left out."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            yield _line(Path(place, name), folder)


def _line(file: Path, folder: Path) -> str:
    stat = file.stat()
    return f"{file.relative_to(folder).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"


def model_identity(plugin: SegModel, spec: str | None) -> dict[str, Any] | None:
    """Say which model runs: its spec, its code, what it states of its weights, and those that are in it.

    None where it cannot be told from another one: an object without ``weights_sha256`` and ``revision``.
    What else it reads, when it is loaded or later, is not seen.
    """
    from segbench.models import code_sha256, source_of
    from segbench.models.inside import imports_sha256, weights_inside_sha256

    info = plugin.info
    if spec is None and info.weights_sha256 is None and info.revision is None:
        return None
    cls = type(plugin)
    return {
        "name": info.name,
        "spec": spec or f"{cls.__module__}.{cls.__qualname__}",
        "code_sha256": code_sha256(spec) if spec else _source_sha256(cls),
        "imports_sha256": imports_sha256(plugin, source_of(spec) if spec else None),
        "revision": info.revision,
        "weights_sha256": info.weights_sha256,
        "weights_inside_sha256": None if info.weights_sha256 else weights_inside_sha256(plugin),
        "packages": packages(),
        "tasks": list(info.tasks),
        "id2label": {str(i): label for i, label in info.id2label.items()},
    }


def _source_sha256(cls: type) -> str | None:
    try:
        return hashlib.sha256(inspect.getsource(cls).encode()).hexdigest()
    except (OSError, TypeError):
        return None
