"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from segbench.errors import UsageError

if sys.platform != "win32":
    import fcntl

PLACING = "placing"
"""The file in a writer's hidden folder that says that parts of a target take their places, one by one."""

_TRIES = 20
"""How often a folder is tried to be locked that a writer may have left, ten times a second."""
_FEW = 100
"""So many files are flushed to the disk one by one; for more of them one call flushes the whole system."""


@contextmanager
def replace_file(target: Path, key: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; once the block ends without an error, it takes its place.

    With a ``key`` it stands in a folder of its own, which is that of a killed writer with this key if there
    is one, with all that is in it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if key is not None:
        with _workspace(target, key) as work:
            yield work / "new"
            _sync(work / "new")
            (work / "new").replace(target)
        _remove_leftovers(target)
        return
    part = _beside(target, ".part")
    part.touch(exist_ok=False)
    try:
        yield part
        _sync(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def create_file(target: Path, data: bytes) -> bool:
    """Write a file that is not there yet, whole and down to the disk; tell whether it was this call that did.

    Of several writers at a time, in any process, one wins, and the others are told so.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(target, ".part")
    try:
        part.write_bytes(data)
        _sync(part)
        try:
            target.hardlink_to(part)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if target.exists():
                return False
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return True


@contextmanager
def replace_folder(target: Path, key: str | None = None) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; once the block ends without an error, it takes its place.

    With a ``key``, 16 hexadecimal digits, it is that of a killed writer with this key if there is one, with
    all that is in it.

    A folder that was there is moved aside first and removed last, so that at every moment one of the two is
    whole. Where ``target`` is a link to a folder, that folder is replaced. A writer that is killed leaves a
    hidden ``.part`` folder, which the next one that succeeds removes, unless it goes on in it.

    Raises
    ------
    UsageError
        When ``target`` is a file.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file, and a folder is to be written there")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _workspace(target, key) as work:
        new, old = work / "new", work / "old"
        if old.exists() and not target.exists():  # a writer was killed between the two
            old.replace(target)
        new.mkdir(exist_ok=True)
        yield new
        _sync_below(new)
        if target.exists():
            _remove(old)
            target.replace(old)
        try:
            new.replace(target)
        except BaseException:
            if old.exists():
                old.replace(target)
            raise
    _remove_leftovers(target)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Tell whether this process holds a folder until the block ends: no other does, and it is still there.

    One that is killed holds nothing. Where there are no locks, everybody holds it.
    """
    handle, held = None, True
    try:
        if sys.platform != "win32":
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        held = False
    except OSError:  # a file system without locks
        pass
    try:
        yield held and folder.is_dir()
    finally:
        _unlock(handle)


@contextmanager
def _workspace(target: Path, key: str | None) -> Iterator[Path]:
    """Yield a hidden ``.part`` folder beside ``target``, locked as long as its writer lives."""
    work, lock = _taken_over(target, key) or _fresh(target, key)
    try:
        yield work
    finally:
        _remove(work)
        _unlock(lock)


def _fresh(target: Path, key: str | None) -> tuple[Path, int | None]:
    """Make a folder and lock it; under another name where a living writer has that of the key."""
    fresh = _beside(target, "")
    fresh.mkdir()
    lock = _lock(fresh)  # before it is called so: unlocked, it would look like a leftover
    named = target.with_name(f"{_stem(target)}{key}.part")
    return fresh.rename(
        fresh.with_name(f"{fresh.name}.part") if key is None or named.exists() else named
    ), lock


def _taken_over(target: Path, key: str | None) -> tuple[Path, int] | None:
    """Lock the folder that a killed writer with this key left; its own workers end within moments."""
    work = target.with_name(f"{_stem(target)}{key}.part")
    for _ in range(_TRIES if key is not None and sys.platform != "win32" else 0):
        if not work.is_dir():
            return None
        lock = _lock(work)
        if lock is not None and work.is_dir() and work.stat().st_ino == os.fstat(lock).st_ino:
            return work, lock
        _unlock(lock)
        time.sleep(0.1)
    return None


def is_half_placed(target: Path) -> bool:
    """Tell whether a writer was killed as parts of a target took their places, and this one did not yet."""
    return not target.exists() and any((folder / PLACING).exists() for folder in _leftovers(target))


def _remove_leftovers(target: Path) -> None:
    """Remove what killed writers of ``target`` left."""
    for folder in _leftovers(target):
        _remove(folder)


def _leftovers(target: Path) -> Iterator[Path]:
    """Yield the hidden folders beside a target that nobody holds a lock of, each locked meanwhile."""
    leftover = re.compile(re.escape(_stem(target)) + r"[0-9a-f]{16}\.part")
    for folder in target.parent.iterdir() if target.parent.is_dir() else ():
        if leftover.fullmatch(folder.name) and (lock := _lock(folder)) is not None:
            try:
                yield folder
            finally:
                _unlock(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder, until it is unlocked or the process ends; None where that cannot be done."""
    if sys.platform == "win32":
        return None
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a living writer, gone, or on a file system without locks
        _unlock(handle)
        return None
    return handle


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f"{_stem(target)}{os.urandom(8).hex()}{suffix}")


def _stem(target: Path) -> str:
    return f".{target.name[:40]}."


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_below(folder: Path) -> None:
    found = (file for file in folder.rglob("*") if file.is_file())
    files = list(islice(found, _FEW + 1))
    if len(files) > _FEW and hasattr(os, "sync"):  # thousands of masks one by one take minutes
        os.sync()
        return
    for file in files:
        _sync(file)


def _remove(folder: Path) -> None:
    from shutil import rmtree  # which imports every compression

    rmtree(folder, ignore_errors=True)
