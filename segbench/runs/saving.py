"""Predictions of a run, written in a format that they can be scored from again."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import cast

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.canonical.views import changed
from segbench.conversions.losses import GRAVE, Counting, LossCount
from segbench.errors import LossError, UsageError
from segbench.formats import FEATURES, FORMATS, load_format
from segbench.formats.flatten import flatten
from segbench.runs.predicted import Packed, unpack_prediction
from segbench.runs.shards import Kept

_COUNTED = GRAVE - {"ids", "stuff"}
"""What must not be lost of predictions: ids of segments mean nothing there, categories are the truth's."""
_NEEDED = {
    "semantic": ("stuff",),
    "instance": ("instances", "overlap", "scores"),
    "panoptic": ("instances", "stuff"),
}
"""What a format must carry so that predictions of a task can be scored from it."""
_CACHED = 4
"""Shards in memory, as predictions are written."""


class Saver:
    """Writes predictions of one task in one format.

    Parameters
    ----------
    name
        Of the format.
    task
        What was predicted.

    Raises
    ------
    UsageError
        When there is no such format, it is none that such predictions can be scored from, or a package that
        it needs is not installed.
    """

    def __init__(self, name: str, task: str) -> None:
        self.format, self.task = name, task
        self._module = _module(name, task)
        if hasattr(self._module, "ready"):
            self._module.ready()

    def check(self, truth: Dataset) -> None:
        """Check, before a model is asked, that the categories of a data set can be written.

        Raises
        ------
        LossError
            When there is no number for one of them.
        """
        ids: range | None = getattr(self._module, "PREDICTED_IDS", {}).get(self.task)
        for category in truth.categories:
            if ids is not None and category.key not in ids:
                raise LossError(
                    f"predictions in {self.format} hold category ids from {ids[0]} to {ids[-1]}, and "
                    f"{category.name!r} of {truth.name} is {category.key}; save them as segbench"
                )
        most = getattr(self._module, "PREDICTED_CLASSES", len(truth.categories))
        if len(truth.categories) > most:
            raise LossError(
                f"predictions in {self.format} have {most} classes at most, and {truth.name} has "
                f"{len(truth.categories)}; save them as segbench"
            )
        if ids is None and not hasattr(self._module, "write_predictions"):
            self._refuse(LossCount(truth, Counting(truth.categories, self._module)), "save them as segbench")

    @property
    def file(self) -> str:
        """Name of the file or folder that is written."""
        return str(self._module.PREDICTIONS[self.task])

    def write(self, preds: Dataset, folder: Path) -> Path:
        """Write predictions into a folder, and return where they are.

        Raises
        ------
        LossError
            When some of them have what the format cannot carry; nothing is written.
        """
        target = folder / self.file
        if self.task == "semantic" and not {"semantic", "panoptic"} & set(self._module.TASKS):
            preds = changed(preds, _as_objects)
        write = getattr(self._module, "write_predictions", None)  # which itself refuses what it cannot carry
        if write is None:
            self._refuse_losses(preds)
            write = self._module.write
        write(preds, target, images="none")
        return target

    def predictions(self, kept: Kept, truth: Dataset) -> Dataset:
        """Return what is to be written: see :func:`predictions_of`."""
        return predictions_of(kept, truth, self.task, placed=getattr(self._module, "PLACED", False))

    def _refuse_losses(self, preds: Dataset) -> None:
        counting = Counting(preds.categories, self._module)
        count = LossCount(preds, counting)
        for pred in preds if count else ():
            count.add(pred.image_id, counting.look(pred))
        self._refuse(
            count,
            "run again with another format, such as segbench: what is kept in shards is not predicted again",
        )

    def _refuse(self, count: LossCount, instead: str) -> None:
        counted = _COUNTED | ({"scores"} if self.task == "instance" else set())
        lost = [loss for loss in count.losses if loss.feature in counted]
        if lost:
            shown = "; ".join(map(str, lost))
            raise LossError(f"{self.format} cannot carry these predictions: {shown}; {instead}")


def check_format(name: str, task: str | None) -> None:
    """Check that predictions of a task, or of any where it is not known, can be saved in a format.

    Raises
    ------
    UsageError
        When they cannot; it says why, and which formats can.
    """
    if task is not None:
        _module(name, task)
    module = load_format(name)
    if not getattr(module, "PREDICTIONS", {}):
        reasons = dict.fromkeys(_reason(module, one) for one in _NEEDED)
        raise UsageError(
            f"predictions in {name} cannot be scored again: {'; '.join(reasons)}. The format segbench takes "
            "those of any task, and `segbench formats NAME` says what others take"
        )


def _module(name: str, task: str) -> ModuleType:
    module = load_format(name)
    if task not in getattr(module, "PREDICTIONS", {}):
        others = [other for other in FORMATS if task in getattr(load_format(other), "PREDICTIONS", {})]
        raise UsageError(
            f"{task} predictions in {name} cannot be scored again: {_reason(module, task)}; save them as one "
            f"of {', '.join(others)}"
        )
    return module


def _reason(module: ModuleType, task: str) -> str:
    """Why a format has no predictions of a task."""
    if not hasattr(module, "write"):
        return "it is only read"
    lost = [FEATURES[feature] for feature in _NEEDED[task] if feature not in module.CARRIES]
    if lost:
        return f"it cannot carry {', or '.join(lost)}"
    return f"its predictions are {' or '.join(getattr(module, 'PREDICTIONS', {}))} ones"


def _as_objects(pred: Sample) -> Sample:
    """Return a label map as a segment for each of its classes, as formats of objects hold one."""
    flat = flatten(pred)
    return replace(pred, segments=flat.segments, load_mask=None, load_segment_map=lambda: flat.runs)


def predictions_of(kept: Kept, truth: Dataset, task: str, *, placed: bool = False) -> Dataset:
    """Return the predictions that shards keep: of the images that were measured, in the shards' order.

    Few shards are in memory at a time. Those that are ``placed`` are where the truth is: of its video and
    frame, and its place in a volume.
    """
    places = [
        (number, i, one.position)
        for number in kept.store.numbers()
        for i, one in enumerate(kept.read(number).outcomes)
        if one.pred is not None
    ]
    read = lru_cache(maxsize=_CACHED)(kept.read)

    def load(index: int) -> Sample:
        number, i, position = places[index]
        packed = cast("Packed", read(number).outcomes[i].pred)
        pred = unpack_prediction(packed, truth.image_ids[position], truth.ignore_index)
        if not placed:
            return pred
        at = truth[position]
        return replace(pred, video_id=at.video_id, frame=at.frame, extra=at.extra)

    return Dataset(
        name="predictions",
        categories=truth.categories,
        image_ids=[truth.image_ids[position] for _, _, position in places],
        load=load,
        tasks=(task,),
        splits={"predictions": len(places)},
        extra=truth.extra,
    )
