"""Merging data sets: one list of categories for all, and ids, names and splits that do not collide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.paths import caseless
from segbench.canonical.sample import Sample
from segbench.canonical.views import changed, select, split_of_each
from segbench.errors import DataError, UsageError
from segbench.reshape.labels import Source
from segbench.reshape.relabel import Relabel


def merge(datasets: Sequence[Dataset]) -> Dataset:
    """Return one data set of several.

    Categories of one name are one; the others follow in the order in which they come. A category keeps its
    source id unless an earlier one has it. Where an image id, or the name of a picture, is one of an earlier
    data set, all those of the later get its name in front: ``name/id``. Splits of one name are joined.
    ``notes`` say what was done, and which categories a data set lacks, so that its images may show them
    unannotated.

    Raises
    ------
    DataError
        When a category is a thing in one and stuff in another, or they serve different tasks.
    UsageError
        When there are fewer than two.
    """
    if len(datasets) < 2:
        raise UsageError("to merge, name two data sets or more")
    for dataset in datasets[1:]:
        if dataset.tasks != datasets[0].tasks:
            ours, theirs = "/".join(datasets[0].tasks), "/".join(dataset.tasks)
            raise DataError(f"has {theirs} annotations, and {datasets[0].path} {ours}", file=dataset.path)
    categories = _union(datasets)
    names = _distinct_names(datasets)
    prefixed = list(_prefixes(datasets, names))
    parts = [
        changed(
            dataset,
            _Moved(_relabel(dataset, categories), *prefixes),
            categories=categories,
            image_ids=[prefixes[0] + image_id for image_id in dataset.image_ids],
        )
        for dataset, prefixes in zip(datasets, prefixed, strict=True)
    ]
    notes = [note for d in zip(datasets, names, prefixed, strict=True) for note in _notes(*d, categories)]
    return _joined(parts, names, [*notes, *_spellings(categories)])


@dataclass(frozen=True, slots=True)
class _Moved:
    """A sample of one data set as one of all of them."""

    relabel: Relabel
    id_prefix: str
    name_prefix: str

    def __call__(self, sample: Sample) -> Sample:
        moved = replace(self.relabel(sample), image_id=self.id_prefix + sample.image_id)
        if not self.name_prefix:
            return moved
        image = sample.image_file
        return replace(
            moved,
            image_file=None if image is None else replace(image, name=self.name_prefix + image.name),
            source_path=None if sample.source_path is None else self.name_prefix + sample.source_path,
        )


def _union(datasets: Sequence[Dataset]) -> Categories:
    found: dict[str, Category] = {}
    for dataset in datasets:
        for category in dataset.categories:
            known = found.get(category.name)
            if known is None:
                found[category.name] = replace(category, id=len(found), source_id=_free(category, found))
                continue
            if {known.isthing, category.isthing} == {True, False}:
                raise DataError(
                    "is a thing in one data set and stuff in another; make one of them with --labels",
                    file=dataset.path,
                    field=f"categories: {category.name!r}",
                )
            if known.isthing is None:
                found[category.name] = replace(known, isthing=category.isthing)
    return Categories(found.values())


def _free(category: Category, found: Mapping[str, Category]) -> int:
    """The source id, or where an earlier category has it, the first above all."""
    taken = {c.key for c in found.values()}
    return category.key if category.key not in taken else max(taken) + 1


def _relabel(dataset: Dataset, categories: Categories) -> Relabel:
    place = {c.name: c.id for c in categories}
    rules = tuple(((Source(category=c.name), place[c.name]),) for c in dataset.categories)
    return Relabel(rules, dataset.categories, categories)


def _distinct_names(datasets: Sequence[Dataset]) -> list[str]:
    names: list[str] = []
    for dataset in datasets:
        base = name = re.sub(r"[/\\]", "_", dataset.name) or "data"
        number = 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _prefixes(datasets: Sequence[Dataset], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What stands in front of the image ids and of the names of pictures of each data set."""
    ids: set[str] = set()
    pictures: set[str] = set()
    for dataset, name in zip(datasets, names, strict=True):
        own = {caseless(picture) for sample in dataset if (picture := _picture(sample)) is not None}
        id_prefix = "" if ids.isdisjoint(dataset.image_ids) else f"{name}/"
        name_prefix = "" if pictures.isdisjoint(own) else f"{name}/"
        ids.update(id_prefix + image_id for image_id in dataset.image_ids)
        pictures.update(caseless(name_prefix) + picture for picture in own)
        yield id_prefix, name_prefix


def _picture(sample: Sample) -> str | None:
    return sample.image_file.name if sample.image_file is not None else sample.source_path


def _notes(dataset: Dataset, name: str, prefixes: tuple[str, str], categories: Categories) -> Iterator[str]:
    """What a reader of the merged data set should know of one of them."""
    yield from (f"{name}: {note}" for note in dataset.notes)
    own = {c.name for c in dataset.categories}
    if lacking := [c.name for c in categories if c.name not in own]:
        shown = ", ".join(lacking[:5]) + ", …" * (len(lacking) > 5)
        yield f"{name} does not annotate {len(lacking)} categories ({shown}), which its images may show"
    key_of = {c.name: c.key for c in categories}
    if moved := [c for c in dataset.categories if key_of[c.name] != c.key]:
        shown = ", ".join(f"{c.name} {c.key} → {key_of[c.name]}" for c in moved[:5]) + ", …" * (
            len(moved) > 5
        )
        yield f"{name}: {len(moved)} category ids are others now ({shown})"
    for what, prefix in zip(("image ids", "names of pictures"), prefixes, strict=True):
        if prefix:
            yield f"{name}: {what} begin with {prefix!r}, since an earlier data set has some of them"


def _spellings(categories: Categories) -> Iterator[str]:
    """Categories that are told apart by spelling alone."""
    first: dict[str, str] = {}
    for category in categories:
        plain = re.sub(r"[\s_-]+", "", category.name.casefold())
        if plain in first:
            yield (
                f"the categories {first[plain]!r} and {category.name!r} differ in spelling alone; "
                "--labels makes them one"
            )
        first.setdefault(plain, category.name)


def _joined(parts: Sequence[Dataset], names: Sequence[str], notes: Sequence[str]) -> Dataset:
    whole = [select(p, range(len(p)), {name: len(p)}) for p, name in zip(parts, names, strict=True)]
    name = "+".join(names)
    all_of_them = concat(whole, name, parts[0].path or Path(name))
    places: dict[str, list[int]] = {}
    for i, split in enumerate(split for part in parts for split in split_of_each(part)):
        places.setdefault(split, []).append(i)
    order = [i for of in places.values() for i in of]
    merged = select(all_of_them, order, {split: len(of) for split, of in places.items()})
    merged.notes = tuple(notes)
    said = [{k: v for k, v in part.extra.items() if k != "category_fields"} for part in parts]
    merged.extra = {"merged_from": dict(zip(names, said, strict=True))}
    return merged
