"""The durable store of a run: a file a shard, written whole: nothing is lost, nothing is counted twice.

``<out>/.shards/<model>-<key>/`` holds ``plan.json`` and a file ``<number>.npz`` for each shard that is done.
The plan fixes which images are in which shard, whoever computes it; its key is a hash of all that a shard's
content depends on: model, data, protocols and their settings, versions. Any number of processes may write
into one store. Who finds a shard there leaves it, or compares: a second copy that differs is an error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

from segbench.canonical.atomic import create_file, replace_file
from segbench.errors import DataError, SegbenchError, UsageError
from segbench.metrics.images import is_integer

SHARD_SIZE = 128
"""Images of a shard, where nothing else is asked for."""

_FORMAT = 3
_FILE = re.compile(r"(\d{6,})\.npz")


@dataclass(frozen=True)
class Plan:
    """Which images are in which shard.

    Attributes
    ----------
    image_ids
        Of the data set, in its order.
    identity
        All that a shard's content depends on beside its images, as plain JSON values.
    shard_size
        Images of each shard but the last.
    """

    image_ids: Sequence[str]
    identity: Mapping[str, Any]
    shard_size: int = SHARD_SIZE

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise UsageError(f"a shard holds at least 1 image, not {self.shard_size}")

    def __len__(self) -> int:
        return (len(self.image_ids) + self.shard_size - 1) // self.shard_size

    def positions(self, number: int) -> list[int]:
        """Positions in the data set, rising, of the images of a shard: a range of their sorted ids."""
        return sorted(self._order[number * self.shard_size : (number + 1) * self.shard_size])

    def portion(self, number: int) -> Portion:
        """All images of a shard."""
        positions = self.positions(number)
        return Portion(number, positions, [self.image_ids[i] for i in positions])

    @cached_property
    def _order(self) -> list[int]:
        """By id: as integers where all are, else as text."""
        ids = self.image_ids
        keys: Sequence[Any] = [int(i) for i in ids] if all(map(is_integer, ids)) else ids
        return sorted(range(len(ids)), key=keys.__getitem__)

    @property
    def in_order(self) -> bool:
        """Whether the data set is in the order of its ids."""
        return self._order == list(range(len(self.image_ids)))

    @cached_property
    def key(self) -> str:
        """Hash of everything."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """The content of ``plan.json``."""
        ids = json.dumps([self.image_ids[i] for i in self._order]).encode()
        return {
            "format": _FORMAT,
            "shard_size": self.shard_size,
            "n_images": len(self.image_ids),
            "image_ids_sha256": hashlib.sha256(ids).hexdigest(),
            "identity": dict(self.identity),
        }


@dataclass(frozen=True)
class Portion:
    """Images of one shard that are run together: all of them, or few, where all gave trouble."""

    number: int
    positions: Sequence[int]
    image_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.positions)

    def cut(self, batch_size: int) -> list[Portion]:
        """Its batches; of one batch its images; of one image nothing."""
        size = batch_size if len(self) > batch_size else 1
        starts = range(0, len(self), size) if len(self) > 1 else range(0)
        parts = [slice(start, start + size) for start in starts]
        return [Portion(self.number, self.positions[part], self.image_ids[part]) for part in parts]


class Copy(Protocol):
    """What a store keeps."""

    @property
    def number(self) -> int:
        """Which shard of the plan."""
        ...

    def to_bytes(self) -> bytes:
        """The content of its file."""
        ...

    def joined(self, other: Self) -> Self:
        """What two copies of it say together; an error where they contradict each other."""
        ...


class ShardStore:
    """The shards of a plan, in a folder.

    Parameters
    ----------
    folder
        Where they are; made when the first is written.
    plan
        Of which run.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan

    @classmethod
    def below(cls, out: str | Path, name: str, plan: Plan) -> ShardStore:
        """The store of a plan in the folder of records; ``name`` is for people."""
        return cls(Path(out) / ".shards" / f"{name}-{plan.key[:16]}", plan)

    def path(self, number: int) -> Path:
        """Where a shard is, or would be."""
        return self.folder / f"{number:06d}.npz"

    def numbers(self) -> list[int]:
        """The shards that are there, in order."""
        if not self.folder.is_dir():
            return []
        found = (_FILE.fullmatch(file.name) for file in self.folder.iterdir())
        return sorted(n for n in (int(match[1]) for match in found if match) if n < len(self.plan))

    def read(self, number: int) -> bytes:
        """The content of a shard.

        Raises
        ------
        DataError
            When it cannot be read.
        """
        try:
            return self.path(number).read_bytes()
        except OSError as error:
            raise DataError(f"cannot read the shard: {error.strerror}", file=self.path(number)) from None

    def put(self, shard: Copy, read: Callable[[int], Any]) -> None:
        """Keep a shard; one that is there already is read, compared, and joined with this one.

        ``read`` gives the shard of a number, or None where its file is damaged.

        Raises
        ------
        SegbenchError
            When the disk is full; the shards before are kept.
        PluginError
            When both copies are whole and differ.
        """
        path = self.path(shard.number)
        try:
            self._write_plan()
            if create_file(path, data := shard.to_bytes()):
                return
            other = read(shard.number)
            joined = data if other is None else shard.joined(other).to_bytes()
            if joined != path.read_bytes():
                with replace_file(path) as part:
                    part.write_bytes(joined)
        except OSError as error:
            raise SegbenchError(
                f"{path}: cannot write the shard: {error.strerror}; the shards before it are kept: make "
                "room, and run again"
            ) from None

    def remove(self) -> None:
        """Remove the store, once its record is written."""
        from shutil import rmtree

        rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _write_plan(self) -> None:
        file = self.folder / "plan.json"
        if not file.exists():
            content = {"key": self.plan.key, **self.plan.to_dict()}
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            create_file(file, text.encode("utf-8", "surrogatepass"))
