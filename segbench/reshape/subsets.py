"""Subsets of a data set: by an expression, by a list of images, and no more than so many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import PLAIN, Pen
from segbench.canonical.sample import Sample
from segbench.canonical.views import select, split_of_each
from segbench.errors import DataError, UsageError, did_you_mean
from segbench.reshape.fields import values_of
from segbench.reshape.where import Where


def _plain(_: int) -> Pen:
    return PLAIN


def choose(
    dataset: Dataset,
    *,
    where: Where | None = None,
    listed: Path | None = None,
    max_images: int | None = None,
    pen_for: Callable[[int], Pen] = _plain,
) -> list[int]:
    """Return the places of the images to keep, in the order of the data set.

    Parameters
    ----------
    dataset
        Read once where there is an expression, else not at all.
    where
        Images are kept that have a segment for which it holds, with all their segments.
    listed
        A text file of image ids, a line each; names of pictures, with or without folder and ending, will do.
    max_images
        At most so many of each split: the first.
    pen_for
        Gives the pen with which so many samples are looked at for ``where``.

    Raises
    ------
    UsageError
        When ``max_images`` is below 1, or nothing is left.
    DataError
        When the list cannot be read, or names an image that is not there.
    """
    kept: Sequence[int] = range(len(dataset))
    if listed is not None:
        named = set(read_list(listed, dataset))
        kept = [i for i in kept if i in named]
    split_of = split_of_each(dataset)
    if where is not None and kept:
        holds = _Holds(where, dataset.categories, [split_of[i] for i in kept])
        pen = pen_for(len(kept))
        found = pen.each(select(dataset, kept), holds)
        kept = [i for i, has in zip(kept, found, strict=True) if has]
        pen.end()
    if max_images is not None:
        kept = _first(kept, split_of, max_images)
    if not kept:
        unknown = "" if where is None else _unknown(where, dataset.categories)
        raise UsageError(f"no image of {dataset.path or dataset.name} is left by what was asked for{unknown}")
    return list(kept)


def _unknown(where: Where, categories: Categories) -> str:
    """Say of one category that an expression names that the data set has none of that name."""
    names = {category.name for category in categories}
    name = min(where.categories - names, default=None)
    return "" if name is None else f": it has no category {name!r}.{did_you_mean(name, names)}"


def read_list(file: Path, dataset: Dataset) -> list[int]:
    """Return the places of the images that a text file names.

    Raises
    ------
    DataError
        When it cannot be read, names an image that is not there, or a name that several have.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list: {error}", file=file) from None
    places = {image_id: i for i, image_id in enumerate(dataset.image_ids)}
    names: dict[str, list[int]] | None = None
    found = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line:
            continue
        if line in places:
            found.append(places[line])
            continue
        names = _names(dataset) if names is None else names
        meant = names.get(line, [])
        if len(meant) != 1:
            problem = f"{len(meant)} images are called" if meant else "there is no image"
            raise DataError(f"{problem} {line!r}", file=file, field=f"line {number}")
        found += meant
    return found


def _names(dataset: Dataset) -> dict[str, list[int]]:
    """Places by each name that a picture goes by."""
    names: dict[str, list[int]] = {}
    for place, sample in enumerate(dataset):
        for name in set(names_of(sample)) - {sample.image_id}:
            names.setdefault(name, []).append(place)
    return names


def names_of(sample: Sample) -> Sequence[str]:
    """Return what an image may be called: its id, and its file with and without folder and ending."""
    name = sample.image_file.name if sample.image_file is not None else sample.source_path
    if name is None:
        return [sample.image_id]
    path = Path(name)
    return [sample.image_id, name, path.name, path.with_suffix("").as_posix(), path.stem]


@dataclass(frozen=True, slots=True)
class _Holds:
    """Tells whether an expression holds for a segment of a sample; it can be sent to another process."""

    where: Where
    categories: Categories
    splits: Sequence[str]

    def __call__(self, index: int, sample: Sample) -> bool:
        values = values_of(sample, self.categories, self.where.fields, self.splits[index])
        return any(map(self.where.holds, values))


def _first(kept: Iterable[int], split_of: Sequence[str], most: int) -> list[int]:
    if most < 1:
        raise UsageError(f"max_images must be at least 1, not {most}")
    counts: dict[str, int] = {}
    chosen = []
    for i in kept:
        counts[split_of[i]] = counts.get(split_of[i], 0) + 1
        if counts[split_of[i]] <= most:
            chosen.append(i)
    return chosen
