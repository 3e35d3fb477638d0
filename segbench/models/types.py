"""The vocabulary of model plugins: what a model is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segbench.canonical.rle import Rle

Task = Literal["semantic", "instance", "panoptic"]

TASKS: tuple[Task, ...] = ("semantic", "instance", "panoptic")


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model says of itself.

    Attributes
    ----------
    name
        As it stands in leaderboards.
    tasks
        Which of ``semantic``, ``instance``, ``panoptic`` it answers.
    id2label
        Its own category ids (0..65534) and their names. They are matched with the data set's by name.
    revision, weights_sha256, license, n_params
        What the run record says of it, where known.
    """

    name: str
    tasks: Sequence[Task]
    id2label: Mapping[int, str]
    revision: str | None = None
    weights_sha256: str | None = None
    license: str | None = None
    n_params: int | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a model is asked.

    Attributes
    ----------
    images
        RGB, uint8 [3, H, W] each, at native size: upright, or as stored where EXIF turns a picture and the
        truth was drawn on it as stored (:attr:`segbench.canonical.sample.Sample.image`).
    image_ids
        Their ids.
    task
        Which kind of prediction is wanted.
    stuff
        Category ids of the model that the data set calls stuff: in a panoptic prediction each is one segment.
    """

    images: Sequence[NDArray[np.uint8]]
    image_ids: Sequence[str]
    task: Task
    stuff: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class SemanticPrediction:
    """A category for each pixel: one of the two.

    Attributes
    ----------
    mask
        Category ids of the model, integers [H, W] at native size.
    logits
        float [C, h, w] of any size, channel c for category id c. They are resized (bilinear, corners not
        aligned) to native size before the argmax: never do it elsewhere, it changes scores.
    """

    mask: ArrayLike | None = None
    logits: ArrayLike | None = None


@dataclass(frozen=True, kw_only=True)
class InstancePrediction:
    """N instances, which may overlap.

    Attributes
    ----------
    masks
        bool [N, H, W], or N of :class:`Rle` or COCO's ``{"size": [H, W], "counts": …}``.
    scores
        float [N].
    category_ids
        Category ids of the model, integers [N].
    """

    masks: ArrayLike | Sequence[Rle | Mapping[str, Any]]
    scores: ArrayLike
    category_ids: ArrayLike


@dataclass(frozen=True, kw_only=True)
class PanopticPrediction:
    """One segment for each pixel.

    Attributes
    ----------
    segment_map
        Segment ids, integers [H, W], 0 for void.
    segments
        ``{"id": …, "category_id": …, "score": …}`` each, the score if there is one; other keys are not read.
    """

    segment_map: ArrayLike
    segments: Sequence[Mapping[str, Any]]


Prediction = SemanticPrediction | InstancePrediction | PanopticPrediction | ArrayLike
"""What a model answers for an image. A bare array [H, W] is the mask of a semantic prediction."""


class SegModel(Protocol):
    """A model plugin: anything with these two."""

    info: ModelInfo

    def predict(self, batch: Batch) -> Sequence[Prediction]:
        """Answer each image of a batch, in order."""
        ...
