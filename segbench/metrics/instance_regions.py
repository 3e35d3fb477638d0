"""Regions: the predictions or the truth of one image as columns, ready to be matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench import kernels
from segbench.errors import DataError

if TYPE_CHECKING:
    from segbench.canonical.categories import Categories
    from segbench.canonical.rle import Rle
    from segbench.canonical.sample import Sample
    from segbench.canonical.segment import Segment

IouType = Literal["segm", "bbox", "boundary"]
Shapes = list[bytes] | NDArray[Any]
"""Masks as COCO's compressed RLEs; or boxes float64 [N, 4] ``x, y, w, h``; or, of masks whose IoUs were
measured already, rows float64 [D, G] of predicted ones, and the columns' numbers int64 [G] of true ones."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Regions:
    """The predictions or the truth of one image.

    Attributes
    ----------
    category_ids, ids
        int64 [N]; annotation ids of truth.
    areas
        float64 [N] in pixels, by which area ranges choose.
    mask_areas
        float64 [N] in pixels: that of the mask where a prediction has a mask and states a box, else the same.
    shapes
        What IoU is measured on.
    iscrowd, ignore
        bool [N], as the truth states them.
    scores
        float64 [N], of predictions.
    """

    category_ids: NDArray[np.int64]
    ids: NDArray[np.int64]
    areas: NDArray[np.float64]
    mask_areas: NDArray[np.float64]
    shapes: Shapes
    iscrowd: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.category_ids)

    def take(self, at: NDArray[np.intp]) -> Regions:
        """Return the regions at these positions, in their order."""
        shapes = self.shapes
        return Regions(
            category_ids=self.category_ids[at],
            ids=self.ids[at],
            areas=self.areas[at],
            mask_areas=self.mask_areas[at],
            shapes=shapes[at] if isinstance(shapes, np.ndarray) else [shapes[i] for i in at.tolist()],
            iscrowd=self.iscrowd[at],
            ignore=self.ignore[at],
            scores=self.scores[at],
        )


def pooled(regions: Regions, categories: Categories) -> Regions:
    """All categories as one, id 0, in the order of their source ids; unknown ones stay, and come last."""
    known = (regions.category_ids >= 0) & (regions.category_ids < len(categories))
    keys = np.array([c.key for c in categories], np.int64)
    place = np.full(len(regions), len(categories))
    place[known] = np.argsort(np.argsort(keys))[regions.category_ids[known]]
    order = np.argsort(place, kind="stable")
    return replace(regions.take(order), category_ids=np.where(known, 0, regions.category_ids)[order])


def shape_iou(
    pred: Shapes,
    truth: Shapes,
    truth_crowd: NDArray[np.bool_],
    size: tuple[int, int],
    dilation_ratio: float | None = None,
) -> NDArray[np.float64]:
    """IoU float64 [D, G] of predicted with true shapes; with a crowd, over the predicted area alone.

    With a ratio of the image's diagonal, it is that of boundaries so wide where that is less and the truth is
    no crowd.
    """
    if isinstance(pred, np.ndarray) and isinstance(truth, np.ndarray) and truth.dtype == np.int64:
        return pred[:, truth]
    if isinstance(pred, np.ndarray) or isinstance(truth, np.ndarray):
        return kernels.box_iou(pred, truth, truth_crowd)
    if dilation_ratio is None:
        return kernels.rle_iou(pred, truth, truth_crowd, *size)
    distance = kernels.boundary_distance(*size, dilation_ratio)
    return kernels.rle_boundary_iou(pred, truth, truth_crowd, *size, distance=distance)


def truth_regions(truth: Sample, iou_type: IouType) -> Regions:
    """Read the truth of an image: area is the one stated, else that of the mask, else that of the box.

    Raises
    ------
    DataError
        When a segment lacks the shape that IoU needs, or its mask is malformed or of another size.
    """
    areas = _column([s.source_area for s in truth.segments])
    return _regions(truth, iou_type, areas, np.zeros(len(areas)))


def pred_regions(pred: Sample, iou_type: IouType) -> Regions:
    """Read the predictions for an image: area is that of the box where one is stated, else that of the mask.

    A prediction of a box alone has the box as its mask, as in COCO's results.

    Raises
    ------
    DataError
        When a score is missing or not a number, and as :func:`truth_regions`.
    """
    scores, boxes = _scores(pred), _boxes(pred.segments)
    found = _regions(pred, iou_type, boxes[:, 2] * boxes[:, 3], scores, box_is_mask=iou_type != "bbox")
    both = [i for i, s in enumerate(pred.segments) if s.bbox is not None and s.source_kind != "box"]
    if iou_type == "bbox" or not both:
        return found
    mask_areas = found.areas.copy()
    try:
        mask_areas[both] = kernels.rle_measure([found.shapes[i] for i in both], pred.height, pred.width)[0]
    except ValueError as error:
        raise pred.error(str(error), "segmentation") from None
    return replace(found, mask_areas=mask_areas)


def measured_regions(
    sample: Sample, mask_areas: NDArray[np.float64], shapes: NDArray[Any], is_truth: bool
) -> Regions:
    """Read the truth or the predictions of an image whose masks were measured already; see :data:`Shapes`.

    Raises
    ------
    DataError
        When the score of a prediction is missing or not a number.
    """
    if is_truth:
        scores, stated = np.zeros(len(shapes)), _column([s.source_area for s in sample.segments])
    else:
        scores, boxes = _scores(sample), _boxes(sample.segments)
        stated = boxes[:, 2] * boxes[:, 3]
    areas = np.where(np.isnan(stated), mask_areas, stated)
    return _columns(sample, areas, areas if is_truth else mask_areas, shapes, scores)


def _columns(
    sample: Sample,
    areas: NDArray[np.float64],
    mask_areas: NDArray[np.float64],
    shapes: Shapes,
    scores: NDArray[np.float64],
) -> Regions:
    return Regions(
        category_ids=np.array([s.category_id for s in sample.segments], np.int64),
        ids=np.array([s.id for s in sample.segments], np.int64),
        areas=areas,
        mask_areas=mask_areas,
        shapes=shapes,
        iscrowd=np.array([s.iscrowd for s in sample.segments], np.bool_),
        ignore=np.array([s.ignore for s in sample.segments], np.bool_),
        scores=scores,
    )


def _scores(pred: Sample) -> NDArray[np.float64]:
    scores = _column([s.score for s in pred.segments])
    if np.isnan(scores).any():
        at = int(np.isnan(scores).argmax())
        raise DataError(
            f"prediction {at} has score {pred.segments[at].score}; every prediction needs a number",
            file=pred.source_path,
            image_id=pred.image_id,
            field="score",
        )
    return scores


def _regions(
    sample: Sample,
    iou_type: IouType,
    areas: NDArray[np.float64],
    scores: NDArray[np.float64],
    box_is_mask: bool = False,
) -> Regions:
    where = {"file": sample.source_path, "image_id": sample.image_id, "field": "segmentation"}
    boxes = _boxes(sample.segments)
    needed = np.flatnonzero(np.isnan(boxes[:, 0]) | np.isnan(areas) | (iou_type != "bbox")).tolist()
    try:
        rles = _rles(sample, needed, box_is_mask)
        _fill(boxes, areas, rles, sample)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(str(error), **where) from None
    shapes: Shapes = boxes if iou_type == "bbox" else [rles[i] for i in needed if i in rles]
    if len(shapes) < len(areas) or np.isnan(boxes[:, 0]).any():
        raise DataError(
            f"a segment has no {'box' if iou_type == 'bbox' else 'mask'} to measure IoU on", **where
        )
    return _columns(sample, areas, areas, shapes, scores)


def _rles(sample: Sample, needed: list[int], box_is_mask: bool) -> dict[int, bytes]:
    segments, height, width = sample.segments, sample.height, sample.width
    found: dict[int, bytes] = {}
    for i in needed:
        rle = segments[i].to_rle(height, width)
        if rle is not None:
            _check_size(rle, sample)
            found[i] = rle.counts
    rest = [i for i in needed if i not in found]
    if rest and sample.load_segment_map is not None:
        masks = kernels.segment_rles(sample.segment_map, [segments[i].id for i in rest])
        return found | dict(zip(rest, masks, strict=True))
    boxes = {i: segments[i].bbox for i in rest} if box_is_mask else {}
    return found | {
        i: kernels.rle_from_box(box, height, width) for i, box in boxes.items() if box is not None
    }


def check_sizes(pred: Sample, truth: Sample) -> None:
    """Refuse predictions of another size than the image.

    Raises
    ------
    DataError
        When the sizes differ.
    """
    if (pred.height, pred.width) != (truth.height, truth.width):
        raise DataError(
            f"it is {pred.width}×{pred.height} pixels, the image {truth.width}×{truth.height}",
            file=pred.source_path,
            image_id=truth.image_id,
            field="size",
        )


def _check_size(rle: Rle, sample: Sample) -> None:
    if (rle.height, rle.width) != (sample.height, sample.width):
        raise DataError(
            f"the mask is {rle.width}×{rle.height} pixels, the image {sample.width}×{sample.height}",
            file=sample.source_path,
            image_id=sample.image_id,
            field="segmentation",
        )


def _fill(
    boxes: NDArray[np.float64], areas: NDArray[np.float64], rles: dict[int, bytes], sample: Sample
) -> None:
    boxless, unsized = np.isnan(boxes[:, 0]), np.isnan(areas)
    at = [i for i in rles if boxless[i] or unsized[i]]
    pixels, tight = kernels.rle_measure([rles[i] for i in at], sample.height, sample.width)
    boxes[at] = np.where(boxless[at, None], tight, boxes[at])
    areas[at] = np.where(unsized[at], pixels, areas[at])
    areas[:] = np.where(np.isnan(areas), boxes[:, 2] * boxes[:, 3], areas)


def _boxes(segments: Sequence[Segment]) -> NDArray[np.float64]:
    rows = [(np.nan,) * 4 if s.bbox is None else s.bbox for s in segments]
    return np.array(rows, np.float64).reshape(-1, 4)


def _column(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], np.float64)
