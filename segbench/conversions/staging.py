"""Remote sources and targets of a conversion, by way of a folder of the disk.

What was fetched stays there until the conversion has succeeded, so that neither a dry run, nor a refusal, nor
a kill makes it be fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from segbench.canonical.atomic import locked
from segbench.conversions.gathering import Source
from segbench.conversions.remote import Remote, end_sending, fetch, is_remote, open_remote, send, told
from segbench.errors import UsageError


class Place:
    """Where a conversion reads and writes on the disk.

    Attributes
    ----------
    source, target
        As given, what is remote replaced by where it is staged.
    named_source, named_target
        What a report calls them; no source where it is not remote.
    done
        Whether all was written.
    """

    def __init__(
        self,
        source: Source | Sequence[Source],
        target: Path,
        named: tuple[str | None, str],
        remote: Remote | None = None,
    ) -> None:
        self.source, self.target = source, target
        self.named_source, self.named_target = named
        self._remote = remote
        self.done = False

    @property
    def report(self) -> Path:
        """The file of the report, beside the target."""
        return self.target.with_name(f"{self.target.name}.report")

    def check(self, outputs: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse to replace what is in the store unless that is asked for, or it was never whole.

        Raises
        ------
        UsageError
            When something is there.
        """
        if self._remote is None or overwrite or not self._remote.is_whole():
            return
        with told(self._remote.url):
            for output in outputs:
                there = self._remote.beside(output.name)
                if there.listed():
                    raise UsageError(
                        f"{there.url} is there already; pass --overwrite (overwrite=True) to replace it"
                    )

    def end(self) -> None:
        """Send what was written, if the target is remote."""
        if self._remote is not None:
            report = self.report.replace(self.target.parent.with_name(self.report.name))
            send(self.target.parent, self._remote)
            end_sending(self._remote, report)
        self.done = True


@contextmanager
def staged(source: Source | Sequence[Source], target: str | Path, *, pictures: bool) -> Iterator[Place]:
    """Fetch what is remote of the sources, and yield where to read and write.

    Raises
    ------
    DataError
        When a source is not there, or cannot be read.
    UsageError
        When a package is missing, or a remote target is a source or above one.
    """
    several = isinstance(source, Sequence) and not isinstance(source, str)
    given: list[Source] = list(source) if several else [source]  # type: ignore[list-item, arg-type]
    if not any(map(is_remote, [*given, target])):
        yield Place(source, Path(target), (None, str(target)))
        return
    remote = open_remote(str(target)) if is_remote(target) else None
    urls = [str(one) for one in given if is_remote(one)]
    if remote is not None:
        _refuse_sources(remote, urls)
    with _scratch([*urls, str(target)]) as scratch:
        local = [
            fetch(open_remote(str(one)), scratch / f"source{i}", pictures=pictures) if is_remote(one) else one
            for i, one in enumerate(given)
        ]
        where = Path(target) if remote is None else _emptied(scratch / "target") / remote.name
        named = ", ".join(map(str, given)) if urls else None, str(target)
        place = Place(local if several else local[0], where, named, remote)
        yield place
        if place.done:
            rmtree(scratch, ignore_errors=True)


def _refuse_sources(target: Remote, urls: Sequence[str]) -> None:
    for url in urls:
        if f"{url.rstrip('/')}/".startswith(f"{target.url}/"):
            raise UsageError(f"{target.url} holds the source {url}; name another target")


def _emptied(folder: Path) -> Path:
    """A folder without what an earlier conversion wrote, but with what a killed one has begun."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.name.endswith(".part"):
            rmtree(path)
        elif not path.is_dir():
            path.unlink()
    return folder


@contextmanager
def _scratch(named: Sequence[str]) -> Iterator[Path]:
    """Yield the folder of these sources and this target; a new one where another process has it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]
    folder = cache / "segbench" / "remote" / key
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder) as held:
        yield folder if held else Path(mkdtemp(dir=folder.parent))
