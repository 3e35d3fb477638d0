"""A small drawn data set, predictions on it and their run records: what a page with pictures is made from.

Predictions are the truth moved to the side: by few pixels those of ``near``, by many those of ``far``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

import segbench
from segbench.demo import draw

MOVES = {"near": 3, "far": 12}
N_IMAGES = 6
TASKS = ("semantic", "instance", "panoptic")
NAME = "drawn"


def put(root: Path) -> dict[str, Path]:
    """Draw the data, write predictions and records; return the paths by what they are."""
    sources = draw(root / "source", n_images=N_IMAGES)
    paths = {"results": root / "results", "source": root / "source"}
    images = {"images": str(sources.images)}
    truths = {
        "semantic": (sources.labels, {**images, "labels": str(sources.id2label)}),
        "instance": (sources.instances, images),
        "panoptic": (sources.panoptic, images),
    }
    for task, (source, options) in truths.items():
        dataset = segbench.open_dataset(source, options=options)
        dataset.name = NAME
        segbench.convert(dataset, root / task)
        paths[task] = root / task
        for model, by in MOVES.items():
            pred = PREDICT[task](sources, root / f"{task}-{model}", by)
            paths[f"{task}-{model}"] = pred
            segbench.score(root / task, pred, task=task, model=model, out=paths["results"], threads=1)
    return paths


def words(drawn, tasks=TASKS, models=("near", "far")):
    """What ``--pictures`` is given."""
    return [f"{drawn[task]}={drawn[f'{task}-{model}']}" for task in tasks for model in models]


def moved(array, by):
    """The map or mask moved to the right; what is left of it stays."""
    result = array.copy()
    result[:, by:] = array[:, :-by]
    return result


def _labels(sources, folder, by):
    folder.mkdir()
    for file in sorted(sources.labels.glob("*.png")):
        mask = moved(np.asarray(Image.open(file)), by)
        Image.fromarray(np.where(mask == 255, 0, mask).astype(np.uint8)).save(folder / file.name)
    return folder


def _instances(sources, file, by):
    file = file.with_suffix(".json")
    truth = json.loads(sources.instances.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    rng = np.random.default_rng(by)
    rows = []
    for one in truth["annotations"]:
        rle = coco_mask.encode(
            np.asfortranarray(moved(_mask(one["segmentation"], *sizes[one["image_id"]]), by))
        )
        score = round(float(rng.uniform(0.05, 1)), 3)
        rows.append({
            "image_id": one["image_id"], "category_id": one["category_id"], "score": score,
            "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        })  # fmt: skip
    file.write_text(json.dumps(rows))
    return file


def _mask(segmentation, height, width):
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        return coco_mask.decode(segmentation)
    rles = coco_mask.frPyObjects(segmentation, height, width)
    return coco_mask.decode(coco_mask.merge(rles) if isinstance(rles, list) else rles)


def _panoptic(sources, file, by):
    folder = file
    folder.mkdir()
    truth = json.loads(sources.panoptic.read_text())
    truth["annotations"] = [
        {**row, "segments_info": _left_of(row, sources.panoptic.with_suffix(""), folder, by)}
        for row in truth["annotations"]
    ]
    target = file.with_name(f"{file.name}.json")
    target.write_text(json.dumps(truth))
    return target


def _left_of(row, source, folder, by):
    rgb = moved(np.asarray(Image.open(source / row["file_name"]).convert("RGB")), by)
    Image.fromarray(rgb).save(folder / row["file_name"])
    ids = set(np.unique(rgb.astype(np.int64) @ [1, 256, 65536]).tolist())
    return [{"id": s["id"], "category_id": s["category_id"]} for s in row["segments_info"] if s["id"] in ids]


PREDICT = {"semantic": _labels, "instance": _instances, "panoptic": _panoptic}
