"""Predictions that are a data set of their own, put beside their truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.maps import mask_dtype
from segbench.canonical.paths import without_suffix
from segbench.canonical.sample import Sample
from segbench.canonical.views import split_of_each
from segbench.errors import DataError, UnpairedError, did_you_mean
from segbench.formats.pictures import picture_name
from segbench.formats.sequences import frame_name
from segbench.kernels import LabelRuns


def in_order_of(truth: Dataset, predictions: Dataset, *, notes: Sequence[str] = ()) -> Dataset:
    """Return predictions in the order of their truth, with its categories and these notes.

    Raises
    ------
    UnpairedError
        When a prediction is missing, or is for an image that the truth does not have.
    """
    for image_id in predictions.image_ids:
        if not truth.has(image_id):
            raise UnpairedError(
                "the prediction is for an image that the truth does not have",
                file=predictions.path,
                image_id=image_id,
            )
    for image_id in truth.image_ids:
        if not predictions.has(image_id):
            raise UnpairedError(
                "there is no prediction for this image", file=predictions.path, image_id=image_id
            )
    return Dataset(
        name=predictions.name,
        categories=truth.categories,
        image_ids=truth.image_ids,
        load=lambda index: predictions.by_id(truth.image_ids[index]),
        tasks=predictions.tasks,
        format=predictions.format,
        path=predictions.path,
        notes=notes,
    )


BACKGROUND = "background"
"""What nothing covers, where that is the class of value 0; void where the truth has no such class."""
NUMBERS_OF_TRUTH = (
    "; maps of predictions hold the numbers of the truth. Where they have others, score the whole folder of "
    "the format, with its list of classes"
)
"""What an error says of a number that means nothing."""


def in_categories_of(truth: Dataset, predictions: Dataset) -> Dataset:
    """Return predictions with the truth's ids of categories, which are found by name; some may be lacking.

    A format may name more classes than there are: one that the truth lacks is an error where it is predicted.

    Raises
    ------
    DataError
        When they have no category in common, or the truth has two of one name; and of a sample when its
        category is none of the truth.
    """
    if predictions.id2label == truth.id2label:
        return predictions
    ids = {c.name: c.id for c in truth.categories}
    where: dict[str, Any] = {"file": predictions.path, "field": "categories"}
    if len(ids) < len(truth.categories):
        raise DataError("the categories are not those of the truth, which has two of one name", **where)
    void = truth.ignore_index
    lookup = np.full(65_536, void, np.int32)
    for category in predictions.categories:
        lookup[category.id] = ids.get(category.name, void if is_background(category) else -1)
    translation = _Translation(lookup, predictions.categories, tuple(ids), void, predictions.path)
    if not any(c.name in ids for c in predictions.categories):
        translation.of(np.arange(len(predictions.categories)), None)
    return Dataset(
        name=predictions.name,
        categories=truth.categories,
        image_ids=predictions.image_ids,
        load=lambda index: _recategorised(predictions[index], translation),
        tasks=predictions.tasks,
        format=predictions.format,
        path=predictions.path,
        splits=predictions.splits,
        notes=predictions.notes,
    )


def is_background(category: Category) -> bool:
    """Tell whether a category is what nothing covers."""
    return category.name == BACKGROUND and category.key == 0


def goes_by_names(truth: Dataset, categories: Categories) -> bool:
    """Tell whether predictions with these categories are those of the truth by name, not by number.

    So where it has all the names, and where it has not all the numbers, which then cannot be its own.
    """
    names = {c.name for c in truth.categories}
    kept = [c for c in categories if not is_background(c)]
    return all(c.name in names for c in kept) or any(truth.categories.find(c.key) is None for c in kept)


def without_split(truth: Dataset, predictions: Dataset) -> Dataset:
    """Return predictions whose ids do not begin with their only split, where the truth has none that does."""
    prefix, *others = (f"{split}/" for split in predictions.splits)
    ids = predictions.image_ids
    if others or not all(i.startswith(prefix) for i in ids) or any(map(truth.has, ids)):
        return predictions
    return _renamed(predictions, predictions, [image_id.removeprefix(prefix) for image_id in ids])


def paired(open_against: Callable[[Dataset], Dataset], truth: Dataset) -> Dataset:
    """Return predictions that ``open_against`` opens: by the ids of images, else by the names of pictures.

    A data set whose ids are numbers has predictions in files that are called like its pictures. Names are
    taken where they pair all that there is; else the error is that of the ids.

    Raises
    ------
    DataError
        As ``open_against``.
    """
    try:
        return open_against(truth)
    except UnpairedError as error:
        first = error
    for names in _namings(truth):
        if not truth.has(first.image_id or "") and first.image_id not in names:
            continue
        try:
            found = open_against(_renamed(truth, truth, names))
        except UnpairedError:
            continue
        return _renamed(found, truth, truth.image_ids)
    raise first


def _namings(truth: Dataset) -> Iterator[list[str]]:
    """Other names of the images, in order of preference, each that tells them apart and is none before it."""
    named = [(picture_name(s), _frame(s), _frame(replace(s, image_file=None))) for s in truth]
    pictures, frames, frames_of_ids = map(list, zip(*named, strict=True))
    stems = [without_suffix(name) for name in pictures]
    splits = split_of_each(truth)
    last = [stem.rpartition("/")[2] for stem in stems]
    last_of_ids = [image_id.rpartition("/")[2] for image_id in truth.image_ids]
    in_one_folder = [image_id.replace("/", "-") for image_id in truth.image_ids]
    flat = [stem.replace("/", "-") for stem in stems]
    cores = [stem.replace("_", "-") for stem in flat]  # as Cityscapes' writer calls what has no numbers
    seen = [list(truth.image_ids)]
    for names in (stems, last, last_of_ids, in_one_folder, flat, cores, frames, frames_of_ids):
        below = [f"{split}/{name}" for split, name in zip(splits, names, strict=True)]
        for naming in (names, below):
            if naming not in seen and len(set(naming)) == len(naming):
                seen.append(naming)
                yield naming


def _frame(sample: Sample) -> str:
    """What a sample is called in a folder of videos; the id, where its video is none of a folder."""
    try:
        return frame_name(sample)
    except DataError:
        return sample.image_id


def _renamed(dataset: Dataset, truth: Dataset, names: Sequence[str]) -> Dataset:
    """Return a data set in the truth's order whose images have other names."""
    return Dataset(
        name=dataset.name,
        categories=dataset.categories,
        image_ids=names,
        load=lambda index: replace(dataset[index], image_id=names[index]),
        size=truth.size,
        tasks=dataset.tasks,
        format=dataset.format,
        path=dataset.path,
        splits=truth.splits,
        extra=dataset.extra,
        notes=dataset.notes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Translation:
    """The truth's ids of the categories of predictions, int32; -1 for what the truth lacks."""

    ids: NDArray[np.int32]
    categories: Categories
    known: tuple[str, ...]
    void: int
    path: Path | None

    def of(self, category_ids: NDArray[np.integer], image_id: str | None) -> NDArray[np.int32]:
        """Return the ids of the truth.

        Raises
        ------
        DataError
            When it lacks one.
        """
        found = self.ids[category_ids]
        if found.min(initial=0) < 0:
            name = self.categories[int(category_ids[found < 0][0])].name
            raise DataError(
                f"the category {name!r} is none of the truth.{did_you_mean(name, self.known)}",
                file=self.path, image_id=image_id, field="categories",
            )  # fmt: skip
        return found


def _recategorised(sample: Sample, translation: _Translation) -> Sample:
    before = np.array([s.category_id for s in sample.segments], np.int64)
    after = translation.of(before, sample.image_id).tolist()
    pairs = zip(sample.segments, after, strict=True)
    kept = tuple(replace(s, category_id=i) for s, i in pairs if i != translation.void)
    load = sample.load_mask and _Looked(sample, translation)
    load_map: Callable[[], Any] | None = sample.load_segment_map
    if load_map is not None and len(kept) < len(sample.segments):
        load_map = _Kept(sample, frozenset(s.id for s in kept))
    return replace(
        sample, segments=kept, load_mask=load, load_segment_map=load_map, ignore_index=translation.void
    )


@dataclass(frozen=True, slots=True)
class _Looked:
    """Reads a label map through a table."""

    sample: Sample
    translation: _Translation

    def __call__(self) -> LabelRuns:
        runs = self.sample.mask_runs
        values = self.translation.of(runs.values, self.sample.image_id)
        return runs.renamed(values.astype(mask_dtype(self.translation.void)))


@dataclass(frozen=True, slots=True)
class _Kept:
    """Reads a segment map without the background; its pixels are void."""

    sample: Sample
    ids: frozenset[int]

    def __call__(self) -> LabelRuns:
        runs = self.sample.segment_runs
        return runs.renamed(np.where(np.isin(runs.values, list(self.ids)), runs.values, 0))
