"""Views of a data set: some of its samples, in another order, or changed as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from segbench.canonical.categories import Categories
from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample


def select(dataset: Dataset, indices: Sequence[int], splits: Mapping[str, int] | None = None) -> Dataset:
    """Return the samples of these indices, in this order.

    Parameters
    ----------
    dataset
        Of which samples are chosen.
    indices
        Places in it, each at most once.
    splits
        ``{name: count}`` of the samples chosen, in order; by default the splits that they belong to, whose
        samples must then follow each other.

    Raises
    ------
    DataError
        When none is chosen, or the counts are not those of the samples.
    """
    return Dataset(
        name=dataset.name,
        categories=dataset.categories,
        image_ids=[dataset.image_ids[i] for i in indices],
        load=partial(_selected, dataset, indices),
        size=partial(_selected_size, dataset, indices),
        tasks=dataset.tasks,
        format=dataset.format,
        path=dataset.path,
        splits=_splits_left(dataset, indices) if splits is None else splits,
        extra=dataset.extra,
        notes=dataset.notes,
    )


def changed(
    dataset: Dataset,
    change: Callable[[Sample], Sample],
    *,
    categories: Categories | None = None,
    image_ids: Sequence[str] | None = None,
    extra: Mapping[str, Any] | None = None,
    tasks: Sequence[str] | None = None,
    resized: bool = False,
) -> Dataset:
    """Return a data set each of whose samples is changed when it is read.

    Parameters
    ----------
    dataset
        What is changed.
    change
        A function of the module or an object, so that the view can be sent to worker processes.
    categories, image_ids, extra, tasks
        Where the change makes others of them.
    resized
        Whether samples may have another size after it.
    """
    return Dataset(
        name=dataset.name,
        categories=dataset.categories if categories is None else categories,
        image_ids=dataset.image_ids if image_ids is None else image_ids,
        load=partial(_changed, dataset, change),
        size=None if resized else dataset.size,
        tasks=dataset.tasks if tasks is None else tuple(tasks),
        format=dataset.format,
        path=dataset.path,
        splits=dataset.splits,
        extra=dataset.extra if extra is None else extra,
        notes=dataset.notes,
    )


def split_of_each(dataset: Dataset) -> list[str]:
    """Return the split of each sample."""
    return [split for split, count in dataset.splits.items() for _ in range(count)]


def _splits_left(dataset: Dataset, indices: Sequence[int]) -> dict[str, int]:
    split_of = split_of_each(dataset)
    splits: dict[str, int] = {}
    for index in indices:
        splits[split_of[index]] = splits.get(split_of[index], 0) + 1
    return splits


# Functions of the module, and no closures, so that a data set can be sent to worker processes.
def _selected(dataset: Dataset, indices: Sequence[int], index: int) -> Sample:
    return dataset[indices[index]]


def _selected_size(dataset: Dataset, indices: Sequence[int], index: int) -> tuple[int, int]:
    return dataset.size(indices[index])


def _changed(dataset: Dataset, change: Callable[[Sample], Sample], index: int) -> Sample:
    return change(dataset[index])
