"""From what a model answers to the canonical Sample that metrics read, with every check on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.canonical.maps import mask_dtype
from segbench.canonical.rle import Rle
from segbench.canonical.sample import Sample
from segbench.canonical.segment import Segment
from segbench.errors import DataError, PluginError
from segbench.kernels import LabelRuns
from segbench.models.arrays import to_numpy
from segbench.models.types import InstancePrediction, PanopticPrediction, Prediction, SemanticPrediction

if TYPE_CHECKING:
    from segbench.models.class_map import ClassMap


def prediction_sample(
    prediction: Prediction, truth: Sample, class_map: ClassMap, ignore_index: int
) -> Sample:
    """Check a prediction and turn it into a canonical one.

    Parameters
    ----------
    prediction
        What the model answered for the image of ``truth``.
    truth
        Gives image id, height and width.
    class_map
        From the model's category ids to the data set's. Predictions of ignored categories are dropped: their
        instances and segments are left out, their pixels are void.
    ignore_index
        Mask value of void.

    Returns
    -------
    Sample
        Semantic: with ``load_mask``. Instance: ``overlap`` segments with ``rle`` and ``score``, whose ids are
        1 + their place in the prediction. Panoptic: with ``load_segment_map`` and segments.

    Raises
    ------
    PluginError
        When shape, dtype, a value or a category id is not as it must be; names model, image and field.
    """
    reader = _Reader(truth, class_map, ignore_index)
    if isinstance(prediction, InstancePrediction):
        return reader.instance(prediction)
    if isinstance(prediction, PanopticPrediction):
        return reader.panoptic(prediction)
    if not isinstance(prediction, SemanticPrediction):
        prediction = SemanticPrediction(mask=prediction)
    return reader.semantic(prediction)


class _Reader:
    """Reads predictions of one image; knows whom to name when one is wrong."""

    def __init__(self, truth: Sample, class_map: ClassMap, ignore_index: int) -> None:
        self.truth, self.class_map, self.ignore_index = truth, class_map, ignore_index
        self.size = (truth.height, truth.width)

    def fail(self, field: str, message: str) -> NoReturn:
        raise PluginError(f"{self.class_map.model}: image {self.truth.image_id}: {field}: {message}")

    def sample(self, **content: Any) -> Sample:
        height, width = self.size
        return Sample(
            image_id=self.truth.image_id,
            height=height,
            width=width,
            ignore_index=self.ignore_index,
            **content,
        )

    def semantic(self, prediction: SemanticPrediction) -> Sample:
        if (prediction.mask is None) == (prediction.logits is None):
            self.fail("mask", "a semantic prediction has either a mask or logits")
        if prediction.logits is not None:
            ids = self.argmax(self.array("logits", prediction.logits, "f", 3))
        else:
            ids = self.array("mask", prediction.mask, "iu", 2)
            self.check_size("mask", ids.shape)
        runs = LabelRuns.of(ids)
        known, void = self.categories("mask", runs.values), self.ignore_index
        mask = runs.renamed(np.where(known < 0, void, known).astype(mask_dtype(void)))
        return self.sample(load_mask=lambda: mask)

    def instance(self, prediction: InstancePrediction) -> Sample:
        rles = self.rles(prediction.masks)
        scores = self.array("scores", prediction.scores, "f", 1)
        ids = self.array("category_ids", prediction.category_ids, "iu", 1)
        if not len(rles) == len(scores) == len(ids):
            self.fail(
                "masks", f"there are {len(rles)} masks, {len(scores)} scores and {len(ids)} category ids"
            )
        if not np.isfinite(scores).all():
            place = int(np.argmin(np.isfinite(scores)))
            self.fail("scores", f"score {place} is {scores[place]}")
        rows = zip(rles, scores.tolist(), self.categories("category_ids", ids).tolist(), strict=True)
        segments = [
            Segment(id=i, category_id=category_id, rle=rle, score=score, source_kind="rle")
            for i, (rle, score, category_id) in enumerate(rows, start=1)
            if category_id >= 0
        ]
        return self.sample(segments=segments, overlap=True)

    def panoptic(self, prediction: PanopticPrediction) -> Sample:
        ids = self.array("segment_map", prediction.segment_map, "iu", 2)
        self.check_size("segment_map", ids.shape)
        runs = LabelRuns.of(ids)
        if runs.values.min() < 0 or runs.values.max() > np.iinfo(np.int32).max:
            self.fail("segment_map", "ids must be 0 for void, or positive and below 2³¹")
        values = runs.values.astype(np.int32)
        listed = [self.segment(row) for row in prediction.segments]
        known, present = [s.id for s in listed], set(runs.ids().tolist()) - {0}
        if len(set(known)) != len(known):
            self.fail("segments", "an id stands twice")
        if present != set(known):
            odd = min(present ^ set(known))
            where = "the map but not in segments" if odd in present else "segments but not in the map"
            self.fail("segments", f"segment id {odd} is in {where}")
        dropped = [s.id for s in listed if s.category_id < 0]
        if dropped:
            values = np.where(np.isin(values, dropped), 0, values)
        segment_map = runs.renamed(values)
        segments = [s for s in listed if s.category_id >= 0]
        return self.sample(segments=segments, load_segment_map=lambda: segment_map)

    def array(self, field: str, value: Any, kinds: str, ndim: int) -> NDArray[Any]:
        """Return value as an array of one of the dtype kinds and so many dimensions; an empty list is any."""
        try:
            array = to_numpy(value)
        except (ValueError, TypeError) as error:
            self.fail(field, f"is no array: {error}")
        if array.ndim == ndim and array.size == 0 and isinstance(value, list | tuple):
            return array.astype(np.int64 if "i" in kinds else np.float64)
        if array.ndim != ndim or array.dtype.kind not in kinds:
            wanted = {"iu": "integers", "f": "floats", "b": "bool"}[kinds]
            logits = field == "mask" and array.dtype.kind == "f" and array.ndim == 3
            hint = "; logits are to come as SemanticPrediction(logits=…)" if logits else ""
            found = f"{array.dtype} {list(array.shape)}{hint}"
            self.fail(field, f"expected {wanted} of {ndim} dimensions, got {found}")
        return array

    def check_size(self, field: str, shape: tuple[int, ...]) -> None:
        if shape[-2:] != self.size:
            self.fail(field, f"is {list(shape)}, the image {list(self.size)} (height, width)")

    def categories(self, field: str, ids: NDArray[Any]) -> NDArray[np.int32]:
        """Return the data set's categories, -1 where ignored."""
        top = max(self.class_map.ids)
        table = np.full(top + 2, -2, np.int32)
        for model_id, category_id in self.class_map.ids.items():
            table[model_id] = -1 if category_id is None else category_id
        inside = (ids >= 0) & (ids <= top)
        mapped: NDArray[np.int32] = table[np.where(inside, ids, top + 1)]
        if (mapped == -2).any():
            odd = int(ids[mapped == -2][0])
            self.fail(field, f"category id {odd} is not in the model's id2label (0 to {top})")
        return mapped

    def argmax(self, logits: NDArray[Any]) -> NDArray[np.int32]:
        """Return the category of the largest logit at native size, in float32; the first of equals."""
        n = len(logits)
        if sorted(self.class_map.ids) != list(range(n)):
            self.fail("logits", f"have {n} channels; id2label must then be of ids 0 to {n - 1}")
        native = logits.shape[1:] == self.size
        if not logits.size or np.isnan(logits).any() or not (native or np.isfinite(logits).all()):
            self.fail("logits", f"are empty, NaN or infinite: {list(logits.shape)}")
        if logits.dtype != np.float16:
            logits = logits.astype(np.float32, copy=False)
        return kernels.logits_labels(logits, *self.size)

    def rles(self, masks: Any) -> list[Rle]:
        """Return masks as RLEs of the size of the image."""
        if isinstance(masks, list | tuple) and all(isinstance(mask, Rle | Mapping) for mask in masks):
            return [self.rle(mask) for mask in masks]
        array = self.array("masks", masks, "b", 3)
        self.check_size("masks", array.shape)
        return [Rle.from_mask(mask) for mask in array]

    def rle(self, mask: Rle | Mapping[str, Any]) -> Rle:
        if isinstance(mask, Mapping):
            mask = self.coco_rle(mask)
        if (mask.height, mask.width) != self.size:
            self.fail("masks", f"an RLE is of size {[mask.height, mask.width]}, the image {list(self.size)}")
        try:
            return mask.check()
        except DataError as error:
            self.fail("masks", f"an RLE is broken: {error}")

    def coco_rle(self, mask: Mapping[str, Any]) -> Rle:
        size, counts = mask.get("size"), mask.get("counts")
        if not isinstance(size, Iterable) or tuple(size) != self.size:
            self.fail("masks", f"an RLE is of size {size}, the image {list(self.size)}")
        try:
            if isinstance(counts, str | bytes):
                return Rle(*self.size, counts.encode("ascii") if isinstance(counts, str) else counts)
            return Rle.from_runs(counts, *self.size)  # type: ignore[arg-type] # checked there
        except (DataError, UnicodeEncodeError) as error:
            self.fail("masks", f"an RLE is broken: {error}")

    def segment(self, row: Mapping[str, Any]) -> Segment:
        try:
            segment_id, category_id, score = int(row["id"]), int(row["category_id"]), row.get("score")
            score = None if score is None else float(score)
        except (KeyError, TypeError, ValueError) as error:
            self.fail("segments", f"each has an integer id and category_id: {row!r} ({error!r})")
        if score is not None and not np.isfinite(score):
            self.fail("segments", f"the score of segment {segment_id} is {score}")
        mapped = int(self.categories("segments", np.array([category_id]))[0])
        return Segment(id=segment_id, category_id=mapped, score=score)
