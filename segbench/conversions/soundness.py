"""Samples that can be read to the end, apart from those that cannot."""

from __future__ import annotations

from functools import partial

from segbench.canonical.dataset import Dataset
from segbench.canonical.pen import Progress
from segbench.canonical.sample import Sample
from segbench.canonical.views import select
from segbench.conversions.spread import look_at_each
from segbench.engines.engine import Engine, LocalEngine
from segbench.errors import DataError

_ALONE = LocalEngine()


def leave_out_invalid(
    dataset: Dataset, *, pictures: bool, engine: Engine = _ALONE, progress: Progress = iter
) -> tuple[Dataset, list[str]]:
    """Read every sample; return the data set without those that are broken, and what is wrong with each.

    Parameters
    ----------
    dataset
        What is to be converted. What breaks it as a whole was refused when it was opened.
    pictures
        Look at the pictures too.
    engine
        Whose workers read the samples.
    progress
        Wraps an iterator with one item a sample, to show how far it is.

    Raises
    ------
    DataError
        When no sample is left.
    """
    found = list(look_at_each(engine, dataset, partial(_fault, pictures=pictures), progress))
    good = [index for index, fault in enumerate(found) if fault is None]
    faults = [fault for fault in found if fault is not None]
    if not good:
        raise DataError(f"every image is invalid; the first: {faults[0]}", file=dataset.path)
    return (select(dataset, good) if faults else dataset), faults


def _fault(dataset: Dataset, index: int, *, pictures: bool) -> str | None:
    """What is wrong with a sample, if anything."""
    try:
        check_sample(dataset[index], pictures=pictures)
    except DataError as error:
        return _named(error, dataset.image_ids[index])
    return None


def check_sample(sample: Sample, *, pictures: bool) -> None:
    """Read all of a sample that is written: masks, maps and its picture, to their ends.

    Raises
    ------
    DataError
        When one of them cannot be read, or is of another size.
    """
    if sample.kind == "semantic":
        _ = sample.mask_runs
    elif sample.kind == "panoptic":
        _ = sample.segment_runs
    for segment in sample.segments:
        try:
            rle = segment.to_rle(sample.height, sample.width)
            if rle is not None and (rle.height, rle.width) != (sample.height, sample.width):
                raise ValueError(
                    f"is {rle.width}×{rle.height} pixels, the image {sample.width}×{sample.height}"
                )
            if rle is not None:
                rle.check()
        except ValueError as error:
            raise sample.error(str(error), f"segment {segment.id}") from None
    if pictures and sample.image_file is not None:
        _ = sample.image


def _named(error: DataError, image_id: str) -> str:
    return str(error) if error.image_id is not None else f"image {image_id}: {error}"
