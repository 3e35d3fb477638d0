"""Pictures put into a data set: linked to the original file, or copied byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

from segbench.canonical.sample import ImageFile
from segbench.errors import UsageError

IMAGE_MODES = ("link", "copy", "none")
"""Hard-link the original files (copied where a link cannot be made), copy them, or leave them out."""


def check_mode(images: str) -> None:
    """Refuse a mode that is none of ``IMAGE_MODES``.

    Raises
    ------
    UsageError
        Naming the modes.
    """
    if images not in IMAGE_MODES:
        raise UsageError(f"images must be one of {', '.join(IMAGE_MODES)}, not {images!r}")


def place(file: Path, data: bytes) -> None:
    """Write bytes, making the folders above; in half the time of ``Path.write_bytes``.

    A file that is there is replaced, and never written into: it may be a link to an original.
    """
    handle = _created(file)
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)


def _created(file: Path) -> int:
    """Open a new file for writing; one of that name, which a killed writer left, is removed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        try:
            return os.open(file, flags, 0o666)
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            file.unlink(missing_ok=True)


def place_image(file: Path, image: ImageFile, images: str) -> None:
    """Put an original image at ``file``: ``link`` or ``copy``; a file that is there is replaced."""
    if image.path is None:
        place(file, image.read())
    elif images != "link" or not _linked(file, image.path):
        from shutil import copyfile  # which imports every compression

        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        copyfile(image.path, file)


def _linked(file: Path, original: Path) -> bool:
    """Make a hard link, and tell whether that can be done: on one file system, if it has links."""
    source = original.resolve() if original.is_symlink() else original
    while True:
        try:
            os.link(source, file)
        except FileNotFoundError:
            if file.parent.is_dir():  # so it is the original that is missing, which copying it says
                return False
            file.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            if file.samefile(source):
                return True
            file.unlink(missing_ok=True)
        except OSError:
            return False
        else:
            return True


def link_tree(source: Path, target: Path) -> None:
    """Put a file, or a folder with all that is in it, at ``target`` as well, by hard links if it can be."""
    if source.is_dir():
        for path in source.iterdir():
            link_tree(path, target / path.name)
    else:
        place_image(target, ImageFile(name=source.name, path=source), "link")
