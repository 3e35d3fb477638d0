"""Files and folders in stores that fsspec knows (``s3://``, ``hf://``, ``memory://``), to and from the disk.

A store cannot rename, so no folder appears there at once. While one is sent, an object ``NAME.uploading``
stands beside it, which is put first and removed last: what has one is not whole, and is not read here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segbench.canonical.paths import files_below, inside, without_suffix
from segbench.errors import DataError, SegbenchError, UsageError

_AT_ONCE = 8
"""So many files are under way at a time."""
_UPLOADING = ".uploading"


def is_remote(path: object) -> bool:
    """Tell whether a path names something in a store: ``s3://bucket/set``."""
    return isinstance(path, str) and "://" in path


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder in a store.

    Attributes
    ----------
    url
        Its name.
    files
        The fsspec file system.
    path
        Its path there.
    """

    url: str
    files: Any
    path: str

    def beside(self, name: str) -> Remote:
        """Return another one in the folder of this one."""
        url, path = self.url.rstrip("/"), self.path.rstrip("/")
        return Remote(f"{url.rpartition('/')[0]}/{name}", self.files, f"{path.rpartition('/')[0]}/{name}")

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    @property
    def marker(self) -> Remote:
        """What stands beside it while it is sent."""
        return self.beside(self.name + _UPLOADING)

    def listed(self) -> dict[str, Any]:
        """``{path below it, "" for a file itself: what the store says}``; nothing where it is not there."""
        found: Mapping[str, Any] = self.files.find(self.path, detail=True)
        top = self.path.rstrip("/")
        return {path.removeprefix(top).lstrip("/"): info for path, info in found.items()}

    def is_whole(self) -> bool:
        """Tell whether it was sent to its end, by whoever sent it."""
        return not self.files.exists(self.marker.path)


def open_remote(url: str) -> Remote:
    """Return what a URL names, whether or not it is there.

    Raises
    ------
    UsageError
        When fsspec, or what it needs for such a URL, is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UsageError(f"{url} needs fsspec: pip install 'segbench[remote]'") from None
    try:
        files, path = url_to_fs(url.rstrip("/"), use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url} cannot be opened: {error}; pip install 'segbench[remote]'") from None
    return Remote(url.rstrip("/"), files, str(path))


@contextmanager
def told(url: str) -> Iterator[None]:
    """Say what went wrong with a store on one line.

    Raises
    ------
    DataError
        In the place of whatever the store's package raises.
    """
    try:
        yield
    except SegbenchError:
        raise
    except FileNotFoundError:
        raise DataError("there is no such file or folder", file=url) from None
    except Exception as error:  # noqa: BLE001 - every store raises errors of its own
        said = (str(error).splitlines() or [""])[0]
        raise DataError(f"the store refuses it: {type(error).__name__}: {said}", file=url) from None


def fetch(remote: Remote, folder: Path, *, pictures: bool) -> Path:
    """Bring a file or folder into a folder of the disk, and return where it is.

    With a file comes the folder that is called like it, as the PNGs of a panoptic JSON; and if ``pictures``
    are needed, all that stands in its folder, or in that above ``annotations``. What is there already, and
    has not changed in the store, is not brought again.

    Raises
    ------
    DataError
        When it is not there, not whole, or cannot be read.
    """
    with told(remote.url):
        if not remote.is_whole():
            message = "is not whole: its upload has not ended; give the command that sends it again"
            raise DataError(message, file=remote.url)
        if not remote.files.isfile(remote.path):
            return _bring(remote, remote.listed(), folder / remote.name)
        parts = PurePosixPath(remote.path).parts
        above = 2 if pictures and len(parts) > 2 and parts[-2] == "annotations" else 1
        below = "/".join(parts[-above:])
        top = Remote(remote.url, remote.files, remote.path[: -len(below) - 1])
        if pictures:
            listed = top.listed()
        else:
            stem = without_suffix(below)
            maps = remote.beside(PurePosixPath(remote.name).with_suffix("").name).listed()
            listed = {below: remote.files.info(remote.path)}
            listed |= {f"{stem}/{name}": info for name, info in maps.items() if name}
        return _bring(top, listed, folder / (top.name or "root")) / below


def _bring(top: Remote, listed: Mapping[str, Any], folder: Path) -> Path:
    if not listed:
        raise FileNotFoundError(top.url)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder.with_name(f".{folder.name}.fetched")
    known = dict(json.loads(line) for line in _whole_lines(note))
    states = {
        name: hashlib.sha256(repr(sorted(info.items())).encode()).hexdigest() for name, info in listed.items()
    }
    wanted = [n for n, state in states.items() if known.get(n) != state or not (folder / n).is_file()]

    def get(name: str) -> str:
        file = inside(folder, name, file=top.url)
        file.parent.mkdir(parents=True, exist_ok=True)
        top.files.get_file(f"{top.path.rstrip('/')}/{name}", str(file))
        return name

    with note.open("a", encoding="utf-8") as handle:
        for name in _at_once(get, wanted):
            handle.write(json.dumps([name, states[name]]) + "\n")
            handle.flush()
    for gone in set(files_below(folder)) - listed.keys():
        (folder / gone).unlink()
    return folder


def _state(info: Mapping[str, Any]) -> str:
    """Hash what a store says of a file: size, time, tag."""
    return hashlib.sha256(repr(sorted(info.items())).encode()).hexdigest()


def _whole_lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return text.split("\n")[:-1]


def send(folder: Path, remote: Remote) -> None:
    """Send all that a folder holds to the folder of ``remote``, which is one of these files or folders.

    What stood there in its place is removed first. What a killed sender of the same files has sent stays.

    Raises
    ------
    DataError
        When the store refuses it.
    """
    names = sorted(name for name in files_below(folder) if ".part/" not in name)
    with told(remote.url):
        digest = _digest(folder, names)
        marker, files = remote.marker, remote.files
        resumed = not remote.is_whole() and files.cat_file(marker.path) == digest
        if not resumed:
            files.pipe_file(marker.path, digest)
        tops = {name.split("/")[0] for name in names}
        there = {
            f"{top}/{below}".rstrip("/"): info["size"]
            for top in tops
            for below, info in remote.beside(top).listed().items()
        }
        sizes = {name: (folder / name).stat().st_size for name in names}
        kept = {name for name, size in there.items() if resumed and sizes.get(name) == size}
        for stale in there.keys() - kept:
            files.rm_file(remote.beside(stale).path)
        last = {name for name in names if name.count("/") <= 1}

        def put(name: str) -> str:
            files.put_file(str(folder / name), remote.beside(name).path)
            return name

        for group in ([n for n in names if n not in last], [n for n in names if n in last]):
            for _ in _at_once(put, [name for name in group if name not in kept]):
                pass


def end_sending(remote: Remote, report: Path) -> None:
    """Put the report beside what was sent, and say that it is whole."""
    with told(remote.url):
        remote.files.put_file(str(report), remote.beside(report.name).path)
        remote.files.rm_file(remote.marker.path)


def _digest(folder: Path, names: Sequence[str]) -> bytes:
    """Hash names and contents."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as handle:
            digest.update(f"{name}\0{hashlib.file_digest(handle, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest().encode()


def _at_once(work: Callable[[str], str], names: Iterable[str]) -> Iterator[str]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(work, names)
