"""What formats call images that they tell apart by the names of files, and the ids that are read of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbench.canonical.sample import Sample

Name = Callable[[Sample, str, Sequence[str]], str]
"""What a sample is called, by its split and the names of all splits."""
Read = Callable[[Sequence[str], Sequence[str]], list[str]]
"""The image ids that are read, by the name and the split of each image."""


def apart(names: Sequence[str], splits: Sequence[str]) -> list[str]:
    """Return the names, as ``split/name`` where several splits have a name."""
    known: dict[str, set[str]] = {}
    for name, split in zip(names, splits, strict=True):
        known.setdefault(name, set()).add(split)
    return [f"{s}/{n}" if len(known[n]) > 1 else n for n, s in zip(names, splits, strict=True)]


def whole(names: Sequence[str], _: Sequence[str]) -> list[str]:
    """Return the names as they are."""
    return list(names)


def below_splits(names: Sequence[str], splits: Sequence[str]) -> list[str]:
    """Return the names, all as ``split/name`` where there are several splits."""
    several = len(set(splits)) > 1
    return [f"{split}/{name}" if several else name for name, split in zip(names, splits, strict=True)]


@dataclass(frozen=True, slots=True)
class ImageNames:
    """How a format that states no image ids gets at them: ``NAMES`` of its module.

    Attributes
    ----------
    name
        What it calls an image; a function that can be sent to another process.
    read
        What is read of all these names.
    split
        The split that is read of a name, where names tell it: then it may be another one.
    """

    name: Name
    read: Read = apart
    split: Callable[[str], str] | None = None
