"""Predictions of a run, written in a format that they can be scored from again."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import cast

from segbench.canonical.dataset import Dataset
from segbench.canonical.sample import Sample
from segbench.conversions.losses import GRAVE, Counting, LossCount
from segbench.errors import LossError, UsageError, did_you_mean
from segbench.formats import FORMATS, load_format
from segbench.runs.predicted import Packed, unpack_prediction
from segbench.runs.shards import Kept

_COUNTED = GRAVE - {"ids", "stuff"}
"""What must not be lost of predictions: ids of segments mean nothing there, categories are the truth's."""
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
        When there is no such format, or it is none that such predictions can be scored from.
    """

    def __init__(self, name: str, task: str) -> None:
        self.format, self.task = name, task
        self._module = _module(name, task)

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
        write = getattr(self._module, "write_predictions", None)  # which itself refuses what it cannot carry
        if write is None:
            self._refuse_losses(preds)
            write = self._module.write
        write(preds, target, images="none")
        return target

    def _refuse_losses(self, preds: Dataset) -> None:
        counting = Counting(preds.categories, self._module)
        count = LossCount(preds, counting)
        for pred in preds if count else ():
            count.add(pred.image_id, counting.look(pred))
        counted = _COUNTED | ({"scores"} if self.task == "instance" else set())
        lost = [loss for loss in count.losses if loss.feature in counted]
        if lost:
            raise LossError(
                f"{self.format} cannot carry these predictions: {'; '.join(map(str, lost))}. Run again with "
                "another format, such as segbench: what is kept in shards is not predicted again"
            )


def _module(name: str, task: str) -> ModuleType:
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}.{did_you_mean(name, FORMATS)}")
    module = load_format(name)
    if task not in getattr(module, "PREDICTIONS", {}):
        others = [other for other in FORMATS if task in getattr(load_format(other), "PREDICTIONS", {})]
        raise UsageError(
            f"{task} predictions in {name} cannot be scored again; save them as one of {', '.join(others)}"
        )
    return module


def predictions_of(kept: Kept, truth: Dataset, task: str) -> Dataset:
    """Return the predictions that shards keep: of the images that were measured, in the shards' order.

    Few shards are in memory at a time.
    """
    places = [
        (number, i, one.image_id)
        for number in kept.store.numbers()
        for i, one in enumerate(kept.read(number).outcomes)
        if one.pred is not None
    ]
    read = lru_cache(maxsize=_CACHED)(kept.read)

    def load(index: int) -> Sample:
        number, i, image_id = places[index]
        packed = cast("Packed", read(number).outcomes[i].pred)
        return unpack_prediction(packed, image_id, truth.ignore_index)

    return Dataset(
        name="predictions",
        categories=truth.categories,
        image_ids=[image_id for _, _, image_id in places],
        load=load,
        tasks=(task,),
        splits={"predictions": len(places)},
        extra=truth.extra,
    )
