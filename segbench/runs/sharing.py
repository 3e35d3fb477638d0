"""Share: what one process of several runs, where a launcher started them: no process talks to another.

``torchrun`` tells each its RANK of WORLD_SIZE; so can SLURM, Kubernetes or a shell. All write into one store
of shards, and who finds it full at its end makes the record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segbench.canonical.atomic import locked
from segbench.errors import UnfinishedError, UsageError
from segbench.runs.shards import Kept
from segbench.runs.store import Plan


@dataclass(frozen=True)
class Share:
    """Every ``size``-th shard, from ``rank``."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_environment(
        cls, alone: bool, out: str | Path | None, environ: Mapping[str, str] = os.environ
    ) -> Share:
        """What RANK and WORLD_SIZE say, or all of it.

        Parameters
        ----------
        alone
            Whether this process works itself, and no workers of it.
        out
            Where all of them find the shards.

        Raises
        ------
        UsageError
            When they are no numbers, or do not go with what else is asked for.
        """
        try:
            rank, size = int(environ.get("RANK", "0")), int(environ.get("WORLD_SIZE", "1"))
        except ValueError:
            rank, size = -1, 1
        if not 0 <= rank < size:
            told = ", ".join(f"{name}={environ.get(name)}" for name in ("RANK", "WORLD_SIZE"))
            raise UsageError(f"{told}: no place among processes; unset them to run alone")
        if size > 1 and not alone:
            raise UsageError(f"process {rank} of {size} has its share of the run, and no workers of its own")
        if size > 1 and out is None:
            raise UsageError(f"{size} processes need a folder (out) for what each has done")
        return cls(rank, size)

    def numbers(self, plan: Plan) -> range:
        """The shards of this share."""
        return range(self.rank, len(plan), self.size)

    @contextmanager
    def merging(self, found: Kept) -> Iterator[None]:
        """A block in which this process, and no other, makes the record.

        Raises
        ------
        UnfinishedError
            When shards of others are missing, or another process is making it.
        """
        if self.size == 1:
            yield
            return
        missing = len(found.store.plan) - len(found.store.numbers())
        said = f"process {self.rank} of {self.size}: its share is done"
        if missing:
            raise UnfinishedError(f"{said}; the last one makes the record: {missing:,} shards are missing")
        with locked(found.store.folder) as is_mine:
            if not is_mine:
                raise UnfinishedError(f"{said}; another process makes the record")
            yield
