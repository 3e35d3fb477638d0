"""A small data set with pictures, for every task, and what reference evaluators say of predictions on it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

import segbench
from segbench.canonical.categories import Categories, Category
from segbench.canonical.dataset import Dataset
from segbench.canonical.images import encode_image, encode_segment_map
from segbench.canonical.rle import Rle
from segbench.canonical.sample import ImageFile, Sample
from segbench.canonical.segment import Segment
from segbench.records.results import saved_predictions

FORMATS = {"semantic": "png", "instance": "coco", "panoptic": "coco-panoptic"}
"""Those of the reference evaluators: in these predictions are saved."""
SIZES = [(50, 70), (64, 64), (33, 90), (71, 40)]
CATEGORIES = Categories(
    [
        Category(id=0, name="road", source_id=7, isthing=False),
        Category(id=1, name="sky", source_id=3, isthing=False),
        Category(id=2, name="car", source_id=11, isthing=True),
    ]
)


def picture(index: int) -> NDArray[np.uint8]:
    """RGB, uint8 [3, H, W]: blocks of colour with noise."""
    rng = np.random.default_rng([1, index])
    height, width = SIZES[index]
    blocks = np.kron(rng.integers(0, 256, (3, 5, 5)), np.ones((1, height // 5 + 1, width // 5 + 1)))
    noise = rng.integers(-20, 20, (3, height, width))
    return np.clip(blocks[:, :height, :width] + noise, 0, 255).astype(np.uint8)


Map = tuple[NDArray[Any], dict[int, int]]
"""Segment ids [H, W], 0 for void, and the dense category id of each."""
Regions = tuple[list[NDArray[np.bool_]], list[int]]
"""Masks, which may overlap, and the dense category id of each."""


def blocks(index: int) -> Map:
    """Segment 1 is road, 2 sky, the others cars."""
    rng = np.random.default_rng([2, index])
    height, width = SIZES[index]
    ids = np.kron(rng.integers(0, 6, (4, 4)), np.ones((height // 4 + 1, width // 4 + 1), int))
    ids = ids[:height, :width].astype(np.int32)
    return ids, {i: min(i - 1, 2) for i in np.unique(ids).tolist() if i}


def near_map(pred: Map) -> Map:
    """Make a truth that a prediction meets in part: it is moved, and a car is at its side."""
    ids, kinds = pred
    moved, car = np.roll(ids, 3, 1), max(kinds, default=0) + 1
    moved[:, :6] = car
    present = set(np.unique(moved).tolist())
    return moved, {i: c for i, c in {**kinds, car: 2}.items() if i in present}


def near_regions(masks: list[NDArray[np.bool_]], labels: list[int]) -> Regions:
    """Likewise: every other mask, without some of its columns."""
    wanted = [mask.copy() for mask in masks[::2]]
    for mask in wanted:
        mask[:, : mask.shape[1] // 8] = False
    kept = [i for i, mask in enumerate(wanted) if mask.any()]
    return [wanted[i] for i in kept], [labels[::2][i] for i in kept]


def map_sample(index: int, truth: Map) -> Sample:
    """One image with a segment map."""
    ids, kinds = truth
    height, width = SIZES[index]
    return Sample(
        image_id=str(index + 1),
        height=height,
        width=width,
        image_file=ImageFile(name=f"{index + 1}.png", data=encode_image(picture(index))),
        load_segment_map=lambda: ids.astype(np.int32),
        segments=[Segment(id=i, category_id=c) for i, c in kinds.items()],
    )


def region_sample(index: int, truth: Regions) -> Sample:
    """One image with instances."""
    rles = [Rle.from_mask(mask) for mask in truth[0]]
    segments = [
        Segment(id=i + 1, category_id=c, rle=rle, source_area=float(rle.area))
        for i, (rle, c) in enumerate(zip(rles, truth[1], strict=True))
    ]
    return replace(map_sample(index, blocks(index)), load_segment_map=None, overlap=True, segments=segments)


def scored(sample: Sample) -> Sample:
    """A sample whose segments have scores that fall, as a prediction has."""
    n = len(sample.segments)
    segments = [replace(s, score=1 - i / (n + 1)) for i, s in enumerate(sample.segments)]
    return replace(sample, segments=segments, image_file=None)


def dataset(truth: Sequence[Map] | Sequence[Regions] | None = None) -> Dataset:
    """The data set with this truth; by default that of :func:`blocks`."""
    truths: Sequence[Any] = truth or [blocks(index) for index in range(len(SIZES))]
    maps = isinstance(truths[0][0], np.ndarray)
    make: Any = map_sample if maps else region_sample
    return Dataset(
        name="small",
        categories=CATEGORIES,
        image_ids=[str(i + 1) for i in range(len(SIZES))],
        load=lambda index: make(index, truths[index]),
        tasks=("panoptic", "semantic") if maps else ("instance",),
    )


def mean_iou(masks: list[NDArray[Any]]) -> float:
    """Of predicted label maps, by the definition: every pixel counted one by one."""
    inter, union = np.zeros(3, int), np.zeros(3, int)
    for index, pred in enumerate(masks):
        truth = dataset()[index].mask
        known = truth != 255
        for c in range(3):
            inter[c] += ((pred == c) & (truth == c) & known).sum()
            union[c] += (((pred == c) | (truth == c)) & known).sum()
    return float(np.mean(inter / union))


def run_saved(spec: str, truth: Dataset, out: Path, **options: Any) -> segbench.RunRecord:
    """Run a model, save what it predicts, and hold the score of that against the run's: to the bit."""
    task = options.get("task", "instance")
    record = segbench.run(spec, truth, out=out, save_predictions=FORMATS[task], **options)
    assert record.path is not None
    saved = saved_predictions(record.path)
    assert saved is not None
    again = segbench.score(truth, saved, task=task)
    assert json.dumps(again.to_dict()["metrics"]) == json.dumps(record.to_dict()["metrics"])
    assert record.run_id == segbench.read_record(record.path).run_id
    return record


def average_precision(
    truth: Sequence[Regions], predicted: Sequence[tuple[Sequence[Any], Sequence[float], Sequence[int]]]
) -> float:
    """Of masks, scores and dense category ids an image, by pycocotools."""
    annotations, results = [], []
    for index, (masks, scores, labels) in enumerate(predicted):
        for mask, label in zip(*truth[index], strict=True):
            encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": CATEGORIES[label].source_id,
                    "iscrowd": 0,
                    "area": int(coco_mask.area(encoded)),
                    "bbox": coco_mask.toBbox(encoded).tolist(),
                    "segmentation": encoded,
                }
            )
        for mask, score, label in zip(masks, scores, labels, strict=True):
            encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
            category_id = CATEGORIES[int(label)].source_id
            results.append(
                {
                    "image_id": index + 1,
                    "category_id": category_id,
                    "segmentation": encoded,
                    "score": float(score),
                }
            )
    coco = pycocotools.coco.COCO()
    coco.dataset = {
        "images": [{"id": i + 1, "height": h, "width": w} for i, (h, w) in enumerate(SIZES)],
        "annotations": annotations,
        "categories": [{"id": c.source_id, "name": c.name} for c in CATEGORIES],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = pycocotools.cocoeval.COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def panoptic_quality(truth: Sequence[Map], predicted: Sequence[Map], folder: Path) -> float:
    """Of segment maps and dense category ids, by panopticapi."""
    import panopticapi.evaluation

    rows: dict[str, list[Any]] = {"truth": [], "pred": []}
    for index, pair in enumerate(zip(truth, predicted, strict=True)):
        for name, (found, categories) in zip(rows, pair, strict=True):
            (folder / name).mkdir(exist_ok=True)
            file = f"{index + 1}.png"
            (folder / name / file).write_bytes(encode_segment_map(found.astype(np.int32)))
            info = [
                {
                    "id": int(i),
                    "category_id": CATEGORIES[c].source_id,
                    "iscrowd": 0,
                    "area": int((found == i).sum()),
                }
                for i, c in categories.items()
            ]
            rows[name].append({"image_id": index + 1, "file_name": file, "segments_info": info})
    categories = {
        c.source_id: {"id": c.source_id, "name": c.name, "isthing": int(bool(c.isthing)), "color": [0, 0, 0]}
        for c in CATEGORIES
    }
    pairs = list(zip(rows["truth"], rows["pred"], strict=True))
    with contextlib.redirect_stdout(io.StringIO()):
        stats = panopticapi.evaluation.pq_compute_single_core(
            0, pairs, str(folder / "truth"), str(folder / "pred"), categories
        )
    return float(stats.pq_average(categories, isthing=None)[0]["pq"])
