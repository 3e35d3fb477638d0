"""Predictions that are a data set of their own, put beside their truth."""

from __future__ import annotations

from collections.abc import Sequence

from segbench.canonical.dataset import Dataset
from segbench.errors import DataError


def in_order_of(truth: Dataset, predictions: Dataset, *, notes: Sequence[str] = ()) -> Dataset:
    """Return predictions in the order of their truth, with its categories and these notes.

    Raises
    ------
    DataError
        When a prediction is missing, or is for an image that the truth does not have.
    """
    for image_id in predictions.image_ids:
        if not truth.has(image_id):
            raise DataError(
                "the prediction is for an image that the truth does not have",
                file=predictions.path,
                image_id=image_id,
            )
    for image_id in truth.image_ids:
        if not predictions.has(image_id):
            raise DataError("there is no prediction for this image", file=predictions.path, image_id=image_id)
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
