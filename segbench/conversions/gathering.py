"""What is to be converted: sources opened and merged, the images that are asked for, splits made anew.

What few conversions ask for is imported where they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.canonical.dataset import Dataset, concat
from segbench.canonical.pen import Pen
from segbench.canonical.views import select
from segbench.errors import UsageError
from segbench.formats import open_dataset
from segbench.reshape import Step, apply

if TYPE_CHECKING:
    from segbench.reshape.splits import SplitRule

Source = str | Path | Dataset


def gather(
    source: Source | Sequence[Source],
    source_format: str | None,
    options: Mapping[str, Any] | None,
    splits: Iterable[str] | None,
) -> Dataset:
    """Open a source, or several that are merged, and take some of the splits.

    Raises
    ------
    DataError, UsageError
        As :func:`segbench.formats.open_dataset` and :func:`segbench.reshape.merge.merge`; and where no split
        is chosen, or an unknown one.
    """
    dataset = _open(source, source_format, options)
    return dataset if splits is None else _only(dataset, list(splits))


def paths_of(source: Source | Sequence[Source]) -> list[Path]:
    """Return the files and folders that are read."""
    if isinstance(source, Dataset):
        return [] if source.path is None else [source.path]
    if isinstance(source, str | Path):
        return [Path(source)]
    return [path for one in source for path in paths_of(one)]


def reduce_to(
    dataset: Dataset,
    labels: str | Path | None,
    split_by: SplitRule | None,
    pen_for: Callable[[int], Pen],
    *,
    where: str | None,
    image_list: str | Path | None,
    max_images: int | None,
) -> Dataset:
    """Return the images that are asked for, chosen by the categories that labels give them; then split anew.

    ``pen_for`` gives the pen with which so many samples are looked at.

    Raises
    ------
    DataError, UsageError
        As :func:`segbench.reshape.subsets.choose` and :func:`segbench.reshape.splits.split_dataset`.
    """
    if (where, image_list, max_images) != (None, None, None):
        from segbench.reshape.subsets import choose
        from segbench.reshape.where import parse_where

        chosen = choose(
            apply(dataset, label_steps(dataset, labels)[0]),
            where=None if where is None else parse_where(where),
            listed=None if image_list is None else Path(image_list),
            max_images=max_images,
            pen_for=pen_for,
        )
        dataset = select(dataset, chosen)
    if split_by is None:
        return dataset
    from segbench.reshape.splits import split_dataset

    return split_dataset(dataset, split_by, pen_for(len(dataset)))


def label_steps(dataset: Dataset, given: str | Path | None) -> tuple[list[Step], dict[str, Any] | None]:
    """The step that gives other categories, if any is asked for, and what the report says of it."""
    if given is None:
        return [], None
    from segbench.reshape.label_files import read_labels
    from segbench.reshape.labels import description
    from segbench.reshape.relabel import label_step

    labels = read_labels(given)
    step, bound = label_step(labels, dataset)
    said = {**description(labels), "not_in_source": list(bound.unknown), "table": labels.table()}
    return [step], said


def _open(
    source: Source | Sequence[Source], source_format: str | None, options: Mapping[str, Any] | None
) -> Dataset:
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str | Path):
        return open_dataset(source, format=source_format, options=options, scan=True)
    sources = [_open(one, source_format, options) for one in source]
    if len(sources) == 1:
        return sources[0]
    from segbench.reshape.merge import merge

    return merge(sources)


def _only(dataset: Dataset, splits: list[str]) -> Dataset:
    parts = [dataset.split(split) for split in dict.fromkeys(splits)]
    if not parts:
        raise UsageError("no split was chosen")
    return parts[0] if len(parts) == 1 else concat(parts, dataset.name, dataset.path or Path())
