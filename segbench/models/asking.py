"""How a semantic model is asked for an image: as a whole, or in windows that overlap, and mirrored as well.

A pixel has the mean of the logits of the windows that it lies in, which begin at every stride; the last of a
row or column ends with the image, as ``slide_inference`` of mmsegmentation 1.2 has it. Where the model is
asked for mirrored images too, a pixel has the mean of the probabilities (softmax) of each, as its
``SegTTAModel`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import PluginError, UsageError, did_you_mean
from segbench.models.arrays import to_numpy
from segbench.models.types import Batch, Prediction, SegModel, SemanticPrediction

FLIPS: Mapping[str, tuple[int, ...]] = {"horizontal": (-1,), "vertical": (-2,), "both": (-2, -1)}
"""How an image may be mirrored: the axes of [3, H, W]."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a model is asked; part of the protocol of a run.

    Attributes
    ----------
    window
        Height and width of the windows; None for the whole image.
    stride
        From one window to the next, downwards and to the right.
    flips
        Ways in which images are mirrored, of :data:`FLIPS`, beside as they are.
    """

    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    flips: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, window: int | Sequence[int] | None, stride: int | Sequence[int] | None, flips: Sequence[str] = ()
    ) -> Asking:
        """Read what was asked for; a stride that is not given is two thirds of the window.

        Raises
        ------
        UsageError
            When a size is none, a stride has no window or leaves gaps, or a way to mirror is unknown.
        """
        for flip in flips:
            if flip not in FLIPS:
                raise UsageError(f"unknown flip {flip!r}.{did_you_mean(flip, FLIPS)}")
        if len(set(flips)) < len(flips):
            raise UsageError(f"a flip is named twice: {', '.join(flips)}")
        if window is None:
            if stride is not None:
                raise UsageError("a stride is from window to window: name the window, too")
            return cls(flips=tuple(flips))
        size = _pair("window", window)
        step = (
            _pair("stride", stride)
            if stride is not None
            else (max(size[0] * 2 // 3, 1), max(size[1] * 2 // 3, 1))
        )
        if step[0] > size[0] or step[1] > size[1]:
            raise UsageError(f"the stride {list(step)} leaves gaps between windows of {list(size)}")
        return cls(window=size, stride=step, flips=tuple(flips))

    def __bool__(self) -> bool:
        """Whether it is other than the whole image, once."""
        return self.window is not None or bool(self.flips)

    @property
    def settings(self) -> dict[str, Any]:
        """What a record says of it; sizes are height and width."""
        sizes = (
            {} if self.window is None else {"window": list(self.window), "stride": list(self.stride or ())}
        )
        return sizes | ({"flips": list(self.flips)} if self.flips else {})


def _pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else (*value, 0, 0)[:2]
    if min(height, width) < 1 or (not isinstance(value, int) and len(value) != 2):
        raise UsageError(f"a {name} is height and width in pixels, such as 512x512, not {value!r}")
    return height, width


class ByViews:
    """A model that is asked so: its answer is the mean of what it says of views of an image.

    Parameters
    ----------
    plugin
        The model, which must answer with logits.
    how
        In which windows, and how mirrored.
    """

    def __init__(self, plugin: SegModel, how: Asking) -> None:
        self.info = plugin.info
        self._plugin, self._how = plugin, how

    def predict(self, batch: Batch) -> list[Prediction]:
        """Answer each image of a batch, in order; a call of the model has as many windows as that images."""
        if batch.task != "semantic":
            raise PluginError(f"windows and flips are for semantic models, not for the task {batch.task}")
        return [
            SemanticPrediction(logits=self._scores(image, image_id, len(batch)))
            for image, image_id in zip(batch.images, batch.image_ids, strict=True)
        ]

    def _scores(self, image: NDArray[np.uint8], image_id: str, most: int) -> Scores:
        if not self._how.flips:
            return self._slid(image, image_id, most)
        views = [(), *(FLIPS[name] for name in self._how.flips)]
        each = (np.flip(self._slid(np.flip(image, axes), image_id, most), axes) for axes in views)
        mean: Scores = reduce(np.add, map(softmax, each)) / np.float32(len(views))
        return mean

    def _slid(self, image: NDArray[np.uint8], image_id: str, most: int) -> Scores:
        """The mean logits of all windows, float32 [C, H, W]."""
        size = image.shape[1:]
        boxes = list(windows(size, self._how))
        total = count = np.zeros(size, np.float32)
        for some in (boxes[i : i + most] for i in range(0, len(boxes), most)):
            parts = [np.ascontiguousarray(image[:, y, x]) for y, x in some]
            for (y, x), logits in zip(some, self._logits(parts, image_id), strict=True):
                if total.ndim == 2:
                    total = np.zeros((len(logits), *size), np.float32)
                total[:, y, x] += logits
                count[y, x] += 1
        mean: Scores = total / count
        return mean

    def _logits(self, images: list[NDArray[np.uint8]], image_id: str) -> Iterator[Scores]:
        """The logits of some windows, each at its size."""
        batch = Batch(images=images, image_ids=[image_id] * len(images), task="semantic")
        for image, answer in zip(images, self._plugin.predict(batch), strict=True):
            logits = answer.logits if isinstance(answer, SemanticPrediction) else None
            if logits is None:
                raise PluginError("answers with label maps: windows and flips need logits, which have a mean")
            yield kernels.resize_bilinear(to_numpy(logits), *image.shape[1:])


def windows(size: tuple[int, ...], how: Asking) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of each window of an image; one that is smaller is a window of its own."""
    if how.window is None or how.stride is None:
        yield slice(0, size[0]), slice(0, size[1])
        return
    sides = zip(size, how.window, how.stride, strict=True)
    rows, columns = ([_span(i, *side) for i in range(_count(*side))] for side in sides)
    for row in rows:
        yield from ((row, column) for column in columns)


def _count(length: int, window: int, stride: int) -> int:
    return -(-max(length - window, 0) // stride) + 1


def _span(i: int, length: int, window: int, stride: int) -> slice:
    end = min(i * stride + window, length)
    return slice(max(end - window, 0), end)


def softmax(logits: Scores) -> Scores:
    """Probabilities of the classes, float32 [C, H, W]."""
    grown = np.exp(logits - logits.max(axis=0))
    shares: Scores = grown / grown.sum(axis=0)
    return shares
